"""Ports: weighing sessions, as the API needs them; a part of `api.ports`."""

from typing import Protocol

from rules.weighing.model import Decision, SessionDetail, SessionFilter, SessionPage, UnknownSession


class WeighingSessions(Protocol):
    """`rules.weighing.store.SessionStore`. Synchronous; every method may raise DatabaseError."""

    def sessions(self, where: SessionFilter, *, limit: int, before: str | None = None) -> SessionPage:
        """A page of sessions that stand, newest first. Raises InvalidCursor."""

    def session(self, session_id: str, where: SessionFilter | None = None) -> SessionDetail | None: ...

    def resolve(self, session_id: str, decision: Decision) -> SessionDetail:
        """Raises UnknownSession, SessionOutdated, ResolveRefused."""


class NoWeighingSessions:
    """Stands for the port where there are none."""

    def sessions(self, where: SessionFilter, *, limit: int, before: str | None = None) -> SessionPage:
        return SessionPage(items=(), next_cursor=None)

    def session(self, session_id: str, where: SessionFilter | None = None) -> SessionDetail | None:
        return None

    def resolve(self, session_id: str, decision: Decision) -> SessionDetail:
        raise UnknownSession(f"no weighing session {session_id!r}")
