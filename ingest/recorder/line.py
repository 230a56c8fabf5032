"""A reading as its line of line protocol, written once.

    head                              measured                  line
    position,device=d1,fleet=north    lat=35.5,lon=112.8,…      head measured,seq=7i 1700000000000

What was measured is compared as this text, and the outbox, InfluxDB and the embedded store take the line as it is. Each
reading passes here, so its values are written at once, as JSON writes them, and put in place by one template for each
set of present fields.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from msgspec import json
from msgspec.structs import astuple

from devices.city.model import Device
from devices.readings.models import Kind, Reading
from devices.readings.series import FIELDS, FLOAT_FIELDS, FieldValue, SeriesKey
from ingest.store.line_protocol import escaped_name, quoted

_MEASURED: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(name for name in names if name != "seq") for kind, names in FIELDS.items()
}
_LAST: Final[Mapping[Kind, slice]] = {kind: slice(-len(names), None) for kind, names in _MEASURED.items()}
"""What was measured comes last in every model: a slice of all takes half of what fetching each field would."""
_DEVICE: Final = re.compile(",device=([^, ]+)")
"""In the values of other tags a comma and an equals sign are escaped."""
_JSON: Final = json.Encoder()
_MINUS: Final = ord("-")
_MOST_FORMS: Final = 4_096
"""A device may send any set of fields; so many sets are remembered."""


def line_head(series: SeriesKey, device: Device) -> str:
    """Measurement and tags. Raises Unencodable: the device belongs to what line protocol cannot name."""
    part = f",compartment={series.part}" if series.part else ""
    # Device and compartment need no escaping: their patterns allow nothing special.
    return f"{series.kind}{part},device={series.device_id}{_area(device.district, device.fleet, device.site_id)}"


@lru_cache(maxsize=4_096)
def _area(district: str | None, fleet: str | None, site_id: str | None) -> str:
    tags = (("district", district), ("fleet", fleet), ("site", None if fleet else site_id))
    return "".join([f",{key}={escaped_name(value)}" for key, value in tags if value])


def device_of_line(line: str) -> str:
    """Whose reading a line is."""
    found = _DEVICE.search(line)
    if found is None:
        raise ValueError(f"{line[:100]!r} is no line of a reading")
    return found[1]


def measured(reading: Reading) -> str:
    """What was measured: every field that is present, in the model's order, without `seq`.

    Two readings of one series and instant with the same text are duplicates, with different texts a conflict.
    """
    return _written(reading.kind, astuple(reading)[_LAST[reading.kind]])


def measured_before(kind: Kind, fields: Mapping[str, FieldValue]) -> str:
    """The same text of a reading that a store gives back: its 12 may have been 12.0."""
    known = _MEASURED[kind]
    values = tuple(_as_measured(fields.get(name), name in FLOAT_FIELDS[kind]) for name in known)
    others = sorted(fields.keys() - {*known, "seq"})  # of another writer: then it is not what a device said
    return _written(kind, values) + "".join([f",{name}={fields[name]!r}" for name in others])


def whole_line(head: str, fields: str, seq: int | None, ts: int) -> str:
    return f"{head} {fields} {ts}" if seq is None else f"{head} {fields},seq={seq}i {ts}"


class _Form(NamedTuple):
    """How values of certain types are written, None as nothing."""

    template: bytes
    """Takes the values as JSON has them."""
    texts: tuple[int, ...]
    """Places of values that line protocol escapes in its own way."""


def _written(kind: Kind, values: tuple[Any, ...]) -> str:
    form = _form(kind, tuple(map(type, values)))
    plain = values
    if form.texts:
        plain = tuple([None if place in form.texts else value for place, value in enumerate(values)])
    array = _JSON.encode(plain)
    if _MINUS in array and b"-0.0" in array:  # a single byte is found at a tenth of the price
        array = _JSON.encode(tuple(map(_without_sign_of_zero, plain)))
    parts = array[1:-1].split(b",")  # nothing in there has a comma of its own
    for place in form.texts:
        parts[place] = quoted(values[place]).encode()
    return (form.template % tuple(parts)).decode()


@lru_cache(maxsize=_MOST_FORMS)
def _form(kind: Kind, types: tuple[type, ...]) -> _Form:
    template, texts = b"", []
    for place, (name, type_) in enumerate(zip(_MEASURED[kind], types, strict=True)):
        if type_ is type(None):
            template += b"%.0s"  # takes the value and writes nothing of it
            continue
        if issubclass(type_, str) and not issubclass(type_, Enum):
            texts.append(place)
        comma = "," if b"=" in template else ""
        whole = "i" if issubclass(type_, int) and type_ is not bool and name not in FLOAT_FIELDS[kind] else ""
        template += f"{comma}{name}=%s{whole}".encode()
    return _Form(template, tuple(texts))


def _as_measured(value: FieldValue | None, is_float: bool) -> FieldValue | None:
    return float(value) if is_float and type(value) is int else value


def _without_sign_of_zero(value: object) -> object:
    """A store may not keep it, and zero is zero."""
    return 0.0 if isinstance(value, float) and value == 0 else value
