"""Corrected values of accepted readings: which the recorder left out or changed, counted by device and name.

A name is that of a field whose value was dropped; of a level that was clamped, with `CLAMPED` behind it;
`OUTSIDE_REGION`; or `CLOCK_CORRECTED`. All names come from the models, so there are a few dozen at most.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pydantic_core import from_json

from devices.readings.field_check import Correction

CLAMPED: Final = "=100"
OUTSIDE_REGION: Final = "@region"
"""A position outside the city's region, which counts as no fix."""
CLOCK_CORRECTED: Final = "@clock"
"""A reading whose time has the correction of its device's clock in it."""
_NOTES: Final = (OUTSIDE_REGION, CLOCK_CORRECTED)


class Corrected(NamedTuple):
    """Corrected values of one device, for readers."""

    dropped_fields: dict[str, int]
    clamped_fields: dict[str, int]
    outside_region: int
    clock_corrected: int


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
    dropped, clamped = {}, {}
    for name, count in sorted(counts.items()):
        if name in _NOTES:
            continue
        if name.endswith(CLAMPED):
            clamped[name.removesuffix(CLAMPED)] = count
        else:
            dropped[name] = count
    return Corrected(dropped, clamped, *(counts.get(note, 0) for note in _NOTES))
