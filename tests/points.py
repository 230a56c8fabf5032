"""The row that a reading is stored as, made from its fields one by one.

Tests compare the recorder's text (`ingest.recorder.line`) with it, and fill stores from it.
"""

from msgspec import structs

from devices.city.model import Device
from devices.readings.models import Fill, Reading, Status
from devices.readings.series import FIELDS, FieldValue, Point, area_tags


def point_of(reading: Reading, device: Device) -> Point:
    """Return the row of a reading that the given device made."""
    tags = {"device": reading.device_id}
    if isinstance(reading, Fill):
        tags["compartment"] = reading.compartment
    if isinstance(reading, Status) and not reading.online and reading.cause in {"will", "shutdown"}:
        tags["closing"] = reading.cause
    tags |= area_tags(device)
    return Point(str(reading.kind), tuple(sorted(tags.items())), _fields(reading), reading.ts)


def content(reading: Reading) -> dict[str, FieldValue]:
    """Return every field that is present, without `seq`, which belongs to the transmission.

    Two readings of one series and instant with equal content are duplicates, with unequal content a conflict.
    """
    fields = _fields(reading)
    fields.pop("seq", None)
    return fields


def _fields(reading: Reading) -> dict[str, FieldValue]:
    values = structs.asdict(reading)
    return {
        name: str(value) if isinstance(value, str) else value
        for name in FIELDS[reading.kind]
        if (value := values[name]) is not None
    }
