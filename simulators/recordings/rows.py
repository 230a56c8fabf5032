"""Turns one row of a recording, of any format, into one reading.

RowError    the row cannot be read; names the column and the fix. The reader adds file and row.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from devices.codecs.codec import Flaw
from devices.codecs.registry import decode
from devices.codecs.topics import reading_topic
from devices.readings.field_check import reading_of
from devices.readings.models import Kind, Reading
from devices.readings.refusals import DecodeError

Column = str | int
"""A name from the header or, from 0, an index."""
_POINT: Final = re.compile(r"\s*POINT\s*\(\s*(\S+)\s+(\S+)\s*\)\s*", re.IGNORECASE)
_SECONDS_BELOW: Final = 1e11
"""A bare number below this is seconds since 1970, from here on milliseconds (1e11 s is the year 5138)."""
_OWN: Final = ("time", "lat", "lon", "point", "device")
_EXTRAS: Final = ("speed_kmh", "heading_deg", "altitude_m", "accuracy_m", "hdop", "load_kg", "odometer_km")


class RowError(Exception):
    """A row that cannot be read; the message names the column and what is wrong."""

    def __init__(self, column: Column, detail: str) -> None:
        super().__init__(f"column {column!r}: {detail}")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a recording. Either `lat` and `lon`, or `point` (WKT: `POINT(lon lat)`)."""

    time: Column = "time"
    """ISO 8601, or seconds or milliseconds since 1970."""
    lat: Column = "lat"
    lon: Column = "lon"
    point: Column | None = None
    device: Column | None = None
    extras: tuple[tuple[str, Column], ...] = ()
    """Further fields: (field of a position, column); e.g. ("speed_kmh", "v")."""
    separator: str = ","
    header: bool = True
    timezone: str | None = None
    """Time zone of times without one, e.g. "US/Eastern". Of an hour that occurs twice it takes the first."""

    def __post_init__(self) -> None:
        unknown = [name for name, _ in self.extras if name not in _EXTRAS]
        if unknown:
            raise ValueError(f"columns: {', '.join(unknown)} is not one of {', '.join((*_OWN, *_EXTRAS))}")
        if len(self.separator) != 1 or self.separator in '\r\n"':
            raise ValueError(f"separator: {self.separator!r} is not a single character, as ',' or '|'")
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (KeyError, OSError, ValueError):
                raise ValueError(f"timezone: {self.timezone!r} is not in the IANA database, as US/Eastern is") from None


Row = dict[Column, object]


def rows_of_csv(text: str, columns: Columns) -> Iterable[tuple[int, Row]]:
    """(row number in the file, cells by index and, with a header, by name)."""
    lines = csv.reader(text.splitlines(), delimiter=columns.separator)
    header = next(lines, []) if columns.header else []
    for number, cells in enumerate(lines, 2 if columns.header else 1):
        if cells:
            by_index: Row = dict(enumerate(cells))
            yield number, by_index | dict(zip(header, cells, strict=False))


def rows_of_json(text: str) -> Iterable[tuple[int, Row]]:
    """(number of the element from 1, its fields). Raises RowError if the text is not an array of objects."""
    try:
        elements = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise RowError("(file)", f"is not JSON: {exc}") from exc
    if not isinstance(elements, list) or not all(isinstance(element, dict) for element in elements):
        raise RowError("(file)", "is not one array of objects")
    return enumerate(elements, 1)


def position_of_row(row: Mapping[Column, object], columns: Columns, device_id: str | None) -> tuple[str, Reading]:
    """(recorded device name, its position under a placeholder id). Raises RowError."""
    if device_id is None and columns.device is None:
        raise RowError("device", "the row names no device: name a device column or give a device id")
    name = device_id if device_id is not None else str(_cell(row, columns.device or 0)).strip()
    lat, lon = _place(row, columns)
    fields: dict[str, Any] = {field: _number(row, column) for field, column in columns.extras if _filled(row, column)}
    column_of: dict[str, Column] = {"ts": columns.time, "lat": columns.lat, "lon": columns.lon, **dict(columns.extras)}
    if columns.point is not None:
        column_of |= {"lat": columns.point, "lon": columns.point}
    return name, checked_position({"ts": _ts(row, columns), "lat": lat, "lon": lon, **fields}, "recorded", column_of)


def checked_position(
    values: Mapping[str, object], device_id: str, column_of: Mapping[str, Column] | None = None
) -> Reading:
    """A position from recorded values, which may be anything; `column_of` maps fields to columns. Raises RowError."""
    try:
        return reading_of(Kind.POSITION, values, device_id)
    except DecodeError as exc:
        field = exc.refusal.field or "(row)"
        raise RowError((column_of or {}).get(field, field), exc.refusal.detail) from exc


def reading_of_line(line: str, kind: Kind, device_id: str | None, id_of: Callable[[str], str]) -> tuple[str, Reading]:
    """(device id, reading) from a native payload; it names its device unless one is given. Raises RowError."""
    try:
        payload = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise RowError("(line)", f"is not JSON: {exc}") from exc
    name = device_id or (payload.get("device_id") if isinstance(payload, dict) else None)
    if not isinstance(name, str):
        raise RowError("device_id", "the reading names no device: give a device id")
    own_id = id_of(name)
    raw = json.dumps({**payload, "device_id": own_id}).encode()
    try:
        reading = decode(reading_topic(own_id, kind), raw)[0]
    except DecodeError as exc:
        raise RowError(exc.refusal.field or "(line)", exc.refusal.detail) from exc
    if isinstance(reading, Flaw):  # only arrays have flaws, and a line is an object
        raise RowError(reading.refusal.field or "(line)", reading.refusal.detail)
    return own_id, reading


def _place(row: Mapping[Column, object], columns: Columns) -> tuple[float, float]:
    if columns.point is None:
        return _number(row, columns.lat), _number(row, columns.lon)
    text = str(_cell(row, columns.point))
    match = _POINT.fullmatch(text)
    try:
        lon, lat = (float(part) for part in match.groups()) if match else (None, None)
    except ValueError:
        lon, lat = None, None
    if lat is None or lon is None:
        raise RowError(columns.point, f"{text[:60]!r} is not of the form POINT(lon lat)")
    return lat, lon


def _ts(row: Mapping[Column, object], columns: Columns) -> int:
    text = str(_cell(row, columns.time)).strip()
    try:
        number = float(text)
    except ValueError:
        return round(_instant(text, columns).timestamp() * 1000)
    return round(number * 1000 if number < _SECONDS_BELOW else number)


def _instant(text: str, columns: Columns) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise RowError(columns.time, f"{text!r} is neither ISO 8601 nor a number since 1970") from exc
    if instant.tzinfo is not None:
        return instant
    if columns.timezone is None:
        raise RowError(columns.time, f"{text!r} has no time zone: give the recording's")
    return instant.replace(tzinfo=ZoneInfo(columns.timezone))


def _number(row: Mapping[Column, object], column: Column) -> float:
    text = str(_cell(row, column)).strip()
    try:
        return float(text)
    except ValueError as exc:
        raise RowError(column, f"{text!r} is not a number") from exc


def _cell(row: Mapping[Column, object], column: Column) -> object:
    if not _filled(row, column):
        columns = ", ".join(str(name) for name in row)
        raise RowError(column, f"is missing or empty; the row has: {columns[:120]}")
    return row[column]


def _filled(row: Mapping[Column, object], column: Column) -> bool:
    return row.get(column) not in (None, "")
