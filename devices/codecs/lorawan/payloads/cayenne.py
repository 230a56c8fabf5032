"""Cayenne LPP: a channel, a type and a value, one after the other. Big-endian; the channel is in the name of the value.

Types: the published list, and those of the widespread library of ElectronicCats. Which channel is what differs from
device to device: a profile maps `distance_mm_4` and the like.
"""

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

from devices.codecs.lorawan.payloads.decoded import Cursor, Decoded, PayloadError, Value


class _Type(NamedTuple):
    name: str
    size: int
    divisor: int = 1
    signed: bool = False


_GPS: Final = 0x88
_TYPES: Final[Mapping[int, _Type]] = {
    0x00: _Type("digital_in", 1),
    0x01: _Type("digital_out", 1),
    0x02: _Type("analog_in", 2, 100, signed=True),
    0x03: _Type("analog_out", 2, 100, signed=True),
    0x64: _Type("generic", 4),
    0x65: _Type("luminosity_lux", 2),
    0x66: _Type("presence", 1),
    0x67: _Type("temperature_c", 2, 10, signed=True),
    0x68: _Type("humidity_pct", 1, 2),
    0x73: _Type("pressure_hpa", 2, 10),
    0x74: _Type("voltage_v", 2, 100),
    0x75: _Type("current_a", 2, 1000),
    0x76: _Type("frequency_hz", 4),
    0x78: _Type("percentage_pct", 1),
    0x79: _Type("altitude_m", 2, signed=True),
    0x7D: _Type("concentration_ppm", 2),
    0x80: _Type("power_w", 2),
    0x82: _Type("distance_mm", 4),
    0x83: _Type("energy_wh", 4),
    0x84: _Type("direction_deg", 2),
    0x85: _Type("unix_s", 4),
    0x8E: _Type("switch", 1),
}
_AXES: Final = {0x71: ("acceleration_g", 1000), 0x86: ("rotation_deg_per_s", 100)}


def decode_cayenne(_f_port: int, payload: bytes) -> Decoded:
    """Raises PayloadError."""
    cursor, values = Cursor(payload), dict[str, Value]()
    while cursor.rest:
        start, (channel, kind) = cursor.at, cursor.take(2)
        if kind == _GPS:
            lat, lon, altitude = (_signed(cursor.take(3)) for _ in range(3))
            place = {"lat_deg": lat / 10_000, "lon_deg": lon / 10_000, "altitude_m": altitude / 100}
            values[f"gps_{channel}"] = place
        elif kind in _AXES:
            name, divisor = _AXES[kind]
            x, y, z = struct.unpack(">hhh", cursor.take(6))
            values[f"{name}_{channel}"] = {"x": x / divisor, "y": y / divisor, "z": z / divisor}
        elif (found := _TYPES.get(kind)) is not None:
            number = int.from_bytes(cursor.take(found.size), "big", signed=found.signed)
            values[f"{found.name}_{channel}"] = number if found.divisor == 1 else number / found.divisor
        else:
            raise PayloadError(f"type 0x{kind:02x} at byte {start + 1} is not of Cayenne LPP")
    return Decoded(values)


def _signed(taken: bytes) -> int:
    return int.from_bytes(taken, "big", signed=True)
