"""Ports: what the API needs to know who somebody is; a part of `api.ports`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from devices.people.audit import AuditEntry, AuditFilter, NewAuditEntry
from devices.people.model import Person
from devices.people.provider_people import SignedOn
from devices.people.sessions import Session
from devices.people.tokens import ApiToken
from devices.sign_on.model import Answer, Pending


class Accounts(Protocol):
    """`devices.people.accounts.Accounts`. Synchronous; every method may raise DatabaseError."""

    def exist(self) -> bool: ...

    def all(self) -> list[Person]: ...


class Sessions(Protocol):
    """`devices.people.sessions.Sessions`. Synchronous; every method may raise DatabaseError."""

    def sign_in(self, name: str, password: str, now: int, place: str = "", earlier: Session | None = None) -> Session:
        """`earlier`: the session of the same browser. Raises BadCredentials, LockedOut."""

    def find(self, secret: str, now: int) -> Session | None: ...

    def find_all(self, secrets: Collection[str], now: int) -> Mapping[str, Session]:
        """Those that there are, by secret: in one read."""

    def end(self, secret: str) -> str | None:
        """Return the token with which the identity provider named the person, if one did."""

    def change_password(self, session: Session, old: str, new: str, now: int) -> None:
        """Raises BadCredentials, LockedOut, Refused."""


class Tokens(Protocol):
    """`devices.people.tokens.Tokens`. Synchronous; every method may raise DatabaseError."""

    def exist(self) -> bool: ...

    def find(self, secret: str, now: int) -> ApiToken | None: ...


class AuditTrail(Protocol):
    """`devices.people.audit.AuditTrail`. Synchronous; every method may raise DatabaseError."""

    def add(self, entry: NewAuditEntry) -> None: ...

    def entries(self, where: AuditFilter, *, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """Entries, newest first; those with a number below `before`."""


class SignOn(Protocol):
    """`devices.sign_on.sign_on.SignOn`. Synchronous: waits for the identity provider for some seconds at most."""

    @property
    def title(self) -> str | None:
        """What the button says."""

    def begin(self) -> tuple[str, Pending]:
        """Where to send the browser, and what to remember until it comes back. Raises SignOnRefused."""

    def finish(self, pending: Pending, answer: Answer, now: int) -> SignedOn:
        """Raises SignOnRefused, DatabaseError."""

    def sign_out_url(self, id_token: str) -> str | None:
        """Where the browser signs out at the provider as well."""


@dataclass(frozen=True)
class People:
    """Who may use the API."""

    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    audit: AuditTrail
    sign_on: SignOn | None = None
    """None: people sign in with a password only."""
