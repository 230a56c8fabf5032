"""What Traccar forwards of the devices that it knows: JSON of a position or an event, or the URL form.

Speed is in knots, distances in metres, times in ISO 8601 or milliseconds. `fixTime` is when a place was measured,
`deviceTime` when the device reported. Traccar repeats the last place when a device sends none: `fixTime` then lies
behind `deviceTime`, or `outdated` is set by older versions. A late fix looks the same as a repeated one. So such a
report is read as two: the fix at its own time, with nothing that is not of the fix, and what the device says now,
without one. A repeated fix is then a duplicate, and never contradicts the first.
"""

from typing import Any, Final

from devices.codecs.codec import Flaw
from devices.codecs.trackers.tracker_codec import TrackerCodec, check_device
from devices.codecs.trackers.values import (
    KMH_PER_KNOT,
    document,
    instant_ms,
    joined,
    located,
    number,
    part,
    query_fields,
    scaled,
)
from devices.readings.decoding import Decoding
from devices.readings.models import Alarm, Reading
from devices.readings.refusals import DecodeError, Reason, refused

_FRESH_MS: Final = 60_000
"""A fix that is older than this when the device reports repeats the last place."""
_LATE_MS: Final = 1
"""A late or repeated fix stands so long after its time: the report of the fix itself, which said more, may be there."""
_OUTDATED_MS: Final = 2
"""Likewise a repeated place that has the times of the fix."""
_ALARMS: Final = {
    "sos": Alarm.EMERGENCY,
    "overspeed": Alarm.SPEEDING,
    "fatigueDriving": Alarm.FATIGUE,
    "gpsAntennaCut": Alarm.ANTENNA_OPEN,
    "lowPower": Alarm.POWER_LOW,
    "powerCut": Alarm.POWER_LOST,
}
_TRUTH: Final = {"true": True, "false": False}
_NAMES: Final = ("uniqueId", "id", "name")
"""Fields of the URL form that may name the device; their names are the operator's choice."""


class Traccar(TrackerCodec):
    """The codec of positions and events that Traccar forwards."""

    dialect = "traccar"

    def report(self, device_id: str, payload: bytes, decoding: Decoding) -> list[Reading | Flaw]:
        if payload.lstrip()[:1] != b"{":
            fields = query_fields(payload)
            check_device(device_id, _named(fields), "uniqueId")
            return _position_report(device_id, _of_query(fields))
        values = document(payload)
        check_device(device_id, part(values, "device").get("uniqueId"), "device.uniqueId")
        position = part(values, "position")
        if position:
            return _position_report(device_id, position)
        if part(values, "event"):
            return []
        raise refused(Reason.MISSING_FIELD, "position", "is missing")


TRACCAR: Final = Traccar()


def device_named(payload: bytes) -> object:
    """The device that a report names; None if it names none. Raises DecodeError if it cannot be read at all."""
    if payload.lstrip()[:1] == b"{":
        return part(document(payload), "device").get("uniqueId")
    return _named(query_fields(payload))


def _named(fields: dict[str, str]) -> str | None:
    return next((fields[name] for name in _NAMES if name in fields), None)


def _of_query(fields: dict[str, str]) -> dict[str, Any]:
    """The URL form as the JSON form has it."""
    position: dict[str, Any] = dict(fields)
    position["valid"] = _TRUTH.get(fields.get("valid", "true"), False)
    try:
        position["attributes"] = document(fields.get("attributes", "{}").encode())
    except DecodeError:
        position["attributes"] = {}
    return position


def _position_report(device_id: str, position: dict[str, Any]) -> list[Reading | Flaw]:
    attributes = part(position, "attributes")
    fixed_ms, reported_ms = _times(position)
    accuracy = number(position.get("accuracy"))
    fix = {
        "lat": number(position.get("latitude")),
        "lon": number(position.get("longitude")),
        "speed_kmh": scaled(position.get("speed"), KMH_PER_KNOT),
        "heading_deg": number(position.get("course")),
        "altitude_m": number(position.get("altitude")),
        "accuracy_m": None if accuracy == 0 else accuracy,
    }
    now = {
        "satellites": attributes.get("sat"),
        "hdop": attributes.get("hdop"),
        "odometer_km": scaled(attributes.get("odometer"), 0.001),
        "ignition_on": attributes.get("ignition"),
        "alarm_bits": _alarm_bits(attributes.get("alarm")),
    }
    is_fix = fixed_ms is not None and position.get("valid") is True and position.get("outdated") is not True
    battery = attributes.get("batteryLevel")
    if fixed_ms is None or not is_fix or not 0 < reported_ms - fixed_ms <= _FRESH_MS:
        is_fresh = fixed_ms is not None and reported_ms <= fixed_ms
        is_repeated = position.get("outdated") is True and is_fresh
        ts = (fixed_ms or reported_ms) if is_fresh else reported_ms
        values = {"ts": ts + is_repeated * _OUTDATED_MS, "located": is_fix and is_fresh, **fix, **now}
        return located(device_id, values, battery)
    late = located(device_id, {"ts": fixed_ms + _LATE_MS, "located": True, **fix})
    return joined(late, located(device_id, {"ts": reported_ms, "located": False, **fix, **now}, battery))


def _times(position: dict[str, Any]) -> tuple[int | None, int]:
    """When the place was measured (None: unknown) and when the device reported, ms."""
    fixed, reported = position.get("fixTime"), position.get("deviceTime")
    if fixed is None and reported is None:
        raise refused(Reason.MISSING_FIELD, "fixTime", "is missing, should be ISO 8601 or milliseconds")
    if fixed is None:
        return None, instant_ms(reported, "deviceTime")
    fixed_ms = instant_ms(fixed, "fixTime")
    return fixed_ms, fixed_ms if reported is None else instant_ms(reported, "deviceTime")


def _alarm_bits(alarm: object) -> int | None:
    if not isinstance(alarm, str):
        return None
    bits = 0
    for name in alarm[:400].split(","):
        bits |= _ALARMS.get(name.strip(), 0)
    return bits
