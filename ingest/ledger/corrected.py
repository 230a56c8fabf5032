"""Corrected values of accepted readings: which the recorder left out or changed, counted by device and name.

A name is that of a field whose value was dropped; of a level that was clamped, with `CLAMPED` behind it; or
`OUTSIDE_REGION`. All names come from the models, so there are a few dozen at most.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pydantic_core import from_json

from devices.readings.field_check import Correction

CLAMPED: Final = "=100"
OUTSIDE_REGION: Final = "@region"
"""A position outside the city's region, which counts as no fix."""


class Corrected(NamedTuple):
    """Corrected values of one device, for readers."""

    dropped_fields: dict[str, int]
    clamped_fields: dict[str, int]
    outside_region: int


def name_of(correction: Correction) -> str:
    return correction.field + CLAMPED if correction.clamped else correction.field


def count_names(counts: dict[str, dict[str, int]], device_id: str, names: Iterable[str]) -> None:
    """Add one for each name."""
    of_device = counts.setdefault(device_id, {})
    for name in names:
        of_device[name] = of_device.get(name, 0) + 1


def corrected_of(packed: str | None) -> Corrected:
    """Read column `corrected`."""
    counts: Mapping[str, int] = {} if packed is None else from_json(packed)
    dropped, clamped, outside_region = {}, {}, 0
    for name, count in sorted(counts.items()):
        if name == OUTSIDE_REGION:
            outside_region = count
        elif name.endswith(CLAMPED):
            clamped[name.removesuffix(CLAMPED)] = count
        else:
            dropped[name] = count
    return Corrected(dropped, clamped, outside_region)
