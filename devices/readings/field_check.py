"""Check of decoded JSON values against the model of a reading; names the first bad field, in the model's order.

Codecs call it for the few messages that do not decode at once. Device engineers read its sentences. `corrected_reading`
leaves out what a reading can do without, and names it; `reading_of` refuses every fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect, structs

from devices.readings.models import MAX_LEVEL_PCT, MODELS, Kind, Percent, Reading, droppable
from devices.readings.refusals import DecodeError, Reason, Refusal
from devices.readings.text import unseen_character


class Correction(NamedTuple):
    """What was done with one faulty value of a reading that stands."""

    field: str
    clamped: bool
    """The value was a level above 100 % and counts as 100 %; otherwise it was dropped."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a model, and the values it takes."""

    name: str
    type_: Any
    required: bool
    types: tuple[type, ...]
    """A value of another type is of a wrong type. Empty for enumerations, where every bad value is out of bounds."""
    expected: str
    """Like `a number from 0 to 100`."""
    is_level: bool
    """A level in percent."""
    droppable: bool

    def refusal(self, values: Mapping[str, object]) -> Refusal | None:
        """Return what is wrong with this field among the values of a reading, or None."""
        if self.name not in values:
            detail = f"{self.name}: is missing, should be {self.expected}"
            return Refusal(Reason.MISSING_FIELD, detail, field=self.name) if self.required else None
        value = values[self.name]
        try:
            msgspec.convert(value, self.type_)
        except (msgspec.ValidationError, UnicodeError):
            unseen = unseen_character(value) if isinstance(value, str) and str in self.types else None
            fault = f"Text should have no invisible character, has {unseen}" if unseen else f"should be {self.expected}"
            reason = Reason.OUT_OF_BOUNDS if not self.types or type(value) in self.types else Reason.WRONG_TYPE
            return Refusal(reason, f"{self.name}: {fault} (found {_shown(value)})", field=self.name)
        return None


def reading_of(kind: Kind, values: object, device_id: str) -> Reading:
    """Build a reading from decoded JSON; `device_id` is used unless the values name one. Unknown fields are ignored.

    Raises:
        DecodeError: the values are no object, or a field is missing, of a wrong type or out of bounds.
    """
    if not isinstance(values, Mapping):
        detail = f"payload: should be an object (found {_shown(values)})"
        raise DecodeError(Refusal(Reason.NOT_A_READING, detail, field="payload"))
    return _converted(kind, _given(kind, values, device_id))


def corrected_reading(kind: Kind, values: object, device_id: str) -> tuple[Reading, list[Correction]]:
    """As `reading_of`, but faulty values that the reading can do without are left out, and levels up to 120 % clamped.

    The corrections are in the model's order. Raises DecodeError: as `reading_of`, about the first other fault.
    """
    if not isinstance(values, Mapping):
        return reading_of(kind, values, device_id), []
    given = _given(kind, values, device_id)
    try:
        return msgspec.convert(given, MODELS[kind]), []
    except (msgspec.ValidationError, UnicodeError):
        pass  # the fields are checked one by one
    corrections: list[Correction] = []
    for field in _FIELDS[kind].values():
        value = given.get(field.name)
        if field.is_level and type(value) in {int, float} and 100 < value <= MAX_LEVEL_PCT:  # type: ignore[operator]
            given[field.name] = 100.0
            corrections.append(Correction(field.name, clamped=True))
        elif field.droppable and field.name in given and field.refusal(given) is not None:
            del given[field.name]
            corrections.append(Correction(field.name, clamped=False))
    return _converted(kind, given), corrections


def _given(kind: Kind, values: Mapping[str, object], device_id: str) -> dict[str, object]:
    """The values of the model's fields, with the device."""
    fields = _FIELDS[kind]
    given = {name: value for name, value in values.items() if name in fields}
    if given.get("device_id") in (None, ""):  # a tuple, not a set: the value may be a list, which has no hash
        given["device_id"] = device_id
    return given


def _converted(kind: Kind, given: Mapping[str, object]) -> Reading:
    try:
        return msgspec.convert(given, MODELS[kind])
    except (msgspec.ValidationError, UnicodeError) as exc:
        fields = _FIELDS[kind].values()
        refused = next(refusal for field in fields if (refusal := field.refusal(given)) is not None)
        raise DecodeError(refused) from exc


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _field(info: structs.FieldInfo, droppable_names: frozenset[str]) -> _Field:
    type_ = inspect.type_info(info.type)
    if isinstance(type_, inspect.UnionType):  # X | None: the part that is not None
        type_ = next(member for member in type_.types if not isinstance(member, inspect.NoneType))
    return _Field(
        info.name,
        info.type,
        info.required,
        *_expected(type_),
        is_level=info.type in (Percent, Percent | None),
        droppable=info.name in droppable_names,
    )


def _expected(type_: inspect.Type) -> tuple[tuple[type, ...], str]:
    """Return the Python types that a field takes, and the words for its values."""
    match type_:
        case inspect.BoolType():
            return (bool,), "true or false"
        case inspect.IntType(ge=low, le=high):
            return (int,), f"a whole number from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return (int, float), f"a number from {low:.15g} to {high:.15g}"
        case inspect.StrType(max_length=length, pattern=pattern):
            return (str,), f"text of 1 to {length} characters" if length is not None else f"text that matches {pattern}"
        case inspect.EnumType(cls=members):
            return (), " or ".join(repr(str(member)) for member in members)
        case inspect.LiteralType(values=literals):
            return (), " or ".join(map(repr, literals))
    raise TypeError(f"no words for {type_}")


_FIELDS: Final = {
    kind: {info.name: _field(info, droppable(kind)) for info in structs.fields(model)} for kind, model in MODELS.items()
}
