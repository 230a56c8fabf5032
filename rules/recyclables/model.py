"""Deposits as points report them, and as people see them.

RecyclablesError
├── DepositsRefused   nothing of a message can be read
├── UnknownAccount    no account has this number
├── UnknownBooking    no booking has this number
└── BookingRefused    the account has too little, or the number is that of another booking
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final
from unicodedata import category, normalize

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from devices.errors import OperatorError
from devices.readings.models import MAX_TS_MS, MIN_TS_MS
from devices.readings.text import ShortText

MAX_KG: Final = 1_000.0
"""Of one deposit: more than a person brings, less than a truck."""
MAX_DEPOSITS: Final = 500
"""Of one message."""


_NOT_OF_AN_ID: Final = frozenset({"Cc", "Cf", "Pd", "Pc", "Zs", "Zl", "Zp"})
"""Unicode categories of what readers of cards put around and into a number: control characters, dashes, blanks."""


def comparable_id(text: str) -> str:
    """A card or code as it is compared, in one width and case; empty where it names nobody."""
    found = "".join(one for one in normalize("NFKC", text).upper() if category(one) not in _NOT_OF_AN_ID)
    return "" if any(category(one) == "Cs" for one in found) else found


def _names_somebody(person: SecretStr) -> SecretStr:
    if not comparable_id(person.get_secret_value()):
        raise ValueError("names nobody")
    return person


PersonId = Annotated[SecretStr, Field(min_length=1, max_length=128), AfterValidator(_names_somebody)]
"""A card or code. Neither its `repr` nor a fault shows it."""


class RecyclablesError(OperatorError):
    """Deposits cannot be read or changed as asked; base class."""


class DepositsRefused(RecyclablesError):
    """Nothing of the message can be read. The text repeats nothing of it."""


class UnknownAccount(RecyclablesError):
    """No account has this number."""


class UnknownBooking(RecyclablesError):
    """No booking has this number."""


class BookingRefused(RecyclablesError):
    """The booking cannot be made; says why. Nothing was changed."""


class IdKind(StrEnum):
    """What a person is identified by at a point. A card and a code with the same digits are two."""

    CARD = "card"
    CODE = "code"


class Unit(StrEnum):
    """What a tariff pays in."""

    POINTS = "points"
    CNY = "CNY"


class ReportedDeposit(BaseModel):
    """One deposit as a point reports it: one material, weighed once. Unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    number: ShortText
    """Of the deposit, by the point: one that is sent again has the same."""
    ts: Annotated[int, Field(ge=MIN_TS_MS, le=MAX_TS_MS)]
    """Device time, ms since 1970 UTC."""
    material: ShortText
    """A stream of `devices.readings.streams` by its word or name, or the point's own word."""
    weight_kg: Annotated[float, Field(gt=0, le=MAX_KG, allow_inf_nan=False)]
    card: PersonId | None = None
    code: PersonId | None = None


class Refusal(BaseModel):
    """Why a deposit was not taken."""

    model_config = ConfigDict(frozen=True)

    index: int
    """In its message, from 0."""
    field: str
    hint: str
    """What to do. It repeats nothing of the message."""


class Taken(BaseModel):
    """What became of the deposits of one message: `taken + repeated + len(refused)` is how many there were."""

    model_config = ConfigDict(frozen=True)

    taken: int
    repeated: int
    """They are there already, and count once."""
    refused: tuple[Refusal, ...]
    ids_dropped: int
    """Of those taken: with a card or code that was dropped, as this installation has no key. They are in no account."""


class Credit(BaseModel):
    """What was earned, in one unit."""

    model_config = ConfigDict(frozen=True)

    unit: Unit
    amount: float
    """With two digits."""


class Account(BaseModel):
    """What one pseudonym deposited. Its number says nothing of the person."""

    model_config = ConfigDict(frozen=True)

    account: int
    first_at: int
    """Device time of the first deposit that came, ms."""
    deposits: int
    weight_kg: float
    credits: tuple[Credit, ...]
    """For deposits, when they came."""
    balance: tuple[Credit, ...] = ()
    """What is left: credits and bookings, spent points taken off."""


class AccountPage(BaseModel):
    """One page of accounts, by number."""

    model_config = ConfigDict(frozen=True)

    items: tuple[Account, ...]
    next_after: int | None
    """Ask for those after this number; null: there are no more."""


class BookingKind(StrEnum):
    """What a booking is."""

    SPENT = "spent"
    """Traded for goods."""
    CANCELLED = "cancelled"
    """Takes another booking back."""
    TARIFF = "tariff"
    """The difference that a mended tariff makes to the deposits of a day."""


class NewBooking(BaseModel):
    """Points or yuan that a person trades for goods."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: ShortText
    """By who books, once for each booking: what is sent again counts once."""
    unit: Unit
    amount: Annotated[Decimal, Field(gt=0, le=10_000_000, decimal_places=2, allow_inf_nan=False)]
    reason: ShortText


class Booking(BaseModel):
    """A booking as it was made."""

    model_config = ConfigDict(frozen=True)

    number: str
    account: int | None
    """null: the account was erased."""
    kind: BookingKind
    unit: Unit
    amount: float
    """With two digits; below 0: taken off the account."""
    cancels: str | None
    day: str | None
    """Of the deposits that a mended tariff concerns."""
    actor: str
    reason: str
    at: int


class Recredited(BaseModel):
    """What a mended tariff changes for the deposits of one account on one day."""

    model_config = ConfigDict(frozen=True)

    account: int
    day: str
    unit: Unit
    credited: float
    """Until now."""
    due: float
    """By the tariffs as they are now."""
    booked: float
    """`due - credited`, but no more taken off than the account has."""


class By(StrEnum):
    """What deposits are summed by."""

    DAY = "day"
    SITE = "site"
    MATERIAL = "material"


class SumLine(BaseModel):
    """Sums of some deposits. A field that they are not summed by is null."""

    model_config = ConfigDict(frozen=True)

    day: str | None
    """Of the city's calendar, `2026-03-01`."""
    site: str | None
    """Id of the site of the point; empty where the point had none."""
    material: str | None
    deposits: int
    weight_kg: float
    identified: int
    """Deposits that belong to an account."""
    without_tariff: int
    """Deposits that no tariff pays."""
    credits: tuple[Credit, ...]


@dataclass(frozen=True, slots=True)
class DepositFilter:
    """Selects deposits; None selects all. Days are of the city's calendar, both inclusive."""

    first_day: str | None = None
    last_day: str | None = None
    account: int | None = None
    devices: frozenset[str] | None = None
    """Only of these points."""
