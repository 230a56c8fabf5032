"""The native dialect: UTF-8 JSON, one reading or an array of readings of the topic's kind."""

import json
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from devices.readings import MODELS, Kind, Reading
from devices.refusals import DecodeError, Reason, Refusal
from devices.topics import parse_topic

MAX_PAYLOAD_BYTES: Final = 65_536
"""About 300 buffered positions; devices split longer uploads."""

# What is inside the adapter, a call less for each of ten thousand messages a second.
_ONE: Final = {kind: TypeAdapter(model).validator for kind, model in MODELS.items()}
_MANY: Final[dict[Kind, TypeAdapter[list[Reading]]]] = {
    kind: TypeAdapter(list[model])  # type: ignore[valid-type]
    for kind, model in MODELS.items()
}
_SHORTEST_BYTES: Final = 32
"""No reading takes less. An array with more elements than can be readings is refused as one: 64 KiB of `{}` would make
20,000 dead letters."""
_REASON_OF_ERROR: Final = {
    "missing": Reason.MISSING_FIELD,
    "json_invalid": Reason.BROKEN_JSON,
    "model_type": Reason.NOT_A_READING,
    "model_attributes_type": Reason.NOT_A_READING,
    "dict_type": Reason.NOT_A_READING,
    "list_type": Reason.NOT_A_READING,
}
_BOUNDS: Final = (
    "greater_than", "less_than", "finite_number", "string_too", "string_pattern", "enum", "literal_error",
    "unseen_character",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flaw:
    """One element of an array that is not a reading; its neighbours are kept."""

    raw: bytes
    """The element, as JSON."""
    refusal: Refusal


def decode(topic: str, payload: bytes, *, max_bytes: int = MAX_PAYLOAD_BYTES) -> list[Reading | Flaw]:
    """Read a message: its readings in payload order, with a Flaw in the place of each bad array element.

    Raises:
        DecodeError: nothing of the message can be read (foreign topic, too large, broken JSON, a single
            reading that is not one). The refusal names the field and what is expected of it.
    """
    where = parse_topic(topic)
    if len(payload) > max_bytes:
        detail = f"payload is {len(payload)} bytes, at most {max_bytes} are taken: split the upload"
        raise DecodeError(Refusal(Reason.TOO_LARGE, detail, field="payload"))
    if payload.lstrip()[:1] == b"[":
        return _decode_array(where.kind, where.device_id, payload, max_bytes // _SHORTEST_BYTES)
    try:
        return [_ONE[where.kind].validate_json(payload, context=where.device_id)]
    except ValidationError as exc:
        raise DecodeError(_refusal(exc.errors(include_url=False)[0])) from exc


def _decode_array(kind: Kind, device_id: str, payload: bytes, most: int) -> list[Reading | Flaw]:
    try:
        readings = _MANY[kind].validate_json(payload, context=device_id)
    except ValidationError:
        return _decode_flawed_array(kind, device_id, payload, most)
    if not readings:
        raise DecodeError(Refusal(Reason.NOT_A_READING, "payload: the array is empty", field="payload"))
    return list(readings)


def _decode_flawed_array(kind: Kind, device_id: str, payload: bytes, most: int) -> list[Reading | Flaw]:
    """At least one element is bad: look at each by itself."""
    try:
        elements = from_json(payload)
    except ValueError as exc:
        raise DecodeError(Refusal(Reason.BROKEN_JSON, f"payload is not JSON: {exc}", field="payload")) from exc
    if len(elements) > most:
        detail = f"payload: an array of {len(elements)} elements, at most {most} can be readings: split the upload"
        raise DecodeError(Refusal(Reason.NOT_A_READING, detail, field="payload"))
    return [_decode_element(kind, device_id, element) for element in elements]


def _decode_element(kind: Kind, device_id: str, element: Any) -> Reading | Flaw:
    raw = json.dumps(element, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    try:
        reading: Reading = _ONE[kind].validate_json(raw, context=device_id)
    except ValidationError as exc:
        return Flaw(raw, _refusal(exc.errors(include_url=False)[0]))
    return reading


def encode(reading: Reading) -> bytes:
    """Write a reading as a device would: no absent fields, and the device named by the topic alone."""
    return reading.model_dump_json(exclude={"device_id"}, exclude_none=True).encode()


def encode_array(readings: list[Reading]) -> bytes:
    """Write readings of one kind as one upload."""
    return b"[" + b",".join(encode(reading) for reading in readings) + b"]"


def _refusal(error: ErrorDetails) -> Refusal:
    field = ".".join(str(part) for part in error["loc"] if part not in {"float", "int"}) or "payload"
    kind = error["type"]
    reason = _REASON_OF_ERROR.get(kind)
    if reason is None:
        reason = Reason.OUT_OF_BOUNDS if kind.startswith(_BOUNDS) else Reason.WRONG_TYPE
    found = "" if reason in {Reason.MISSING_FIELD, Reason.BROKEN_JSON} else f" (found {_shown(error['input'])})"
    return Refusal(reason, f"{field}: {error['msg']}{found}", field=field)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
