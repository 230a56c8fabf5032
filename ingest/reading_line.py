"""A reading as its line of line protocol, written once.

    head                              measured                  line
    position,device=d1,fleet=north    lat=35.5,lon=112.8,…      head measured,seq=7i 1700000000000

What was measured is compared as this text, and the outbox, InfluxDB and the embedded store take the line as it is. Each
reading passes here, so its fields are written by one format string for each set of present fields, floats as `repr`.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, get_args

from devices.city import Device
from devices.readings import MODELS, Kind, Reading
from devices.series import FIELDS, FieldValue, SeriesKey
from ingest.store.line_protocol import escaped_name, quoted

_MEASURED: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(name for name in names if name != "seq") for kind, names in FIELDS.items()
}
_VALUES: Final[Mapping[Kind, Callable[[Mapping[str, Any]], tuple[Any, ...]]]] = {
    kind: itemgetter(*names) for kind, names in _MEASURED.items()
}
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


def measured(reading: Reading) -> str:
    """What was measured: every field that is present, in the model's order, without `seq`.

    Two readings of one series and instant with the same text are duplicates, with different texts a conflict.
    """
    return _written(reading.kind, _VALUES[reading.kind](vars(reading)))


def measured_before(kind: Kind, fields: Mapping[str, FieldValue]) -> str:
    """The same text of a reading that a store gives back: its 12 may have been 12.0."""
    known = _MEASURED[kind]
    values = tuple(_as_measured(fields.get(name), name in _FLOATS[kind]) for name in known)
    others = sorted(fields.keys() - {*known, "seq"})  # of another writer: then it is not what a device said
    return _written(kind, values) + "".join([f",{name}={fields[name]!r}" for name in others])


def whole_line(head: str, fields: str, seq: int | None, ts: int) -> str:
    return f"{head} {fields} {ts}" if seq is None else f"{head} {fields},seq={seq}i {ts}"


class _Form(NamedTuple):
    """How values of certain types are written, None as nothing."""

    template: str
    texts: tuple[int, ...]
    """Places of values that have to be escaped."""


def _written(kind: Kind, values: tuple[Any, ...]) -> str:
    form = _form(kind, tuple(map(type, values)))
    if form.texts:
        filled = list(values)
        for place in form.texts:
            filled[place] = quoted(filled[place])
        values = tuple(filled)
    text = form.template % values
    return text if "-0.0" not in text else form.template % tuple(map(_without_sign_of_zero, values))


@lru_cache(maxsize=_MOST_FORMS)
def _form(kind: Kind, types: tuple[type, ...]) -> _Form:
    parts, texts = [], []
    for place, (name, type_) in enumerate(zip(_MEASURED[kind], types, strict=True)):
        if type_ is type(None):
            parts.append("%.0s")  # takes the value and writes nothing of it
            continue
        comma = "," if any(not part.startswith("%.0s") for part in parts) else ""
        if issubclass(type_, str) and not issubclass(type_, Enum):
            texts.append(place)
        parts.append(f"{comma}{name}={_conversion(type_)}")
    return _Form("".join(parts), tuple(texts))


def _conversion(type_: type) -> str:
    if issubclass(type_, bool | str):
        return '"%s"' if issubclass(type_, Enum) else "%s"
    return "%di" if issubclass(type_, int) else "%r"


def _as_measured(value: FieldValue | None, is_float: bool) -> FieldValue | None:
    return float(value) if is_float and type(value) is int else value


def _without_sign_of_zero(value: object) -> object:
    """A store may not keep it, and zero is zero."""
    return 0.0 if isinstance(value, float) and value == 0 else value


def _holds_float(annotation: object) -> bool:
    return annotation is float or any(map(_holds_float, get_args(annotation)))


_FLOATS: Final[Mapping[Kind, frozenset[str]]] = {
    kind: frozenset(name for name in _MEASURED[kind] if _holds_float(model.model_fields[name].annotation))
    for kind, model in MODELS.items()
}
