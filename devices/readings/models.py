"""The five kinds of reading that devices report: frozen, typed, with units in the names and physical bounds. A sixth is
of the platform itself: what people did with a manifest.

Bounds are physically possible values, not usual ones: a value inside them may still be alarming, a value outside them
is a fault. Who measured, when and where, and the weights of a ticket are strict: a fault there refuses the reading. A
faulty value of any other field is left out and counted, and the reading stands without it (`droppable`); a level of up
to 120 % is a heap and counts as 100 %. Unknown fields are ignored; a wrong type is a fault (no "12.5" for a number, no
1 for true). Text holds visible characters only (`devices.readings.text`).

Codecs apply the bounds. A reading made in Python is not checked; `devices.readings.field_check.reading_of` checks one.
"""

from enum import IntFlag, StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, Struct, structs

from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.manifests import ManifestDeed, ManifestTerms, NamedWeight
from devices.readings.text import MAX_SHORT_CHARS, VISIBLE_PATTERN

MIN_TS_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z; an earlier device time comes from a clock that was never set."""
MAX_TS_MS: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z; a later device time is in microseconds, or noise."""
MAX_AHEAD_MS: Final = 120_000
"""A device clock may run this far ahead of the receive time; admission refuses what is further ahead."""

_MAX_INT: Final = (1 << 53) - 1
"""The largest integer that every JSON library represents exactly."""

TsMs = Annotated[int, Meta(ge=MIN_TS_MS, le=MAX_TS_MS)]
Percent = Annotated[float, Meta(ge=0, le=100)]
MAX_LEVEL_PCT: Final = 120.0
"""A level up to this is clamped to 100: a heap above the rim, or a sensor set for a lower bin. More is a fault."""
MAX_KG: Final = 200_000.0
"""Of a weight in a reading."""
Kilograms = Annotated[float, Meta(ge=0, le=MAX_KG)]
VisibleText = Annotated[str, Meta(min_length=1, max_length=MAX_SHORT_CHARS, pattern=VISIBLE_PATTERN)]
# `\Z`, because `$` in Python also matches before a final line break.
DeviceId = Annotated[str, Meta(pattern=DEVICE_ID_PATTERN.removesuffix("$") + r"\Z")]
Unit = Literal["kg", "KG", "Kg", "公斤", "千克"]
"""Weights are in kilograms. A payload may say so; it is refused if it names another unit."""
Compartment = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,15}\Z")]


class Kind(StrEnum):
    """Kind of reading: the fourth topic level, and the measurement that the reading is stored under."""

    WEIGHING = "weighing"
    POSITION = "position"
    FILL = "fill"
    THROUGHPUT = "throughput"
    STATUS = "status"


class PlatformKind(StrEnum):
    """Kind of what is judged among readings, and which no device sends: it has no topic and no measurement."""

    MANIFEST = "manifest"


class Load(StrEnum):
    """Load as the terminal reports it (JT/T 808 status bits 8-9)."""

    EMPTY = "empty"
    PARTIAL = "partial"
    LOADED = "loaded"


class Alarm(IntFlag):
    """Alarm bits of a truck terminal, numbered as in JT/T 808-2019 table 24. Makers use bits 15 to 17 otherwise too."""

    EMERGENCY = 1 << 0
    SPEEDING = 1 << 1
    FATIGUE = 1 << 2
    DANGER = 1 << 3
    GNSS_FAULT = 1 << 4
    ANTENNA_OPEN = 1 << 5
    ANTENNA_SHORT = 1 << 6
    POWER_LOW = 1 << 7
    POWER_LOST = 1 << 8
    DISPLAY_FAULT = 1 << 9
    SPEECH_FAULT = 1 << 10
    CAMERA_FAULT = 1 << 11
    CARD_READER_FAULT = 1 << 12
    SPEEDING_SOON = 1 << 13
    FATIGUE_SOON = 1 << 14
    DRIVING_OFFENCE = 1 << 15
    TYRE_PRESSURE = 1 << 16
    BLIND_SPOT = 1 << 17
    DRIVING_TIME_OF_THE_DAY = 1 << 18
    PARKED_TOO_LONG = 1 << 19
    AREA_CROSSED = 1 << 20
    """It went into an area, or out of one, that the terminal watches."""
    ROUTE_CROSSED = 1 << 21
    SECTION_TIME = 1 << 22
    """It took too long or too short a time for a section of its route."""
    OFF_ROUTE = 1 << 23
    """It has left the route that the terminal holds; set as long as that lasts."""
    SPEED_SENSOR_FAULT = 1 << 24
    FUEL_FAULT = 1 << 25
    STOLEN = 1 << 26
    IGNITION_WITHOUT_RIGHT = 1 << 27
    MOVED_WITHOUT_RIGHT = 1 << 28
    COLLISION = 1 << 29
    ROLLOVER = 1 << 30
    DOOR_WITHOUT_RIGHT = 1 << 31


class _Reading(Struct, frozen=True, kw_only=True, gc=False):
    """Fields of every reading. Built with keyword arguments; codecs build readings from payloads."""

    device_id: DeviceId = ""
    """The device that measured. A payload may leave it out, since the topic names it."""
    ts: TsMs
    """Device time, integer milliseconds since 1970 UTC."""
    seq: Annotated[int, Meta(ge=0, le=_MAX_INT)] | None = None
    """Increases by one per reading of a device; a gap is a reading that was measured and never arrived."""


class Position(_Reading, frozen=True, kw_only=True):
    """Position of a truck, its accuracy, and the state of switches and load sensor at that moment."""

    kind: ClassVar[Literal[Kind.POSITION]] = Kind.POSITION

    lat: Annotated[float, Meta(ge=-90, le=90)]
    """WGS-84."""
    lon: Annotated[float, Meta(ge=-180, le=180)]
    located: bool = True
    """False: no fix; `lat` and `lon` repeat the last fix."""
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
    """Bits of `Alarm`."""
    manifest: VisibleText | None = None
    """Number of the manifest that covers the load."""


class Weighing(_Reading, frozen=True, kw_only=True):
    """One weighing on a weighbridge: a whole ticket, or its gross or tare half."""

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
    """The scale was at rest when the weight was taken."""
    manual_entry: bool = False
    """A person typed the weight; it does not come from the scale."""
    manifest: VisibleText | None = None
    unit: Unit | None = None
    rfid: VisibleText | None = None
    """Number of the RFID tag that a reader at the weighbridge read."""
    corrects: VisibleText | None = None
    """Number of the ticket that this one replaces, however long ago and whatever its plate."""


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
    """Throughput of a sorting or transfer line, and its queue."""

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
    session: Annotated[int, Meta(ge=0, le=_MAX_INT)]
    """Increases with every connection, so that a late will of an old session cannot override a newer birth."""
    cause: Literal["birth", "heartbeat", "will", "shutdown"] = "heartbeat"
    firmware: VisibleText | None = None
    battery_pct: Percent | None = None
    rssi_dbm: Annotated[float, Meta(ge=-200, le=20)] | None = None
    buffered: Annotated[int, Meta(ge=0, le=10_000_000)] | None = None
    """Readings that the device has buffered and not sent yet."""
    uptime_s: Annotated[float, Meta(ge=0, le=1e10)] | None = None


class ManifestAction(_Reading, frozen=True, kw_only=True):
    """What a person, or the clock, did with the manifest of a truck. It is judged among the readings of the truck.

    `device_id` is `MANIFESTS`: as a ticket, it was not measured by the truck that it is about.
    """

    kind: ClassVar[Any] = PlatformKind.MANIFEST  # not a `Kind`: who stores and sends readings never meets it

    truck: DeviceId
    """Device id of the truck's terminal."""
    number: VisibleText
    """Number of the manifest."""
    no: Annotated[int, Meta(ge=1, le=_MAX_INT)]
    """Number of the action: one that is recorded twice counts once."""
    deed: ManifestDeed
    at: TsMs
    """True time, ms, at which it was done. `ts` is where it is put among what the truck sent, by the truck's clock."""
    actor: VisibleText = "haulwatch"
    reason: str = ""
    terms: ManifestTerms | None = None
    """With `issue` and `correct`."""
    destination: VisibleText | None = None
    """Id of the new disposal site, with `reroute`."""
    net_kg: Kilograms | None = None
    """The load, as a person states it when it is confirmed."""
    weight: NamedWeight | None = None
    """With `weigh` and `unweigh`. `at` is then when it was weighed."""


Reading = Position | Weighing | Fill | Throughput | Status | ManifestAction

MODELS: Final[dict[Kind, type[Reading]]] = {
    Kind.WEIGHING: Weighing,
    Kind.POSITION: Position,
    Kind.FILL: Fill,
    Kind.THROUGHPUT: Throughput,
    Kind.STATUS: Status,
}
"""What devices send, by kind."""

JUDGED_MODELS: Final[dict[str, type[Reading]]] = {
    **{str(kind): model for kind, model in MODELS.items()},
    str(PlatformKind.MANIFEST): ManifestAction,
}
"""What is judged, by kind."""

_STRICT: Final[dict[Kind, frozenset[str]]] = {
    Kind.WEIGHING: frozenset(Weighing.__struct_fields__) - {"seq", "material", "rfid"},
    Kind.POSITION: frozenset({"device_id", "located"}),
    Kind.FILL: frozenset({"device_id", "compartment"}),
    Kind.THROUGHPUT: frozenset({"device_id"}),
    Kind.STATUS: frozenset({"device_id"}),
}
"""Fields that may be absent and yet are never dropped: without them the reading would say something else."""


def droppable(kind: Kind) -> frozenset[str]:
    """Return the fields whose faulty values are dropped; a reading stands without them."""
    model = MODELS[kind]
    return frozenset(info.name for info in structs.fields(model) if not info.required) - _STRICT[kind]
