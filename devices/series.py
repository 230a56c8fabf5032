"""The one place that names measurements, tags and fields of the time-series store.

Measurement = kind of reading (and `alert`). Tags are few and low in cardinality: `device`, `site` or `fleet`,
`district`, and `compartment` for fill. Everything else is a field. Points carry device time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from devices.city import Device
from devices.readings import MODELS, Fill, Kind, Reading

FieldValue = bool | int | float | str

ALERT_MEASUREMENT: Final = "alert"
ALERT_TAGS: Final = ("device", "phase", "rule", "severity")
ALERT_FIELDS: Final = ("alert_id", "revision", "opened_at", "title", "title_zh", "lat", "lon")
"""One row for each change of an alert, at the change's device time. Two alerts of one instant are two rows: they differ
in device, phase, rule, severity or (a further tag where there is one) compartment, or the later is moved on by 1 ms."""
_NOT_FIELDS: Final = frozenset({"device_id", "ts", "compartment"})

FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(name for name in model.model_fields if name not in _NOT_FIELDS) for kind, model in MODELS.items()
}
"""Field names by measurement, in the models' order."""


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
    return SeriesKey(reading.kind, reading.device_id, reading.compartment if isinstance(reading, Fill) else "")


def content(reading: Reading) -> dict[str, FieldValue]:
    """What was measured: every field that is present, without `seq`, which belongs to the transmission.

    Two readings of one series and instant with equal content are duplicates, with unequal content a conflict.
    """
    fields = _fields(reading)
    fields.pop("seq", None)
    return fields


def point_of(reading: Reading, device: Device) -> Point:
    """The row a reading is stored as."""
    tags = {"device": reading.device_id}
    if isinstance(reading, Fill):
        tags["compartment"] = reading.compartment
    if device.district:
        tags["district"] = device.district
    if device.fleet:
        tags["fleet"] = device.fleet
    elif device.site_id:
        tags["site"] = device.site_id
    return Point(str(reading.kind), tuple(sorted(tags.items())), _fields(reading), reading.ts)


def _fields(reading: Reading) -> dict[str, FieldValue]:
    held = vars(reading)  # a third quicker than an attribute at a time, for each of ten thousand readings a second
    return {
        name: str(value) if isinstance(value, str) else value
        for name in FIELDS[reading.kind]
        if (value := held[name]) is not None
    }
