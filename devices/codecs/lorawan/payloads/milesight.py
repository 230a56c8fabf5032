"""Milesight's sensors: a channel, a type and a value, one after the other; numbers are little-endian.

The same channel means another thing on another model, and only the model says how long an unnamed one is: so each has
its table, and a channel that is not in it refuses the payload. Layouts: the tables of the maker's documentation.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from devices.codecs.lorawan.payloads.decoded import (
    DISTANCE_EXCEPTION,
    TILTED,
    Cursor,
    Decoded,
    Decoder,
    Past,
    PayloadError,
    Value,
    Values,
)

_HISTORY: Final = b"\x20\xce"
_EXCEPTIONS: Final = {1: "blind_zone", 2: "no_target", 3: "sensor_fault"}
_GEOFENCE: Final = ("inside", "outside", "unset", "unknown")
_MOTION: Final = ("unknown", "start", "moving", "stop")


@dataclass(frozen=True, slots=True)
class _Channel:
    """What stands behind a channel and its type."""

    size: int
    values: Callable[[bytes], Values]


@dataclass(frozen=True, slots=True)
class _Model:
    channels: Mapping[bytes, _Channel]
    past: _Channel | None = None
    """A stored reading, behind its time."""


def _number(name: str, form: str, divisor: int = 1) -> _Channel:
    """One number, in units of 1 / divisor."""

    def values(taken: bytes) -> Values:
        number = struct.unpack(form, taken)[0]
        return {name: number if divisor == 1 else number / divisor}

    return _Channel(struct.calcsize(form), values)


def _flag(name: str) -> _Channel:
    return _Channel(1, lambda taken: {name: taken[0] == 1})


def _text(name: str, size: int) -> _Channel:
    return _Channel(size, lambda taken: {name: taken.hex()})


def _with_alarm(channel: _Channel, alarm: str) -> _Channel:
    """A value, and behind it whether it is an alarm."""
    return _Channel(channel.size + 1, lambda taken: {**channel.values(taken[:-1]), alarm: taken[-1] == 1})


def _no_distance(taken: bytes) -> Values:
    cause = _EXCEPTIONS.get(taken[2], f"exception {taken[2]}")
    return {DISTANCE_EXCEPTION: cause, "distance_raw_mm": int.from_bytes(taken[:2], "little")}


def _changed_distance(taken: bytes) -> Values:
    distance, change = struct.unpack("<HH", taken[:4])
    return {"distance_mm": distance, "distance_change_mm": change, "distance_alarm": taken[4] == 1}


def _place(taken: bytes) -> Values:
    lat, lon, state = struct.unpack("<iiB", taken)
    found: dict[str, Value] = {"lat_deg": lat / 1e6, "lon_deg": lon / 1e6}
    return {**found, "geofence": _GEOFENCE[state >> 4 & 3], "motion": _MOTION[state & 3]}


def _climate(taken: bytes) -> Values:
    temperature, humidity, opened = struct.unpack("<hBB", taken)
    return {"temperature_c": temperature / 10, "humidity_pct": humidity / 2, "open": opened == 1}


_TEMPERATURE: Final = _number("temperature_c", "<h", 10)
_DISTANCE: Final = _number("distance_mm", "<H")
_SHARED: Final = {
    b"\x01\x75": _number("battery_pct", "B"),
    b"\xff\x01": _number("ipso_version_raw", "B"),
    b"\xff\x09": _text("hardware_version_hex", 2),
    b"\xff\x0a": _text("firmware_version_hex", 2),
    b"\xff\x0b": _number("device_status_raw", "B"),
    b"\xff\x0f": _Channel(1, lambda taken: {"lorawan_class": "ABC"[taken[0]] if taken[0] < 3 else "unknown"}),
    b"\xff\x16": _text("serial_number", 8),
    b"\xff\xfe": _Channel(1, lambda _: {"reset_event": True}),
    b"\xff\xff": _text("tsl_version_hex", 2),
}
_EM400: Final = {
    **_SHARED,
    b"\x03\x67": _TEMPERATURE,
    b"\x04\x82": _DISTANCE,
    b"\x05\x00": _flag(TILTED),
    # The order of latitude and longitude differs between the tables of one family: left unread.
    b"\x06\x88": _Channel(9, lambda _: {}),
    b"\x83\x67": _with_alarm(_TEMPERATURE, "temperature_alarm"),
    b"\x84\x82": _with_alarm(_DISTANCE, "distance_alarm"),
}
_MODELS: Final[Mapping[str, _Model]] = {
    "em300-mcs": _Model(
        {
            **_SHARED,
            b"\x03\x67": _TEMPERATURE,
            b"\x04\x68": _number("humidity_pct", "B", 2),
            b"\x06\x00": _flag("open"),
        },
        _Channel(4, _climate),
    ),
    "em310-udl": _Model({**_SHARED, b"\x03\x82": _DISTANCE, b"\x04\x00": _flag(TILTED)}),
    "em400-mud": _Model(_EM400),
    "em400-tld": _Model(_EM400),
    "em400-udl": _Model(_EM400),
    "em410-rdl": _Model(
        {**_EM400, b"\x06\xc7": _number("radar_rssi", "<h", 100), b"\xb4\x82": _Channel(3, _no_distance)}
    ),
    "em500-swl": _Model({**_SHARED, b"\x03\x77": _number("depth_cm", "<H")}),
    "em500-udl": _Model({**_SHARED, b"\x03\x82": _DISTANCE, b"\x83\xe9": _Channel(5, _changed_distance)}, _DISTANCE),
    "at101": _Model(
        {**_SHARED, b"\x03\x67": _TEMPERATURE, b"\x05\x00": _flag(TILTED), b"\x04\x88": _Channel(9, _place)}
    ),
    "gs301": _Model(
        {
            **_SHARED,
            b"\x02\x67": _TEMPERATURE,
            b"\x03\x68": _number("humidity_pct", "B", 2),
            b"\x04\x7d": _number("nh3_ppm", "<H", 100),
            b"\x05\x7d": _number("h2s_ppm", "<H", 100),
        }
    ),
}


def _decoder(model: _Model) -> Decoder:
    def decode(_f_port: int, payload: bytes) -> Decoded:
        """Raises PayloadError."""
        cursor, values = Cursor(payload), dict[str, Value]()
        past: list[Past] = []
        while cursor.rest:
            start, channel_type = cursor.at, cursor.take(2)
            if channel_type == _HISTORY and model.past is not None:
                unix_s = cursor.number("<I")
                past.append(Past(unix_s, model.past.values(cursor.take(model.past.size))))
                continue
            channel = model.channels.get(channel_type)
            if channel is None:
                raise PayloadError(f"channel and type {channel_type.hex(' ')} at byte {start} are not of this model")
            values.update(channel.values(cursor.take(channel.size)))
        return Decoded(values, tuple(past))

    return decode


DECODERS: Final[Mapping[str, Decoder]] = {name: _decoder(model) for name, model in _MODELS.items()}
