"""Profiles of Sparkplug devices: which metric is which value of a reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from devices.readings.decoding import Decoding

RUNNING: Final = "running"
RATE: Final = "rate_t_per_h"
_NUMBERS: Final = frozenset(
    {RATE, "processed_kg", "hopper_pct", "queue_trucks", "battery_pct", "rssi_dbm", "buffered", "uptime_s"}
)
"""Fields that may have a scale."""
THROUGHPUT_FIELDS: Final = (RUNNING, RATE, "processed_kg", "hopper_pct", "queue_trucks", "material")
STATUS_FIELDS: Final = ("firmware", "battery_pct", "rssi_dbm", "buffered", "uptime_s")
WHOLE: Final = frozenset({"queue_trucks", "buffered"})
"""Fields that are whole numbers."""
_MAX_NAME_CHARS: Final = 512
_MAX_SCALE: Final = 1e9

STATUS_ONLY: Final = "status"
"""The built-in profile of what is only to be seen on line and off line, such as an edge node."""


@dataclass(frozen=True, slots=True)
class Source:
    """A metric, and how its value is read."""

    metric: str
    scale: float = 1.0
    """What it is multiplied by, to have the unit of the field."""
    equals: str | float | None = None
    """Of `running`: the value that means that the line runs."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Metrics by field."""

    throughput: Mapping[str, Source] = field(default_factory=dict)
    status: Mapping[str, Source] = field(default_factory=dict)


BUILT_IN: Final[Mapping[str, Profile]] = MappingProxyType({STATUS_ONLY: Profile()})


@lru_cache(maxsize=256)
def profile_of(decoding: Decoding) -> Profile | None:
    """The profile of a registered device; None if there is none of that name, or its settings are faulty."""
    if not decoding.settings:
        return BUILT_IN.get(decoding.profile)
    profile, faults = read_settings(decoding.settings)
    return None if faults else profile


def read_settings(settings: Mapping[str, Any]) -> tuple[Profile, list[tuple[str, str]]]:
    """The profile that these settings describe, and their faults: the key, and what to write. Never raises."""
    faults = [
        (str(key), "is no setting of a Sparkplug profile: use throughput, status")
        for key in settings
        if key not in {"throughput", "status"}
    ]
    throughput = _sources("throughput", settings.get("throughput", {}), THROUGHPUT_FIELDS, faults)
    status = _sources("status", settings.get("status", {}), STATUS_FIELDS, faults)
    if not faults and not throughput and not status:
        faults.append(("throughput", "is needed, or status: say which metric is which field"))
    if throughput and RATE not in throughput:
        faults.append((f"throughput.{RATE}", "is needed: without a rate there is no throughput"))
    return Profile(throughput, status), faults


def check_settings(settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Faults in the settings of a city's profile (`devices.codecs.codec.ProfiledCodec`). Never raises."""
    return read_settings(settings)[1]


def _sources(group: str, given: object, fields: Sequence[str], faults: list[tuple[str, str]]) -> Mapping[str, Source]:
    if not isinstance(given, Mapping):
        faults.append((group, f"should be a mapping, such as {fields[1]}: Name of the metric"))
        return {}
    found = {}
    for name, entry in given.items():
        key = f"{group}.{name}"
        if name not in fields:
            faults.append((key, f"is no field: use {', '.join(fields)}"))
            continue
        source = _source(key, name, entry, faults)
        if source is not None:
            found[str(name)] = source
    return found


def _source(key: str, name: str, given: object, faults: list[tuple[str, str]]) -> Source | None:
    entry = {"metric": given} if isinstance(given, str) else given
    takes = {"metric"} | ({"scale"} if name in _NUMBERS else set()) | ({"equals"} if name == RUNNING else set())
    if not isinstance(entry, Mapping) or not entry.keys() <= takes:
        faults.append((key, f"should be the name of a metric, or a mapping with {', '.join(sorted(takes))}"))
        return None
    metric, scale, equals = entry.get("metric"), entry.get("scale", 1.0), entry.get("equals")
    if not isinstance(metric, str) or not 0 < len(metric) <= _MAX_NAME_CHARS:
        faults.append((f"{key}.metric", f"should be the name of a metric, up to {_MAX_NAME_CHARS} characters"))
    elif isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < abs(scale) <= _MAX_SCALE:
        faults.append((f"{key}.scale", "should be a number other than 0"))
    elif equals is not None and not isinstance(equals, str | int | float):
        faults.append((f"{key}.equals", "should be the value that means that the line runs"))
    else:
        return Source(metric, float(scale), equals)
    return None
