"""Incidents of driving: too fast, or at an hour without a permit."""

from collections.abc import Iterator
from typing import Final

from simulators.trials.trace import STEP_MS, Moment, Run, Scene, lasts_s, merged, runs
from simulators.trials.truths.places import CORRIDOR_M
from simulators.trials.truths.truth import Found

_ELSEWHERE_KMH: Final = 100.0
"""The highest limit for lorries on any road."""
_OVER_SHARE: Final = 1.1
_OVER_KMH: Final = 5.0
_SPEEDING_S: Final = 10.0
_HAULS_KMH: Final = 10.0
_HAUL_S: Final = 120.0


def speeding(moments: Run, scene: Scene) -> Iterator[Found]:
    """More than 10 % and 5 km/h above the limit of its route; it must be noticed from 10 s on."""

    def is_over(moment: Moment) -> bool:
        limits = [route.limit_kmh for route in scene.city.routes_of(scene.vehicle_id, moment.ts) if route.limit_kmh]
        limit_kmh = max(limits) if limits and moment.off_m <= CORRIDOR_M else _ELSEWHERE_KMH
        return moment.speed_kmh > max(_OVER_SHARE * limit_kmh, limit_kmh + _OVER_KMH)

    for together in merged(runs(moments, is_over)):
        required = max(map(lasts_s, together)) >= _SPEEDING_S
        first, last = together[0][0].ts, together[-1][-1].ts
        needs = frozenset({"speed_kmh"})
        yield Found("speeding", first, last + STEP_MS, first, required, _SPEEDING_S, needs)


def restricted_hours(moments: Run, scene: Scene) -> Iterator[Found]:
    """Driving loaded outside the hours of its permits; it must be noticed from 2 min on."""

    def is_outside(moment: Moment) -> bool:
        hours = scene.city.hours_of(scene.vehicle_id, moment.ts)
        minute = scene.city.minute_of_day(moment.ts)
        drives = moment.speed_kmh > _HAULS_KMH and scene.is_loaded(moment)
        return drives and bool(hours) and not any(window.covers(minute) for window in hours)

    for together in merged(runs(moments, is_outside)):
        required = sum(map(lasts_s, together)) >= _HAUL_S
        first, last = together[0][0].ts, together[-1][-1].ts
        yield Found("restricted_hours", first, last + STEP_MS, first, required, _HAUL_S)
