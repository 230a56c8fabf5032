"""Who uses the API, what he may do (role) and which part of the city he may see (visibility).

PeopleError
├── UnknownPerson    no account has this name
├── NameTaken        an account or a token has this name already
└── Refused          a name, a password or a limit cannot be as it was given; the message says what to do
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from devices.city.model import Device
from devices.errors import OperatorError

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
UNKNOWN: Final = "unknown"
"""Stands in the audit trail for somebody whom the identity provider did not name."""
RESERVED: Final = frozenset({"anonymous", "api-token", "api-read-token", "haulwatch", UNKNOWN})
"""Names that stand beside what nobody in particular, tokens of the settings and the journal itself do."""


class PeopleError(OperatorError):
    """Accounts or tokens cannot be changed as asked; base class."""


class UnknownPerson(PeopleError):
    """No account has this name."""


class NameTaken(PeopleError):
    """The name is in use."""


class Refused(PeopleError):
    """The message says what is wrong and what to give."""


class Role(StrEnum):
    """What somebody may do; each role may do all that the ones before it may."""

    VIEWER = "viewer"
    """Reads."""
    OPERATOR = "operator"
    """Acknowledges, comments, assigns and shelves."""
    OFFICER = "officer"
    """Closes alerts with an outcome, works on cases, decides on suspected sites, redrives dead letters."""
    ADMINISTRATOR = "administrator"
    """Applies rule sets, commands devices, reads the audit trail. Sees the whole city."""

    def covers(self, needed: "Role") -> bool:
        """Return whether this role may do what the needed one may."""
        roles = list(Role)
        return roles.index(self) >= roles.index(needed)


class Language(StrEnum):
    """A language of the console."""

    EN = "en"
    ZH = "zh"


@dataclass(frozen=True, slots=True)
class Visibility:
    """The part of a city that somebody may see: devices that lie within both limits. None: no limit."""

    districts: frozenset[str] | None = None
    hauliers: frozenset[str] | None = None
    """Fleets, as devices name them."""

    @property
    def is_whole(self) -> bool:
        """True: the whole city, and devices that are not registered."""
        return self.districts is None and self.hauliers is None

    def sees(self, device: Device) -> bool:
        return (self.districts is None or device.district in self.districts) and (
            self.hauliers is None or device.fleet in self.hauliers
        )

    def overlaps(self, other: "Visibility") -> bool:
        """Return whether some device could lie within both."""
        return _overlap(self.districts, other.districts) and _overlap(self.hauliers, other.hauliers)


WHOLE_CITY: Final = Visibility()


def _overlap(ours: frozenset[str] | None, theirs: frozenset[str] | None) -> bool:
    return ours is None or theirs is None or not ours.isdisjoint(theirs)


@dataclass(frozen=True, slots=True)
class Person:
    """An account."""

    name: str
    """To sign in with; stands beside all that the person does."""
    display_name: str
    role: Role
    visibility: Visibility = WHOLE_CITY
    language: Language | None = None
    """None: that of the browser."""
    enabled: bool = True
    created_at: int = 0
    """Wall clock, ms since 1970 UTC, as all times of people."""
    password_changed_at: int = 0
    issuer: str | None = None
    """Of the identity provider that names the person; None: the account has a password here."""


def sign_in_name(text: str) -> str:
    """The name as it is kept: small letters. Raises Refused."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise Refused(
            f"name {text!r}: give 1 to 64 of the characters a-z 0-9 . _ @ -, beginning with a letter or digit"
        )
    if name in RESERVED:
        raise Refused(f"name {name!r}: Haulwatch uses it itself, give another")
    return name


def check_limits(role: Role, visibility: Visibility) -> None:
    """Raise Refused for an administrator who sees a part only: rule sets and the audit trail concern the whole city."""
    if role is Role.ADMINISTRATOR and not visibility.is_whole:
        raise Refused("an administrator sees the whole city: leave out districts and hauliers, or give another role")
