"""The native dialect: UTF-8 JSON, one reading or an array of readings of the topic's kind."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Raw, structs
from msgspec.json import Decoder, Encoder
from pydantic_core import from_json

from devices.codecs.codec import MAX_PAYLOAD_BYTES, CorrectedItems, Flaw
from devices.codecs.topics import READINGS_FILTERS, device_of_topic, is_reading_topic, parse_topic
from devices.readings.decoding import NATIVE_DIALECT, UNREGISTERED, Decoding
from devices.readings.field_check import Correction, corrected_reading
from devices.readings.models import MODELS, Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal

# Bound methods: one call less for each of twenty thousand messages a second.
_ONE: Final = {kind: Decoder(model).decode for kind, model in MODELS.items()}
_MANY: Final[dict[Kind, Callable[[bytes], list[Reading]]]] = {
    kind: Decoder(list[model]).decode  # type: ignore[valid-type]
    for kind, model in MODELS.items()
}
_ELEMENTS: Final = Decoder(list[Raw])
_ENCODER: Final = Encoder()
_SHORTEST_BYTES: Final = 32
"""No reading is shorter. An array with more elements than can be readings in its bytes is refused as a whole: 4 KiB of
`1,1,1` would make 2,048 dead letters."""
_FEW_ELEMENTS: Final = 8
"""So many may be short: a person sees what is wrong with each."""
_PADDING: Final = b"\x00 \t\r\n\v\f"
"""Firmware in C sends the end of its buffer too: NULs and white space after the JSON are cut off."""
_DEEP_BYTES: Final = 400
"""Shorter payloads cannot nest deeper than the 200 levels that `from_json` takes, nor hold a number of 4,300 digits."""


class NativeJson:
    """The codec (`devices.codecs.codec.Codec`) of the native dialect."""

    dialect: Final = NATIVE_DIALECT
    topic_filters: Final = READINGS_FILTERS

    matches = staticmethod(is_reading_topic)
    device_of = staticmethod(device_of_topic)

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """Read one JSON object, or an array of them. Raises DecodeError."""
        parsed = parse_topic(topic)
        if len(payload) > max_bytes:
            detail = f"payload is {len(payload)} bytes, at most {max_bytes} are taken: split the upload"
            raise DecodeError(Refusal(Reason.TOO_LARGE, detail, field="payload"))
        try:
            reading = _ONE[parsed.kind](payload)
            if len(payload) >= _DEEP_BYTES or not payload.isascii():
                _check_unknown(payload)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return _decode_unusual(parsed.kind, parsed.device_id, payload.rstrip(_PADDING))
        if not reading.device_id:
            structs.force_setattr(reading, "device_id", parsed.device_id)
        return [reading]

    def split(self, payload: bytes) -> list[bytes]:
        """Return the elements of an array, or the payload itself."""
        return _elements_of(payload.rstrip(_PADDING)) if payload.lstrip()[:1] == b"[" else [payload]

    def join(self, elements: Sequence[bytes]) -> bytes:
        """Return an array, or the element itself if it is the only one."""
        return elements[0] if len(elements) == 1 else b"[" + b",".join(elements) + b"]"


NATIVE: Final = NativeJson()


def _decode_unusual(kind: Kind, device_id: str, payload: bytes) -> list[Reading | Flaw]:
    """Read an array, or an object that is not plainly a reading."""
    if payload.lstrip()[:1] == b"[":
        return _decode_array(kind, device_id, payload)
    reading, corrections = corrected_reading(kind, _parsed(payload), device_id)
    return CorrectedItems([reading], {0: corrections}) if corrections else [reading]


def _decode_array(kind: Kind, device_id: str, payload: bytes) -> list[Reading | Flaw]:
    try:
        readings = _MANY[kind](payload)
        _check_unknown(payload)
    except (ValueError, RecursionError):
        return _decode_elements(kind, device_id, payload)
    if not readings:
        raise DecodeError(Refusal(Reason.NOT_A_READING, "payload: the array is empty", field="payload"))
    return [_named(reading, device_id) for reading in readings]


def _check_unknown(payload: bytes) -> None:
    """Check UTF-8 and depth of unknown fields, which msgspec skips unchecked. Raises ValueError, RecursionError."""
    if len(payload) >= _DEEP_BYTES:
        from_json(payload)
    else:
        payload.decode()


def _decode_elements(kind: Kind, device_id: str, payload: bytes) -> list[Reading | Flaw]:
    """Read each element by itself; at least one is bad or unusual."""
    elements, most = _parsed(payload), len(payload) // _SHORTEST_BYTES + _FEW_ELEMENTS
    if len(elements) > most:
        detail = f"payload: {len(elements)} elements in {len(payload)} bytes, at most {most} of them can be readings"
        raise DecodeError(Refusal(Reason.NOT_A_READING, detail, field="payload"))
    items: list[Reading | Flaw] = []
    corrections: dict[int, list[Correction]] = {}
    for index, (element, raw) in enumerate(zip(elements, _elements_of(payload), strict=True)):
        try:
            reading, corrected = corrected_reading(kind, element, device_id)
        except DecodeError as exc:
            items.append(Flaw(raw, exc.refusal))
            continue
        items.append(reading)
        if corrected:
            corrections[index] = corrected
    return CorrectedItems(items, corrections) if corrections else items


def _elements_of(payload: bytes) -> list[bytes]:
    """Return the elements of an array, byte for byte if it is plain JSON, else encoded again. Raises DecodeError."""
    try:
        return [bytes(raw) for raw in _ELEMENTS.decode(payload)]
    except (ValueError, RecursionError):
        elements = _parsed(payload)
        return [json.dumps(element, ensure_ascii=False, separators=(",", ":")).encode() for element in elements]


def _parsed(payload: bytes) -> Any:
    """Parse and check all of a payload that msgspec refused. NaN passes, so that the refusal can name its field."""
    try:
        return from_json(payload)
    except ValueError as exc:
        raise DecodeError(Refusal(Reason.BROKEN_JSON, f"payload is not JSON: {exc}", field="payload")) from exc


def _named(reading: Reading, device_id: str) -> Reading:
    """Fill in the topic's device unless the reading names one. In place: nobody else holds the reading yet."""
    if not reading.device_id:
        structs.force_setattr(reading, "device_id", device_id)
    return reading


def encode(reading: Reading) -> bytes:
    """Encode a reading as a device sends it: without absent fields, and without the device, which the topic names."""
    values = zip(reading.__struct_fields__[1:], structs.astuple(reading)[1:], strict=True)
    return _ENCODER.encode({name: value for name, value in values if value is not None})


def encode_array(readings: list[Reading]) -> bytes:
    """Encode readings of one kind as one upload."""
    return b"[" + b",".join(encode(reading) for reading in readings) + b"]"


def encode_content(reading: Reading) -> bytes:
    """Encode a reading without its sequence number, absent fields as null. Equal content gives equal bytes.

    `rules.engine.reorder_buffer` compares readings of one instant by it.
    """
    return _ENCODER.encode(structs.replace(reading, seq=None))
