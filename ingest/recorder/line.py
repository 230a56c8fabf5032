"""A reading as its line of line protocol, written once.

    head                              measured                  line
    position,device=d1,fleet=north    lat=35.5,lon=112.8,…      head measured,seq=7i 1700000000000

Deduplication compares `measured`; the outbox, InfluxDB and the embedded store take the line as it is. Every reading
passes here, so its values are encoded at once, as JSON, and inserted into one template for each set of present
fields.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from msgspec import json
from msgspec.structs import astuple

from devices.city.model import Device
from devices.readings.models import Kind, Reading
from devices.readings.series import DERIVED_FIELDS, FIELDS, FLOAT_FIELDS, PART_TAG, FieldValue, SeriesKey
from ingest.store.line_protocol import escaped_name, quoted

_MEASURED: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(name for name in names if name != "seq") for kind, names in FIELDS.items()
}
_KNOWN: Final[Mapping[Kind, frozenset[str]]] = {
    kind: frozenset((*names, *DERIVED_FIELDS.get(kind, ()))) for kind, names in FIELDS.items()
}
"""Field names that a row of ours may have, by measurement."""
_LAST: Final[Mapping[Kind, slice]] = {kind: slice(-len(names), None) for kind, names in _MEASURED.items()}
"""The measured fields come last in every model: a slice of all values takes half the time of fetching each field."""
_JSON: Final = json.Encoder()
_MINUS: Final = ord("-")
_MAX_FORMS: Final = 4_096
"""A device may send any set of fields; so many sets are cached."""


def line_head(series: SeriesKey, device: Device) -> str:
    """Measurement and tags. Raises Unencodable: district, fleet or site has a name that line protocol cannot write."""
    part = f",{PART_TAG[series.kind]}={series.part}" if series.part else ""
    # Device and part need no escaping: their patterns allow nothing special.
    return f"{series.kind}{part},device={series.device_id}{_area(device.district, device.fleet, device.site_id)}"


@lru_cache(maxsize=4_096)
def _area(district: str | None, fleet: str | None, site_id: str | None) -> str:
    tags = (("district", district), ("fleet", fleet), ("site", None if fleet else site_id))
    return "".join([f",{key}={escaped_name(value)}" for key, value in tags if value])


def measured(reading: Reading) -> str:
    """The content of a reading: every present field, in the model's order, without `seq`.

    Two readings of one series and instant with the same text are duplicates, with different texts a conflict.
    """
    kind = reading.kind
    return _encoded(kind, astuple(reading)[_LAST[kind]])


def measured_before(kind: Kind, fields: Mapping[str, FieldValue]) -> str:
    """The same text for a reading that a store returns: its 12 may have been 12.0."""
    names = _MEASURED[kind]
    values = tuple(_as_measured(fields.get(name), name in FLOAT_FIELDS[kind]) for name in names)
    others = sorted(fields.keys() - _KNOWN[kind])  # from another writer: not the content of a reading
    return _encoded(kind, values) + "".join([f",{name}={fields[name]!r}" for name in others])


def whole_line(head: str, fields: str, seq: int | None, ts: int) -> str:
    return f"{head} {fields} {ts}" if seq is None else f"{head} {fields},seq={seq}i {ts}"


class _Form(NamedTuple):
    """How values of certain types are encoded, None as nothing."""

    take_present: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    """Returns those values that are not None."""
    template: bytes
    """Takes the present values as JSON."""
    texts: tuple[int, ...]
    """Indexes of present values that line protocol escapes in its own way."""


def _encoded(kind: Kind, values: tuple[Any, ...]) -> str:
    take_present, template, texts = _form(kind, tuple(map(type, values)))
    plain = present = take_present(values)
    if texts:
        plain = tuple([None if index in texts else value for index, value in enumerate(present)])
    array = _JSON.encode(plain)
    if _MINUS in array and b"-0.0" in array:  # a single byte is found in a tenth of the time
        array = _JSON.encode(tuple(map(_without_sign_of_zero, plain)))
    parts = array[1:-1].split(b",")  # no value in it has a comma
    for index in texts:
        parts[index] = quoted(present[index]).encode()
    return (template % tuple(parts)).decode()


@lru_cache(maxsize=_MAX_FORMS)
def _form(kind: Kind, types: tuple[type, ...]) -> _Form:
    fields, present, texts = list[str](), list[int](), list[int]()
    for index, (name, type_) in enumerate(zip(_MEASURED[kind], types, strict=True)):
        if type_ is type(None):
            continue
        if issubclass(type_, str) and not issubclass(type_, Enum):
            texts.append(len(present))
        present.append(index)
        whole = "i" if issubclass(type_, int) and type_ is not bool and name not in FLOAT_FIELDS[kind] else ""
        fields.append(f"{name}=%s{whole}")
    if len(present) < 2:  # of one index itemgetter returns the value alone, of a slice always a tuple
        only = present[0] if present else 0
        return _Form(itemgetter(slice(only, only + len(present))), "".join(fields or ["%.0s"]).encode(), tuple(texts))
    return _Form(itemgetter(*present), ",".join(fields).encode(), tuple(texts))


def _as_measured(value: FieldValue | None, is_float: bool) -> FieldValue | None:
    return float(value) if is_float and type(value) is int else value


def _without_sign_of_zero(value: object) -> object:
    """A store may not keep the sign of a zero."""
    return 0.0 if isinstance(value, float) and value == 0 else value
