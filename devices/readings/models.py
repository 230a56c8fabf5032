"""What devices report: five kinds of reading, frozen, typed, with units in their names and physical bounds.

Bounds are what the thing can physically show, not what is usual: a reading inside them may still be alarming,
a reading outside them is a fault and is refused. Unknown fields are ignored; wrong types are refused (no "12.5"
for a number, no 1 for true). Text is what a person can see (`devices.readings.text`).

The bounds hold for what the codec reads; a reading made in Python is taken as it is (`field_check.reading_of` checks).
"""

from enum import IntFlag, StrEnum
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, Struct

from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.text import MAX_SHORT_CHARS, VISIBLE_PATTERN

MIN_TS_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z: a device time before it is a clock that was never set."""
MAX_TS_MS: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z: later is seconds sent as microseconds, or noise."""
MAX_AHEAD_MS: Final = 120_000
"""A device clock may run this far ahead of the time at which the reading was received; more is a wrong clock."""

_MOST: Final = (1 << 53) - 1
"""What every JSON library takes for a whole number."""

TsMs = Annotated[int, Meta(ge=MIN_TS_MS, le=MAX_TS_MS)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Kilograms = Annotated[float, Meta(ge=0, le=200_000)]
VisibleText = Annotated[str, Meta(min_length=1, max_length=MAX_SHORT_CHARS, pattern=VISIBLE_PATTERN)]
# In Python `$` would let a line break pass at the end.
DeviceId = Annotated[str, Meta(pattern=DEVICE_ID_PATTERN.removesuffix("$") + r"\Z")]
Compartment = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,15}\Z")]


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


class _Reading(Struct, frozen=True, kw_only=True, gc=False):
    """What every reading carries. Build one with keyword arguments; the codec builds them from payloads."""

    device_id: DeviceId = ""
    """Who measured. A payload may leave it out: the topic says it."""
    ts: TsMs
    """Device time, integer milliseconds since 1970 UTC."""
    seq: Annotated[int, Meta(ge=0, le=_MOST)] | None = None
    """Grows by one per reading of a device; a gap is a reading that was taken and never arrived."""


class Position(_Reading, frozen=True, kw_only=True):
    """Where a truck is, how well it knows, and what its switches and load sensor say at that moment."""

    kind: ClassVar[Literal[Kind.POSITION]] = Kind.POSITION

    lat: Annotated[float, Meta(ge=-90, le=90)]
    """WGS-84."""
    lon: Annotated[float, Meta(ge=-180, le=180)]
    located: bool = True
    """False: no fix, `lat` and `lon` repeat the last one known."""
    speed_kmh: Annotated[float, Meta(ge=0, le=250)] | None = None
    heading_deg: Annotated[float, Meta(ge=0, le=360)] | None = None
    """Course over ground, clockwise from true north."""
    altitude_m: Annotated[float, Meta(ge=-500, le=9000)] | None = None
    accuracy_m: Annotated[float, Meta(ge=0, le=10_000)] | None = None
    """Estimated horizontal error, 1 sigma."""
    satellites: Annotated[int, Meta(ge=0, le=64)] | None = None
    hdop: Annotated[float, Meta(ge=0, le=100)] | None = None
    lift_up: bool | None = None
    """The tipping body is raised."""
    cover_open: bool | None = None
    """The load cover is open."""
    load: Load | None = None
    load_kg: Kilograms | None = None
    """On-board weighing: net load."""
    odometer_km: Annotated[float, Meta(ge=0, le=5_000_000)] | None = None
    ignition_on: bool | None = None
    alarm_bits: Annotated[int, Meta(ge=0, le=(1 << 32) - 1)] = 0
    """See `Alarm`."""
    manifest: VisibleText | None = None
    """Number of the manifest the load travels under."""


class Weighing(_Reading, frozen=True, kw_only=True):
    """One weighing on a weighbridge: a ticket, or the gross or tare half of one."""

    kind: ClassVar[Literal[Kind.WEIGHING]] = Kind.WEIGHING

    gross_kg: Kilograms
    tare_kg: Kilograms | None = None
    net_kg: Kilograms | None = None
    ticket: VisibleText
    direction: Literal["in", "out"]
    plate: VisibleText | None = None
    material: VisibleText | None = None
    """Waste stream, as the site names it."""
    stable: bool = True
    """The scale had settled when the weight was taken."""
    manual_entry: bool = False
    """Typed by a person, not taken from the scale."""
    manifest: VisibleText | None = None


class Fill(_Reading, frozen=True, kw_only=True):
    """One compartment of a smart recycling point."""

    kind: ClassVar[Literal[Kind.FILL]] = Kind.FILL

    compartment: Compartment = "main"
    fill_pct: Percent
    weight_kg: Kilograms | None = None
    temperature_c: Annotated[float, Meta(ge=-60, le=1000)] | None = None
    tilt_deg: Annotated[float, Meta(ge=0, le=180)] | None = None
    smoke: bool | None = None
    deposits: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    """Deposits since the device's last reading of this compartment."""


class Throughput(_Reading, frozen=True, kw_only=True):
    """A sorting or transfer line: what it takes, what waits."""

    kind: ClassVar[Literal[Kind.THROUGHPUT]] = Kind.THROUGHPUT

    running: bool
    rate_t_per_h: Annotated[float, Meta(ge=0, le=5_000)]
    processed_kg: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    """Counter since the line was commissioned."""
    hopper_pct: Percent | None = None
    queue_trucks: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    material: VisibleText | None = None


class Status(_Reading, frozen=True, kw_only=True):
    """Birth, heartbeat or last will of a device; the only retained message."""

    kind: ClassVar[Literal[Kind.STATUS]] = Kind.STATUS

    online: bool
    session: Annotated[int, Meta(ge=0, le=_MOST)]
    """Grows with every connection, so that a late will of an old session cannot bury a newer birth."""
    cause: Literal["birth", "heartbeat", "will", "shutdown"] = "heartbeat"
    firmware: VisibleText | None = None
    battery_pct: Percent | None = None
    rssi_dbm: Annotated[float, Meta(ge=-200, le=20)] | None = None
    buffered: Annotated[int, Meta(ge=0, le=10_000_000)] | None = None
    """Readings the device still holds back."""
    uptime_s: Annotated[float, Meta(ge=0, le=1e10)] | None = None


Reading = Position | Weighing | Fill | Throughput | Status

MODELS: Final[dict[Kind, type[Reading]]] = {
    Kind.WEIGHING: Weighing,
    Kind.POSITION: Position,
    Kind.FILL: Fill,
    Kind.THROUGHPUT: Throughput,
    Kind.STATUS: Status,
}
