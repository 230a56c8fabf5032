"""Check of decoded JSON values against the model of a reading; names the first bad field, in the model's order.

Codecs call it for the few messages that do not decode at once. Device engineers read its sentences.
"""

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
    """One field of a model, and the values it takes."""

    name: str
    type_: Any
    required: bool
    types: tuple[type, ...]
    """A value of another type is of a wrong type. Empty for enumerations, where every bad value is out of bounds."""
    expected: str
    """Like `a number from 0 to 100`."""

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
    fields = _FIELDS[kind]
    given = {name: value for name, value in values.items() if name in fields}
    if given.get("device_id") in (None, ""):  # a tuple, not a set: the value may be a list, which has no hash
        given["device_id"] = device_id
    try:
        return msgspec.convert(given, MODELS[kind])
    except (msgspec.ValidationError, UnicodeError) as exc:
        refused = next(refusal for field in fields.values() if (refusal := field.refusal(given)) is not None)
        raise DecodeError(refused) from exc


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _field(info: structs.FieldInfo) -> _Field:
    type_ = inspect.type_info(info.type)
    if isinstance(type_, inspect.UnionType):  # X | None: the part that is not None
        type_ = next(member for member in type_.types if not isinstance(member, inspect.NoneType))
    return _Field(info.name, info.type, info.required, *_expected(type_))


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


_FIELDS: Final = {kind: {info.name: _field(info) for info in structs.fields(model)} for kind, model in MODELS.items()}
