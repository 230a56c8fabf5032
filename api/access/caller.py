"""The caller of a request."""

from dataclasses import dataclass, field
from enum import StrEnum

from devices.people.model import WHOLE_CITY, Language, Role, Visibility
from devices.people.sessions import Session
from devices.people.tokens import ApiToken


class CallerKind(StrEnum):
    """How a caller has shown who it is."""

    PERSON = "person"
    """By the cookie of a session."""
    MACHINE = "machine"
    """By a token of its own."""
    SETTING = "setting"
    """By a token of the settings, which several programs and people may share."""
    ANONYMOUS = "anonymous"
    """Not at all: from this machine, while there are no accounts."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    kind: CallerKind
    name: str
    display_name: str
    role: Role
    visibility: Visibility = WHOLE_CITY
    language: Language | None = None
    session: Session | None = field(default=None, repr=False)
    """Of a person."""
    expires_at: int | None = None
    """When session or token ends, wall clock in ms; None: never."""


ANONYMOUS = Caller(CallerKind.ANONYMOUS, "anonymous", "anonymous", Role.VIEWER)
WRITE_TOKEN = Caller(CallerKind.SETTING, "api-token", "HAULWATCH_API_TOKEN", Role.ADMINISTRATOR)
READ_TOKEN = Caller(CallerKind.SETTING, "api-read-token", "HAULWATCH_API_READ_TOKEN", Role.VIEWER)


def of_session(session: Session) -> Caller:
    person = session.person
    return Caller(
        CallerKind.PERSON,
        person.name,
        person.display_name,
        person.role,
        person.visibility,
        person.language,
        session,
        session.expires_at,
    )


def of_token(token: ApiToken) -> Caller:
    return Caller(CallerKind.MACHINE, token.name, token.name, token.role, token.visibility, expires_at=token.expires_at)
