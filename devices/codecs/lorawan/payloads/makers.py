"""Sensors with one layout each: Pepperl+Fuchs WILSEN, Netvox R718X, Decentlab DL-MBX, Dragino LDDS75. Big-endian.

Layouts: the makers' documentation. Of a Dragino frame the length says which layout it has: the eight bytes of the
present firmware are read, the four bytes of the old one are refused, since makers of decoders contradict each other
about them.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Final

from devices.codecs.lorawan.payloads.decoded import (
    DISTANCE_EXCEPTION,
    Cursor,
    Decoded,
    Decoder,
    PayloadError,
    Value,
    Values,
)


def _one(name: str, form: str, divisor: int = 1) -> Callable[[bytes], Values]:
    size = struct.calcsize(form)

    def values(taken: bytes) -> Values:
        if len(taken) != size:
            raise PayloadError(f"{name}: {size} bytes should be there (found {len(taken)})")
        number = struct.unpack(form, taken)[0]
        return {name: number if divisor == 1 else number / divisor}

    return values


def _temperature(taken: bytes) -> Values:
    [celsius] = _one("temperature_c", ">f")(taken).values()
    if not isinstance(celsius, float) or not -300 < celsius < 10_000:  # a NaN too
        raise PayloadError("temperature_c: is no number")
    return {"temperature_c": round(celsius, 4)}


_WILSEN: Final[Mapping[int, Callable[[bytes], Values]]] = {
    0x0B01: _one("distance_cm", ">H"),
    0x0B02: _one("distance_mm", ">H"),
    0x0B06: _one("fill_pct", "B"),
    0x0B07: _one("echo_amplitude", "B"),
    0x0201: _temperature,
    0x2A25: lambda taken: {"serial_number": taken.decode("ascii", "replace")},
    0x3101: _one("lora_count", ">H"),
    0x3102: _one("gps_count", ">H"),
    0x3103: _one("ultrasonic_count", ">I"),
    0x5001: _one("lat_deg", ">i", 1_000_000),
    0x5002: _one("lon_deg", ">i", 1_000_000),
    0x5101: _one("battery_v", "B", 10),
}


def _wilsen(_f_port: int, payload: bytes) -> Decoded:
    """Length, id of two bytes, value; an id that is not in the table is passed over by its length."""
    cursor, values = Cursor(payload), dict[str, Value]()
    while cursor.rest:
        length = cursor.number("B")
        if length < 2:
            raise PayloadError(f"length {length} at byte {cursor.at - 1}: an element has an id of two bytes")
        element = cursor.take(length)
        read = _WILSEN.get(int.from_bytes(element[:2], "big"))
        if read is not None:
            values.update(read(element[2:]))
    return Decoded(values)


_R718X: Final = 0x34


def _r718x(f_port: int, payload: bytes) -> Decoded:
    cursor = Cursor(payload)
    if f_port == 7:
        return Decoded({"command_response": f"0x{cursor.take(1).hex()}"})
    _version, device, report = cursor.take(3)
    if device != _R718X:
        raise PayloadError(f"device type 0x{device:02x} is not R718X (0x34)")
    if report == 0:
        software, hardware, *date = cursor.take(6)
        versions: dict[str, Value] = {"software_version": software / 10, "hardware_version": hardware}
        return Decoded({**versions, "date_code": bytes(date).hex()})
    if report != 1:
        raise PayloadError(f"report type {report} is not a type of R718X")
    battery, status, distance, temperature, fill, inclination = struct.unpack(">BBHhBB", cursor.take(8))
    return Decoded(
        {
            "battery_v": (battery & 0x7F) / 10,
            "low_battery": battery >= 0x80,
            "status_on": status == 1,
            "distance_mm": distance,
            "temperature_c": temperature / 10,
            "fill_pct": fill,
            "inclination_deg": inclination,
        }
    )


def _dl_mbx(_f_port: int, payload: bytes) -> Decoded:
    """A version, a device id, and flags that say which groups follow."""
    cursor = Cursor(payload)
    version = cursor.number("B")
    if version != 2:
        raise PayloadError(f"protocol version {version} is not 2")
    values: dict[str, Value] = {"device_id": cursor.number(">H")}
    flags = cursor.number(">H")
    if flags & 1:
        values |= {"distance_mm": cursor.number(">H"), "valid_samples": cursor.number(">H")}
        if not values["valid_samples"]:
            del values["distance_mm"]
            values[DISTANCE_EXCEPTION] = "no_target"
    if flags & 2:
        values["battery_v"] = cursor.number(">H") / 1000
    return Decoded(values)


_LDDS75_INVALID_MM: Final = 280
"""What is nearer is written as 20 mm, or is no distance (the maker's manual)."""


def _ldds75(_f_port: int, payload: bytes) -> Decoded:
    if len(payload) != 8:
        raise PayloadError(f"ambiguous: {len(payload)} bytes; the firmware that sends 8 is read")
    battery, distance, _interrupt, temperature, has_sensor = struct.unpack(">HHBhB", payload)
    values: dict[str, Value] = {"battery_v": (battery & 0x3FFF) / 1000, "temperature_c": temperature / 10}
    if not has_sensor or not distance:
        return Decoded({**values, DISTANCE_EXCEPTION: "no_sensor"})
    if distance < _LDDS75_INVALID_MM:
        return Decoded({**values, DISTANCE_EXCEPTION: "blind_zone"})
    return Decoded({**values, "distance_mm": distance})


DECODERS: Final[Mapping[str, Decoder]] = {
    "wilsen-sonic-level": _wilsen,
    "wilsen-sonic-distance": _wilsen,
    "r718x": _r718x,
    "dl-mbx": _dl_mbx,
    "ldds75": _ldds75,
}
