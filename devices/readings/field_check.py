"""Values that may not be a reading, held against its model: the first bad field, in the model's order, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import inspect, structs

from devices.readings.models import MODELS, Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal
from devices.readings.text import unseen_character


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a model, and what it takes."""

    name: str
    type_: Any
    required: bool
    types: tuple[type, ...]
    """A value of another type is of a wrong type; without any, every value is merely not one of the words."""
    expected: str
    """A number from 0 to 100."""

    def refusal(self, values: Mapping[str, object]) -> Refusal | None:
        """What is wrong with this field of a reading, if anything is."""
        if self.name not in values:
            detail = f"{self.name}: is missing, should be {self.expected}"
            return Refusal(Reason.MISSING_FIELD, detail, field=self.name) if self.required else None
        value = values[self.name]
        try:
            msgspec.convert(value, self.type_)
        except (msgspec.ValidationError, UnicodeError):
            unseen = unseen_character(value) if isinstance(value, str) and str in self.types else None
            said = f"Text should have no invisible character, has {unseen}" if unseen else f"should be {self.expected}"
            reason = Reason.OUT_OF_BOUNDS if not self.types or type(value) in self.types else Reason.WRONG_TYPE
            return Refusal(reason, f"{self.name}: {said} (found {_shown(value)})", field=self.name)
        return None


def reading_of(kind: Kind, values: object, device_id: str) -> Reading:
    """The reading that decoded JSON is, of the device named unless it names its own; unknown fields are ignored.

    Raises:
        DecodeError: it is not an object, or a field is missing, of a wrong type or out of bounds.
    """
    if not isinstance(values, Mapping):
        detail = f"payload: should be an object (found {_shown(values)})"
        raise DecodeError(Refusal(Reason.NOT_A_READING, detail, field="payload"))
    fields = _FIELDS[kind]
    known = {name: value for name, value in values.items() if name in fields}
    if known.get("device_id") in (None, ""):  # no set: it may be a list
        known["device_id"] = device_id
    try:
        return msgspec.convert(known, MODELS[kind])
    except (msgspec.ValidationError, UnicodeError) as exc:
        refused = next(refusal for field in fields.values() if (refusal := field.refusal(known)) is not None)
        raise DecodeError(refused) from exc


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _field(info: structs.FieldInfo) -> _Field:
    type_ = inspect.type_info(info.type)
    if isinstance(type_, inspect.UnionType):  # of something and nothing
        type_ = next(part for part in type_.types if not isinstance(part, inspect.NoneType))
    return _Field(info.name, info.type, info.required, *_taken(type_))


def _taken(type_: inspect.Type) -> tuple[tuple[type, ...], str]:
    """Python types and words for what a field takes."""
    match type_:
        case inspect.BoolType():
            return (bool,), "true or false"
        case inspect.IntType(ge=low, le=high):
            return (int,), f"a whole number from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return (int, float), f"a number from {low:.15g} to {high:.15g}"
        case inspect.StrType(max_length=most, pattern=pattern):
            return (str,), f"text of 1 to {most} characters" if most is not None else f"text that matches {pattern}"
        case inspect.EnumType(cls=words):
            return (), " or ".join(repr(str(word)) for word in words)
        case inspect.LiteralType(values=words):
            return (), " or ".join(map(repr, words))
    raise TypeError(f"no words for {type_}")


_FIELDS: Final = {kind: {info.name: _field(info) for info in structs.fields(model)} for kind, model in MODELS.items()}
