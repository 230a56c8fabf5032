"""The OsmAnd protocol, as OsmAnd, Traccar Client and many trackers send it: a URL query, or JSON (Traccar Client 9).

Speeds of the query are knots for Traccar; other senders use m/s or km/h, which a profile states. Those of JSON are m/s.
A query without a place proves only that the device is alive. Times without an offset are UTC.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from devices.codecs.codec import Flaw
from devices.codecs.trackers.tracker_codec import TrackerCodec, check_device
from devices.codecs.trackers.values import (
    KMH_PER_KNOT,
    KMH_PER_MS,
    alive,
    document,
    instant_ms,
    located,
    number,
    part,
    query_fields,
    readings,
    scaled,
    unless_negative,
)
from devices.readings.decoding import Decoding
from devices.readings.models import Kind, Reading
from devices.readings.refusals import Reason, refused

RECEIVED: Final = "received"
"""Field of a query that has no time: when the gateway received it, ms. The gateway adds it."""
_CELL_V: Final = (2.5, 4.5)
"""Volts of a lithium cell. Phones send whole percents."""
_KMH_PER: Final = {"knots": KMH_PER_KNOT, "kmh": 1.0, "ms": KMH_PER_MS}
_PROFILES: Final = {f"osmand-{unit}": unit for unit in _KMH_PER}
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}


class OsmAnd(TrackerCodec):
    """The codec of the OsmAnd protocol."""

    dialect = "osmand"

    def report(self, device_id: str, payload: bytes, decoding: Decoding) -> list[Reading | Flaw]:
        if payload.lstrip()[:1] == b"{":
            return _json_report(device_id, document(payload))
        return _query_report(device_id, query_fields(payload), _kmh_per_unit(decoding))

    def profiles(self) -> Collection[str]:
        return tuple(_PROFILES)

    def check_settings(self, settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        faults = [(str(key)[:64], "is no setting: there is speed_unit") for key in settings if key != "speed_unit"]
        unit = settings.get("speed_unit", "knots")
        if not isinstance(unit, str) or unit not in _KMH_PER:
            faults.append(("speed_unit", f"write {' or '.join(_KMH_PER)}"))
        return faults


OSMAND: Final = OsmAnd()


def device_named(payload: bytes) -> object:
    """The device that a report names; None if it names none. Raises DecodeError if it cannot be read at all."""
    if payload.lstrip()[:1] == b"{":
        return document(payload).get("device_id")
    return _named(query_fields(payload))


def has_time(payload: bytes) -> bool:
    """Whether a query has a time of its own. JSON always has one, or is refused."""
    return payload.lstrip()[:1] == b"{" or "timestamp" in query_fields(payload)


def _kmh_per_unit(decoding: Decoding) -> float:
    unit = decoding.settings.get("speed_unit", _PROFILES.get(decoding.profile, "knots"))
    return _KMH_PER.get(unit, KMH_PER_KNOT) if isinstance(unit, str) else KMH_PER_KNOT


def _json_report(device_id: str, values: dict[str, Any]) -> list[Reading | Flaw]:
    check_device(device_id, values.get("device_id"), "device_id")
    location = part(values, "location")
    coords = part(location, "coords")
    if "timestamp" not in location:
        raise refused(Reason.MISSING_FIELD, "location.timestamp", "is missing, should be ISO 8601")
    altitude_unknown = unless_negative(coords.get("altitude_accuracy", 0)) is None
    level = unless_negative(part(location, "battery").get("level"))
    position = {
        "ts": instant_ms(location["timestamp"], "location.timestamp"),
        "lat": coords.get("latitude"),
        "lon": coords.get("longitude"),
        "located": location.get("mock") is not True,
        "speed_kmh": scaled(unless_negative(coords.get("speed")), KMH_PER_MS),
        "heading_deg": unless_negative(coords.get("heading")),
        "altitude_m": None if altitude_unknown else coords.get("altitude"),
        "accuracy_m": unless_negative(coords.get("accuracy")),
        "odometer_km": scaled(location.get("odometer"), 0.001),
    }
    return located(device_id, position, _rounded(scaled(level, 100)))


def _query_report(device_id: str, fields: dict[str, str], kmh_per_unit: float) -> list[Reading | Flaw]:
    check_device(device_id, _named(fields), "id")
    time_field = "timestamp" if "timestamp" in fields else RECEIVED
    if time_field not in fields:
        raise refused(Reason.MISSING_FIELD, "timestamp", "is missing, should be seconds since 1970 or ISO 8601")
    ts = instant_ms(fields[time_field], time_field)
    lat, lon = _place(fields)
    battery = _percent(fields.get("batt", fields.get("batteryLevel")))
    if lat is None and lon is None:
        return readings(device_id, [(Kind.STATUS, alive(ts, battery))])
    position = {
        "ts": ts,
        "lat": number(lat),
        "lon": number(lon),
        "located": _TRUTH.get(fields.get("valid", "true").lower(), False),
        "speed_kmh": unless_negative(scaled(fields.get("speed"), kmh_per_unit)),
        "heading_deg": unless_negative(number(fields.get("bearing", fields.get("heading")))),
        "altitude_m": number(fields.get("altitude")),
        "accuracy_m": number(fields.get("accuracy")),
        "hdop": number(fields.get("hdop")),
        "ignition_on": _TRUTH.get(fields.get("ignition", "").lower()),
    }
    return located(device_id, position, battery)


def _named(fields: Mapping[str, str]) -> str | None:
    return fields.get("id", fields.get("deviceid", fields.get("device_id")))


def _place(fields: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Latitude and longitude as text; `location` has both, latitude first."""
    if "location" in fields:
        lat, _, lon = fields["location"].partition(",")
        return lat, lon
    return fields.get("lat", fields.get("latitude")), fields.get("lon", fields.get("longitude"))


def _percent(text: str | None) -> object:
    """How full a battery is. Some trackers send volts in the same field: they are no percentage, and left out."""
    if text is None or text.strip().lower().endswith("v"):
        return None
    value = number(text.strip().removesuffix("%").rstrip())
    is_of_a_cell = isinstance(value, float) and _CELL_V[0] <= value <= _CELL_V[1] and not value.is_integer()
    return None if is_of_a_cell else value


def _rounded(value: object) -> object:
    return round(value) if isinstance(value, float) and -1e6 < value < 1e6 else value
