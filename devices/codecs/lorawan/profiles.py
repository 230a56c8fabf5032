"""Profiles: how the values of a device are read. Those of the makers' models are built in; a city writes its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from devices.codecs.lorawan.payloads.decoded import Decoder
from devices.codecs.lorawan.payloads.decoders import CAYENNE, DECODERS
from devices.readings.decoding import Decoding

OBJECT: Final = "object"
"""The payload is read by the server, which adds its own object to the message."""
MAX_OFFSET_MM: Final = 20_000.0
_MAX_NUMBER: Final = 1e12

UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    "fill_pct": {"pct": 1.0, "fraction": 100.0},
    "distance_mm": {"mm": 1.0, "cm": 10.0, "m": 1_000.0},
    "temperature_c": {"c": 1.0},
    "tilt_deg": {"deg": 1.0},
    "battery_pct": {"pct": 1.0, "fraction": 100.0},
}
"""The values that a profile may map, and what one of each unit is. The first unit is the default."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands, and what one of its unit is."""

    path: tuple[str, ...]
    factor: float


@dataclass(frozen=True, slots=True)
class Profile:
    """How the uplinks of a device are read."""

    name: str
    decoder: Decoder | None
    """Of the bytes; None: the server's own object is read."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """By value. Empty: the names of the decoder."""
    sensor_offset_mm: float = 0.0
    """How far below the sensor the bin is full."""


BUILT_IN: Final[Mapping[str, Profile]] = MappingProxyType(
    {name: Profile(name, decoder) for name, decoder in DECODERS.items() if name != CAYENNE}
)


@lru_cache(maxsize=1024)
def profile_of(decoding: Decoding) -> Profile | None:
    """The profile of a registered device; None if there is none of that name, or its settings are faulty."""
    if not decoding.settings:
        return BUILT_IN.get(decoding.profile)
    profile, faults = read_settings(decoding.profile, decoding.settings)
    return None if faults else profile


def read_settings(name: str, settings: Mapping[str, Any]) -> tuple[Profile, list[tuple[str, str]]]:
    """The profile that these settings describe, and their faults: the key, and what to write. Never raises."""
    faults: list[tuple[str, str]] = [
        (str(key), "is no setting of a LoRaWAN profile: use payload, sensor_offset_mm, values")
        for key in settings
        if key not in {"payload", "sensor_offset_mm", "values"}
    ]
    payload = settings.get("payload", OBJECT)
    if not isinstance(payload, str) or payload not in {OBJECT, *DECODERS}:
        faults.append(("payload", f"should be one of {', '.join((OBJECT, *sorted(DECODERS)))}"))
        payload = ""
    offset = settings.get("sensor_offset_mm", 0.0)
    if not is_number(offset) or not 0 <= offset <= MAX_OFFSET_MM:
        faults.append(("sensor_offset_mm", f"should be a number from 0 to {MAX_OFFSET_MM:.0f} (mm)"))
    mapping = settings.get("values", {})
    sources: dict[str, Source] = {}
    if not isinstance(mapping, Mapping):
        faults.append(("values", "should be a mapping, such as distance_mm: object.distance"))
    else:
        for target, given in mapping.items():
            source = _source(str(target), given, faults)
            if source is not None:
                sources[str(target)] = source
        if not mapping and payload in {OBJECT, CAYENNE}:
            faults.append(("values", f"is needed with payload {payload}: say where each value stands"))
    if faults:
        return Profile(name, None), faults
    return Profile(name, DECODERS.get(payload), sources, float(offset)), []


def check_settings(settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Faults in the settings of a city's profile (`devices.codecs.codec.ProfiledCodec`). Never raises."""
    return read_settings("", settings)[1]


def _source(target: str, given: object, faults: list[tuple[str, str]]) -> Source | None:
    key = f"values.{target}"
    units = UNITS.get(target)
    if units is None:
        faults.append((key, f"is no value that is read: use {', '.join(UNITS)}"))
        return None
    entry = {"path": given} if isinstance(given, str) else given
    if not isinstance(entry, Mapping) or not entry.keys() <= {"path", "unit"}:
        faults.append((key, "should be a path such as object.distance, or a mapping with path and unit"))
        return None
    path, unit = entry.get("path"), entry.get("unit", next(iter(units)))
    if not isinstance(path, str) or not all(path.split(".")) or len(path) > 200:
        faults.append((f"{key}.path", "should be names with dots between, such as object.distance"))
    elif not isinstance(unit, str) or unit not in units:
        faults.append((f"{key}.unit", f"should be {' or '.join(units)}"))
    else:
        return Source(tuple(path.split(".")), units[unit])
    return None


def is_number(value: object) -> TypeGuard[int | float]:
    """True for a number of a size that a sensor can send; false for a NaN, a text and a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER
