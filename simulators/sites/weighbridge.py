"""A weighbridge at a site: a gross weighing on the way in, a ticket with gross, tare and net on the way out."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from devices.readings.models import Weighing
from simulators.vehicles.haul import WEIGHED_IN_AFTER_S, WEIGHED_OUT_AFTER_S, Haul
from simulators.vehicles.work import Tipping, WorkDay

DIVISION_KG: Final = 20
"""Class III scale, e = d = 20 kg (OIML R 76)."""
_SIGMA_KG: Final = 8.0
_SERVICE_MS: Final = 45_000
"""One truck at a time: the next one is weighed this much later at the earliest."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A truck stands on the plate."""

    ts: int
    haul: Haul
    visit: int
    """Number of the truck's visit since its day began; both crossings of a visit share it."""
    leaving: bool
    load_kg: float


def crossings(haul: Haul, work_day: WorkDay) -> Iterator[Crossing]:
    """Both crossings of each of a truck's visits, in order. Consumes the working day."""
    visit = 0
    for began_ms, step in work_day.steps():
        if isinstance(step, Tipping) and step.xy == haul.tip:
            visit += 1
            yield Crossing(began_ms + round(WEIGHED_IN_AFTER_S * 1000), haul, visit, False, step.before_kg)
            yield Crossing(began_ms + round(WEIGHED_OUT_AFTER_S * 1000), haul, visit, True, step.after_kg)


def weighings(
    device_id: str, visitors: Iterable[Iterator[Crossing]], *, start_ms: int, material: str, rng: Random
) -> Iterator[Weighing]:
    """Weighings without end. A truck that was inside before `start_ms` leaves without a ticket."""
    gross_kg: dict[tuple[str, int], int] = {}
    free_ms = start_ms
    for crossing in heapq.merge(*visitors, key=lambda c: (c.ts, c.haul.device_id)):
        key = (crossing.haul.device_id, crossing.visit)
        if crossing.ts < start_ms or (crossing.leaving and key not in gross_kg):
            continue
        ts = max(crossing.ts, free_ms)
        free_ms = ts + _SERVICE_MS
        weight_kg = _shown(crossing.haul.tare_kg + crossing.load_kg, rng)
        full_kg = gross_kg.pop(key) if crossing.leaving else weight_kg
        if not crossing.leaving:
            gross_kg[key] = weight_kg
        yield Weighing(
            device_id=device_id,
            ts=ts,
            gross_kg=float(full_kg),
            tare_kg=float(weight_kg) if crossing.leaving else None,
            net_kg=float(full_kg - weight_kg) if crossing.leaving else None,
            ticket=_ticket(device_id, crossing),
            direction="out" if crossing.leaving else "in",
            plate=crossing.haul.plate,
            material=material,
        )


def _ticket(device_id: str, crossing: Crossing) -> str:
    return f"{device_id}-{crossing.haul.device_id}-{crossing.visit:04d}"[-64:]


def _shown(kg: float, rng: Random) -> int:
    return round((kg + rng.gauss(0, _SIGMA_KG)) / DIVISION_KG) * DIVISION_KG
