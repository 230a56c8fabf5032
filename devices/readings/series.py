"""The one place that names measurements, tags and fields of the time-series store.

Measurement = kind of reading (and `alert`). Tags are few and low in cardinality: `device`, `site` or `fleet`,
`district`, and `compartment` for fill. Everything else is a field. Points carry device time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, get_args, get_type_hints

from msgspec import structs

from devices.city.model import Device
from devices.readings.models import MODELS, Fill, Kind, Reading

FieldValue = bool | int | float | str

ALERT_MEASUREMENT: Final = "alert"
ALERT_TAGS: Final = ("device", "phase", "rule", "severity")
ALERT_FIELDS: Final = ("alert_id", "revision", "opened_at", "title", "title_zh", "lat", "lon")
"""One row for each change of an alert, at the change's device time. Two alerts of one instant are two rows: they differ
in device, phase, rule, severity or (a further tag where there is one) compartment, or the later is moved on by 1 ms."""

AREA_TAGS: Final = ("district", "fleet", "site")
"""Where a device belongs, of `fleet` and `site` one at most: on its readings, and on its alerts, so that a board can
show one district's."""

PLACE_MEASUREMENT: Final = "place"
PLACE_TAGS: Final = ("device", *AREA_TAGS)
PLACE_FIELDS: Final = ("lat", "lon", "name", "name_zh")
"""Where what does not move stands (WGS-84) and what its site is called: readings of it say no position. One row a day
for each such device, at midnight UTC, and whenever the registry changes."""

ALERT_STATE_MEASUREMENT: Final = "alert_state"
ALERT_STATE_TAGS: Final = ("compartment", "device", "rule", *AREA_TAGS)
ALERT_STATE_FIELDS: Final = (
    "alert_id",
    "opened_at",
    "severity",
    "phase",
    "outcome",
    "title",
    "title_zh",
    "lat",
    "lon",
    "open",
    "acknowledged",
    "handled",
    "false_alarm",
    "acknowledge_s",
    "handle_s",
    "lasted_s",
)
"""Where each alert stands now: one row for each, at its `opened_at`, all of it written anew when the alert changes or a
person acts on it. `outcome` is `none` until a person closes it; `open`, `acknowledged`, `handled` (closed by a person)
and `false_alarm` are 1 or 0, so that they can be added up. `acknowledge_s` and `handle_s` count by wall clock from when
people were first told, and are there once it is done; `lasted_s` is device time and there once the incident is over (a
reopened one keeps the former value until it is over again). The area tags are those of when it was told first."""

HEALTH_MEASUREMENT: Final = "ingestion"
HEALTH_TAGS: Final = ("of", "part")
HEALTH_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "ledger": ("received", "stored", "duplicate", "quarantined", "queued", "gaps", "devices"),
    "quarantine": ("readings",),
    "consumer": ("lag_messages", "lag_s"),
    "collector": ("connected", "messages", "reconnects", "disk_full"),
    "recorder": ("waits", "pending", "write_ms", "slowest_write_ms"),
    "clock": ("offset_p50_ms", "offset_p99_ms", "offset_worst_ms"),
    "broker": ("connected_clients", "dropped_messages", "queued_messages"),
    "disk": ("free_bytes", "size_bytes"),
}
"""How ingestion fares: by tag `part`, its fields. All are floats, at wall clock, every part of one look at one instant.

`of` tells the rows of a part apart: the reason for `quarantine`, the consumer for `consumer`; other parts have none.
Counters are of the ledger's whole life, those of `collector` and `broker` since the process began; `connected`,
`disk_full` and `waits` are 1 or 0; clock offsets are without sign, over all devices."""

_NOT_FIELDS: Final = frozenset({"device_id", "ts", "compartment"})

FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(name for name in model.__struct_fields__ if name not in _NOT_FIELDS) for kind, model in MODELS.items()
}
"""Field names by measurement, in the models' order."""

REQUIRED_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(info.name for info in structs.fields(model) if info.required and info.name not in _NOT_FIELDS)
    for kind, model in MODELS.items()
}
"""Those that every reading of the kind has, in the same order."""

FLOAT_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(name for name, hint in get_type_hints(model).items() if float in (hint, *get_args(hint)))
    for kind, model in MODELS.items()
}
"""Those that are floats whatever their value: JSON does not tell 40.0 from 40."""


MAX_COMPARTMENTS: Final = 32
"""Of one device. The largest recycling points have a dozen. Each compartment is a series in the store for ever, so a
faulty or hostile device must not be able to make up more."""


class SeriesKey(NamedTuple):
    """What one instant can hold one reading of."""

    kind: Kind
    device_id: str
    part: str
    """The compartment for fill, empty otherwise."""


@dataclass(frozen=True, slots=True)
class Point:
    """One row of the time-series store."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    """In tag-key order, no empty values."""
    fields: Mapping[str, FieldValue]
    ts: int
    """Milliseconds since 1970 UTC."""


def series_key(reading: Reading) -> SeriesKey:
    return SeriesKey(reading.kind, reading.device_id, part_of(reading))


def part_of(reading: Reading) -> str:
    """The compartment for fill, empty otherwise."""
    return reading.compartment if type(reading) is Fill else ""  # isinstance() takes three times as long for no


def content(reading: Reading) -> dict[str, FieldValue]:
    """What was measured: every field that is present, without `seq`, which belongs to the transmission.

    Two readings of one series and instant with equal content are duplicates, with unequal content a conflict.
    """
    fields = _fields(reading)
    fields.pop("seq", None)
    return fields


def area_tags(device: Device) -> dict[str, str]:
    """Where a device belongs: `AREA_TAGS` as far as they are known, in tag-key order."""
    tags = {"district": device.district, "fleet": device.fleet, "site": None if device.fleet else device.site_id}
    return {key: value for key, value in tags.items() if value}


def point_of(reading: Reading, device: Device) -> Point:
    """The row a reading is stored as."""
    tags = {"device": reading.device_id}
    if isinstance(reading, Fill):
        tags["compartment"] = reading.compartment
    tags |= area_tags(device)
    return Point(str(reading.kind), tuple(sorted(tags.items())), _fields(reading), reading.ts)


def _fields(reading: Reading) -> dict[str, FieldValue]:
    held = structs.asdict(reading)
    return {
        name: str(value) if isinstance(value, str) else value
        for name in FIELDS[reading.kind]
        if (value := held[name]) is not None
    }
