"""A report of the public, and the informant, who may stay unnamed. Times are wall clock, ms since 1970 UTC.

ReportError
├── UnknownReport       no report has this number
├── ReportRefused       a field of a report cannot be as it is; names the field
├── TooManyReports      the form took as many in a day as it may
└── NoInformant         the report names nobody, or the name was erased
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from devices.errors import OperatorError
from devices.readings.instants import DAY_MS, MINUTE_MS
from devices.readings.text import MAX_SHORT_CHARS, ShortText, unseen_character
from rules.public_reports.progress import Progress

MAX_TEXT: Final = 2_000
MAX_ADDRESS: Final = 200
MAX_CONTACT: Final = 128
"""Characters."""
OLDEST_MS: Final = 90 * DAY_MS
"""What was seen longer ago can hardly be looked into: readings are kept for a month, alerts longer."""
AHEAD_MS: Final = 10 * MINUTE_MS
"""The clock of a phone may be ahead by so much."""
_NUMBER: Final = re.compile(r"R?-?0{0,12}([1-9][0-9]{0,11})", re.IGNORECASE)


class ReportError(OperatorError):
    """A report cannot be kept, found or opened; base class."""


class UnknownReport(ReportError):
    """No report has this number."""


class ReportRefused(ReportError):
    """A field cannot be as it was given."""

    def __init__(self, field: str, hint: str) -> None:
        super().__init__(f"{field}: {hint}")
        self.field, self.hint = field, hint


class TooManyReports(ReportError):
    """The form took as many within a day as it may."""


class NoInformant(ReportError):
    """The report names nobody, or the name was erased."""


class Channel(StrEnum):
    """By which way a report came."""

    HOTLINE = "hotline"
    """An operator typed in what somebody said by telephone."""
    WEB = "web"
    """The form, opened at its address."""
    QR = "qr"
    """The form, opened by the QR code of a site."""


class Category(StrEnum):
    """What somebody saw."""

    DUMPING = "dumping"
    OVERFLOW = "overflow"
    SMELL = "smell"
    NOISE = "noise"
    UNCOVERED_LOAD = "uncovered_load"
    OTHER = "other"


class ReportLanguage(StrEnum):
    """The language in which the informant is answered."""

    EN = "en"
    ZH = "zh"


def _lines(text: str) -> str:
    """Text of several lines, with one kind of line end. Raises ValueError for an invisible character."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()
    if (char := unseen_character(plain.replace("\n", ""))) is not None:
        raise ValueError(f"has the invisible character {char}: leave it out")
    if not plain:
        raise ValueError("say in some words what you saw")
    return plain


ReportText = Annotated[str, AfterValidator(_lines), Field(min_length=1, max_length=MAX_TEXT)]


def _visible(text: str) -> str:
    if (char := unseen_character(text)) is not None:
        raise ValueError(f"has the invisible character {char}: leave it out")
    return text


class Informant(BaseModel):
    """Who reported. Kept sealed; shown in no list, log, export or error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    name: Annotated[str, Field(max_length=MAX_SHORT_CHARS), AfterValidator(_visible)] = ""
    contact: Annotated[str, Field(max_length=MAX_CONTACT), AfterValidator(_visible)] = ""
    """Telephone, mail or other ways, as the informant wrote it."""

    @property
    def is_named(self) -> bool:
        return bool(self.name or self.contact)

    def __repr__(self) -> str:
        return "Informant(…)"

    __str__ = __repr__


class NewReport(BaseModel):
    """A report as it comes in."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    channel: Channel
    category: Category
    text: ReportText
    seen_at: int
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    """WGS-84."""
    accuracy_m: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] | None = None
    """As the phone gave it."""
    site_id: Annotated[str, Field(min_length=1, max_length=MAX_SHORT_CHARS)] | None = None
    district: Annotated[str, Field(min_length=1, max_length=MAX_SHORT_CHARS)] | None = None
    """That of its case: its people see both. None: only who sees the whole city, until the case gets one."""
    address: Annotated[str, Field(max_length=MAX_ADDRESS), AfterValidator(_visible)] = ""
    plate: Annotated[str, Field(max_length=16), AfterValidator(_visible)] = ""
    language: ReportLanguage = ReportLanguage.ZH
    received_at: int
    received_by: ShortText | None = None
    """The operator who typed it in; None: nobody, it came by the form."""

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if (self.lat is None) != (self.lon is None):
            raise ValueError("give latitude and longitude, or neither")
        if self.lat is None and self.site_id is None and not self.address:
            raise ValueError("say where it was: a position, a site or an address")
        return self

    def check_time(self) -> None:
        """Raise ReportRefused if what was seen lies ahead, or too long ago."""
        if self.seen_at > self.received_at + AHEAD_MS:
            raise ReportRefused("seen_at", "lies ahead: give the time at which it was seen")
        if self.seen_at < self.received_at - OLDEST_MS:
            raise ReportRefused("seen_at", f"is more than {OLDEST_MS // DAY_MS} days ago: give a later time")


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it is kept, without the informant."""

    no: int
    channel: Channel
    category: Category
    text: str
    seen_at: int
    lat: float | None
    lon: float | None
    accuracy_m: float | None
    site_id: str | None
    address: str
    plate: str
    language: ReportLanguage
    received_at: int
    received_by: str | None
    case_number: str
    district: str | None
    """That of the case: whose people see the report."""
    progress: Progress
    """How far the case is."""
    has_informant: bool
    """True while a sealed name or contact is kept."""

    @property
    def number(self) -> str:
        return number_of(self.no)


def number_of(no: int) -> str:
    """The number of a report as people read it: R-000123."""
    return f"R-{no:06}"


def no_of(number: str) -> int | None:
    """The number in `R-000123`, `r123` or `123`; None if it is no number of a report."""
    match = _NUMBER.fullmatch("".join(number.split()))
    return None if match is None else int(match[1])
