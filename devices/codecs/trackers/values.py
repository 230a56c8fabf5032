"""What the codecs of trackers share: documents, times, numbers, and the readings of one report. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic_core import from_json

from devices.codecs.codec import CorrectedItems, Flaw
from devices.readings.field_check import Correction, corrected_reading
from devices.readings.models import MAX_TS_MS, MIN_TS_MS, Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal, refused

KMH_PER_KNOT: Final = 1.852
KMH_PER_MS: Final = 3.6
_FIRST_MS: Final = 2_147_483_647
"""From here on a time is in milliseconds, below in seconds: as Traccar reads it."""
_MAX_FIELDS: Final = 200
"""Of a query; trackers send a dozen."""
_DIGITS: Final = re.compile(r"[0-9]{1,19}(\.[0-9]{1,9})?")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")
_BLANK_FOR_PLUS: Final = re.compile(r"(.*[0-9]:[0-9]{2}.*) ([0-9]{2}(?::?[0-9]{2})?)")
"""A time whose offset lost its `+`: in a query that is not escaped it stands for a blank."""
_NOBODY: Final = "unnamed"
"""Device of readings that are only counted."""
_LARGEST: Final = 10**18
"""No number of a report is larger; a larger one is out of every bound."""


def document(payload: bytes) -> dict[str, Any]:
    """A JSON object. Raises DecodeError."""
    try:
        found = from_json(payload)
    except ValueError as exc:
        raise DecodeError(Refusal(Reason.BROKEN_JSON, f"payload is not JSON: {exc}", field="payload")) from exc
    if not isinstance(found, dict):
        raise refused(Reason.NOT_A_READING, "payload", "should be an object")
    return found


def query_fields(payload: bytes) -> dict[str, str]:
    """The fields of a URL query; of one that comes twice, the first. Raises DecodeError."""
    try:
        text = payload.decode("utf-8").removeprefix("/").removeprefix("?")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as exc:
        raise refused(Reason.NOT_A_READING, "payload", f"should be a URL query or JSON: {exc}") from exc
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def part(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object within another; empty if it is absent or no object."""
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def number(value: object) -> object:
    """A number that may be written as text. What is none stays as it is, so that the check of the field names it."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return value


def scaled(value: object, factor: float) -> object:
    """A number in another unit; what is no number stays as it is."""
    found = number(value)
    is_number = isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < _LARGEST
    return found * factor if is_number else found  # type: ignore[operator]


def unless_negative(value: object) -> object:
    """None in place of -1, which stands for unknown."""
    return None if isinstance(value, int | float) and value < 0 else value


def instant_ms(value: object, field: str, *, seconds: bool = False) -> int:
    """Milliseconds of a time: a number of seconds or milliseconds, or ISO 8601, in UTC where it names no offset.

    `seconds`: a number is always seconds. Raises DecodeError, also for a time before 2000 or after 2100.
    """
    found = _instant_ms(value, seconds=seconds)
    if found is None:
        problem = f"should be seconds or milliseconds since 1970, or ISO 8601 (found {repr(value)[:60]})"
        raise refused(Reason.WRONG_TYPE, field, problem)
    if not MIN_TS_MS <= found <= MAX_TS_MS:
        raise refused(Reason.OUT_OF_BOUNDS, field, f"should lie between 2000 and 2100 (found {repr(value)[:60]})")
    return round(found)


def _instant_ms(value: object, *, seconds: bool) -> float | None:
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            return _iso_ms(value)
        value = float(value) if "." in value else int(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or (isinstance(value, float) and math.isnan(value))
    ):
        return None
    value = max(-_LARGEST, min(value, _LARGEST))
    return value * 1000 if seconds or value < _FIRST_MS else value


def _iso_ms(text: str) -> float | None:
    text = _BLANK_FOR_PLUS.sub(r"\1+\2", text[:64])
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.timestamp() * 1000
    except (ValueError, OverflowError):
        return None


def located(device_id: str, position: Mapping[str, Any], battery_pct: object = None) -> list[Reading | Flaw]:
    """The position of a report, and a status where it says how full the battery is.

    Raises DecodeError: the place is missing, out of bounds, or 0, 0.
    """
    if position.get("lat") == 0 and position.get("lon") == 0:
        raise refused(Reason.OUT_OF_BOUNDS, "lat", "0, 0 is what a receiver without a fix sends")
    found = [(Kind.POSITION, position)]
    if battery_pct is not None:
        found.append((Kind.STATUS, alive(position["ts"], battery_pct)))
    return readings(device_id, found)


def readings(device_id: str, found: Sequence[tuple[Kind, Mapping[str, Any]]]) -> list[Reading | Flaw]:
    """Readings of these kinds; values of None are absent. Raises DecodeError."""
    items: list[Reading | Flaw] = []
    corrections: dict[int, list[Correction]] = {}
    for kind, values in found:
        given = {name: value for name, value in values.items() if value is not None}
        reading, corrected = corrected_reading(kind, given, device_id or _NOBODY)
        if corrected:
            corrections[len(items)] = corrected
        items.append(reading)
    return CorrectedItems(items, corrections) if corrections else items


def joined(first: list[Reading | Flaw], second: list[Reading | Flaw]) -> list[Reading | Flaw]:
    """The readings of both, with what was corrected in each."""
    corrections = dict(first.corrections) if isinstance(first, CorrectedItems) else {}
    if isinstance(second, CorrectedItems):
        corrections |= {len(first) + index: found for index, found in second.corrections.items()}
    items = [*first, *second]
    return CorrectedItems(items, corrections) if corrections else items


def alive(ts: int, battery_pct: object = None) -> dict[str, Any]:
    """Values of a status: trackers have no sessions, so its number is always 0."""
    return {"ts": ts, "online": True, "session": 0, "cause": "heartbeat", "battery_pct": battery_pct}
