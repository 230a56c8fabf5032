"""Weighing sessions as somebody sees them who may see some vehicles only: a session belongs to its truck.

One whose truck is not known is for those who see the whole city, and for nobody else to resolve.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from api.weighing_ports import WeighingSessions
from rules.weighing.model import Decision, SessionDetail, SessionFilter, SessionPage, UnknownSession


class NarrowedWeighingSessions:
    """Stands for the port of sessions."""

    def __init__(self, sessions: WeighingSessions, vehicles: Callable[[], frozenset[str]]) -> None:
        """`vehicles`: ids of those that may be seen."""
        self._sessions, self._vehicles = sessions, vehicles

    def sessions(self, where: SessionFilter, *, limit: int, before: str | None = None) -> SessionPage:
        return self._sessions.sessions(replace(where, vehicles=self._vehicles()), limit=limit, before=before)

    def session(self, session_id: str, where: SessionFilter | None = None) -> SessionDetail | None:
        seen = self._vehicles()
        detail = self._sessions.session(session_id, replace(where or SessionFilter(), vehicles=seen))
        if detail is None:
            return None
        changes = tuple(
            change.model_copy(update={"before": _of_seen(change.before, seen), "after": _of_seen(change.after, seen)})
            for change in detail.changes
        )
        return detail.model_copy(update={"changes": changes})

    def resolve(self, session_id: str, decision: Decision) -> SessionDetail:
        seen = self._vehicles()
        if self.session(session_id) is None or decision.vehicle_id not in seen:
            raise UnknownSession(f"no weighing session {session_id!r}")
        return self._sessions.resolve(session_id, decision)


def _of_seen(state: dict[str, Any] | None, seen: frozenset[str]) -> dict[str, Any] | None:
    """What a revision says, without the truck that the session was taken for where it may not be seen."""
    if state is None or "vehicle_id" not in state or state["vehicle_id"] in seen:
        return state
    return {name: value for name, value in state.items() if name not in {"vehicle_id", "plate"}}
