"""What devices report: five kinds of reading, frozen, typed, with units in their names and physical bounds.

Bounds are what the thing can physically show, not what is usual: a reading inside them may still be alarming,
a reading outside them is a fault and is refused. Unknown fields are ignored; wrong types are refused (no "12.5"
for a number, no 1 for true). Text is what a person can see: a plate with an invisible character in it would look like
another truck's, and PostgreSQL, where alerts quote it, takes no NUL.
"""

from enum import IntFlag, StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from devices.ids import DeviceId

MIN_TS_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z: a device time before it is a clock that was never set."""
MAX_TS_MS: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z: later is seconds sent as microseconds, or noise."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control, format (zero width, direction marks), surrogate, line and paragraph separators."""


def _visible(text: str) -> str:
    if not text.isprintable():  # quick, and true of nearly all; not of an ideographic space or a new ideograph
        unseen = next((char for char in text if category(char) in _UNSEEN), None)
        if unseen is not None:
            detail = {"char": f"U+{ord(unseen):04X}"}
            raise PydanticCustomError("unseen_character", "Text should have no invisible character, has {char}", detail)
    return text


TsMs = Annotated[int, Field(ge=MIN_TS_MS, le=MAX_TS_MS)]
Percent = Annotated[float, Field(ge=0, le=100)]
Kilograms = Annotated[float, Field(ge=0, le=200_000)]
ShortText = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_visible)]
Compartment = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,15}$")]


class Kind(StrEnum):
    """The fourth topic level, and the measurement a reading is stored under."""

    WEIGHING = "weighing"
    POSITION = "position"
    FILL = "fill"
    THROUGHPUT = "throughput"
    STATUS = "status"


class Load(StrEnum):
    """What a terminal says of its load (JT/T 808 status bits 8-9 carry the first three)."""

    EMPTY = "empty"
    PARTIAL = "partial"
    LOADED = "loaded"


class Alarm(IntFlag):
    """Alarm bits of a truck terminal, numbered as in JT/T 808-2019 table 24."""

    EMERGENCY = 1 << 0
    SPEEDING = 1 << 1
    FATIGUE = 1 << 2
    GNSS_FAULT = 1 << 4
    ANTENNA_OPEN = 1 << 5
    ANTENNA_SHORT = 1 << 6
    POWER_LOW = 1 << 7
    POWER_LOST = 1 << 8


class _Reading(BaseModel):
    """What every reading carries. Build one with keyword arguments; the codec builds them from payloads."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)

    device_id: Annotated[DeviceId, Field(validate_default=True)] = ""
    """Who measured. A payload may leave it out: the topic says it."""
    ts: TsMs
    """Device time, integer milliseconds since 1970 UTC."""
    seq: Annotated[int, Field(ge=0, lt=1 << 53)] | None = None
    """Grows by one per reading of a device; a gap is a reading that was taken and never arrived."""

    @field_validator("device_id", mode="before")
    @classmethod
    def _said_by_the_topic(cls, value: object, info: ValidationInfo) -> Any:
        return info.context if value is None or value == "" else value


class Position(_Reading):
    """Where a truck is, how well it knows, and what its switches and load sensor say at that moment."""

    kind: ClassVar[Literal[Kind.POSITION]] = Kind.POSITION

    lat: Annotated[float, Field(ge=-90, le=90)]
    """WGS-84."""
    lon: Annotated[float, Field(ge=-180, le=180)]
    located: bool = True
    """False: no fix, `lat` and `lon` repeat the last one known."""
    speed_kmh: Annotated[float, Field(ge=0, le=250)] | None = None
    heading_deg: Annotated[float, Field(ge=0, le=360)] | None = None
    """Course over ground, clockwise from true north."""
    altitude_m: Annotated[float, Field(ge=-500, le=9000)] | None = None
    accuracy_m: Annotated[float, Field(ge=0, le=10_000)] | None = None
    """Estimated horizontal error, 1 sigma."""
    satellites: Annotated[int, Field(ge=0, le=64)] | None = None
    hdop: Annotated[float, Field(ge=0, le=100)] | None = None
    lift_up: bool | None = None
    """The tipping body is raised."""
    cover_open: bool | None = None
    """The load cover is open."""
    load: Load | None = None
    load_kg: Kilograms | None = None
    """On-board weighing: net load."""
    odometer_km: Annotated[float, Field(ge=0, le=5_000_000)] | None = None
    ignition_on: bool | None = None
    alarm_bits: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    """See `Alarm`."""
    manifest: ShortText | None = None
    """Number of the manifest the load travels under."""


class Weighing(_Reading):
    """One weighing on a weighbridge: a ticket, or the gross or tare half of one."""

    kind: ClassVar[Literal[Kind.WEIGHING]] = Kind.WEIGHING

    gross_kg: Kilograms
    tare_kg: Kilograms | None = None
    net_kg: Kilograms | None = None
    ticket: ShortText
    direction: Literal["in", "out"]
    plate: ShortText | None = None
    material: ShortText | None = None
    """Waste stream, as the site names it."""
    stable: bool = True
    """The scale had settled when the weight was taken."""
    manual_entry: bool = False
    """Typed by a person, not taken from the scale."""
    manifest: ShortText | None = None


class Fill(_Reading):
    """One compartment of a smart recycling point."""

    kind: ClassVar[Literal[Kind.FILL]] = Kind.FILL

    compartment: Compartment = "main"
    fill_pct: Percent
    weight_kg: Kilograms | None = None
    temperature_c: Annotated[float, Field(ge=-60, le=1000)] | None = None
    tilt_deg: Annotated[float, Field(ge=0, le=180)] | None = None
    smoke: bool | None = None
    deposits: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Deposits since the device's last reading of this compartment."""


class Throughput(_Reading):
    """A sorting or transfer line: what it takes, what waits."""

    kind: ClassVar[Literal[Kind.THROUGHPUT]] = Kind.THROUGHPUT

    running: bool
    rate_t_per_h: Annotated[float, Field(ge=0, le=5_000)]
    processed_kg: Annotated[float, Field(ge=0, le=1e12)] | None = None
    """Counter since the line was commissioned."""
    hopper_pct: Percent | None = None
    queue_trucks: Annotated[int, Field(ge=0, le=1_000)] | None = None
    material: ShortText | None = None


class Status(_Reading):
    """Birth, heartbeat or last will of a device; the only retained message."""

    kind: ClassVar[Literal[Kind.STATUS]] = Kind.STATUS

    online: bool
    session: Annotated[int, Field(ge=0, lt=1 << 53)]
    """Grows with every connection, so that a late will of an old session cannot bury a newer birth."""
    cause: Literal["birth", "heartbeat", "will", "shutdown"] = "heartbeat"
    firmware: ShortText | None = None
    battery_pct: Percent | None = None
    rssi_dbm: Annotated[float, Field(ge=-200, le=20)] | None = None
    buffered: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    """Readings the device still holds back."""
    uptime_s: Annotated[float, Field(ge=0, le=1e10)] | None = None


Reading = Position | Weighing | Fill | Throughput | Status

MODELS: Final[dict[Kind, type[Reading]]] = {
    Kind.WEIGHING: Weighing,
    Kind.POSITION: Position,
    Kind.FILL: Fill,
    Kind.THROUGHPUT: Throughput,
    Kind.STATUS: Status,
}
