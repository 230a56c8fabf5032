"""Incidents of place: off the route, in a forbidden zone, outside the jurisdiction, standing loaded."""

from collections.abc import Iterator
from typing import Final

from simulators.trials.trace import STEP_MS, Moment, Run, Scene, driven_m, lasts_s, merged, runs
from simulators.trials.truths.truth import Found

CORRIDOR_M: Final = 60.0
SEEN_FROM_M: Final = 75.0
"""The corridor and the error of a common receiver: nearer than this nobody could tell."""
_ENDS_M: Final = 200.0
_GATE_M: Final = 1_000.0
_FAR_M: Final = 300.0
_FAR_S: Final = 20.0
_ZONE_S: Final = 60.0
_OUTSIDE_M: Final = 200.0
_STAND_S: Final = 600.0
_STAND_OFF_S: Final = 180.0
_STAND_MIN_S: Final = 60.0
_CLEAR_OF_SITES_M: Final = 50.0


def route_deviation(moments: Run, scene: Scene) -> Iterator[Found]:
    """More than 60 m from every approved route, not within 200 m of its ends.

    It must be noticed if it is beyond 75 m for 45 s and 150 m driven, and for 90 s or 400 m; or beyond 300 m for 20 s.
    """

    def is_beyond(moment: Moment) -> bool:
        at_end = any(near.distance_m <= _ENDS_M and near.site.id in scene.ends for near in moment.sites)
        return moment.off_m > CORRIDOR_M and not at_end

    for together in merged(runs(moments, is_beyond)):
        first, last = together[0][0].ts, together[-1][-1].ts
        required = not scene.excused and any(_is_clear_deviation(run) for run in together)
        yield Found("route_deviation", first, last + STEP_MS, first, required, hold_s=45.0)


def _is_clear_deviation(run: Run) -> bool:
    seen = [moment for moment in run if moment.off_m > SEEN_FROM_M]
    if not seen:
        return False
    seconds, metres = len(seen) * STEP_MS / 1000, driven_m(seen)
    far_s = max((lasts_s(far) for far in runs(run, lambda moment: moment.off_m > _FAR_M)), default=0.0)
    return far_s >= _FAR_S or (seconds >= 45 and metres >= 150 and (seconds >= 90 or metres >= 400))


def forbidden_zone(moments: Run, scene: Scene) -> Iterator[Found]:
    """In a forbidden zone, and not on an approved route; it must be noticed from 60 s on."""
    zones = scene.city.zone_geometry

    def is_inside(moment: Moment) -> bool:
        depth = zones.forbidden_at(moment.xy, moment.ts)
        return depth is not None and depth.depth_m > 0 and moment.off_m > CORRIDOR_M

    for together in merged(runs(moments, is_inside)):
        required = max(map(lasts_s, together)) >= _ZONE_S
        first, last = together[0][0].ts, together[-1][-1].ts
        yield Found("forbidden_zone", first, last + STEP_MS, first, required, hold_s=_ZONE_S)


def left_jurisdiction(moments: Run, scene: Scene) -> Iterator[Found]:
    """More than 200 m outside every area of jurisdiction; it must be noticed from 60 s on."""
    zones = scene.city.zone_geometry

    def is_outside(moment: Moment) -> bool:
        depth = zones.jurisdiction_at(moment.xy, moment.ts)
        return depth is not None and depth.depth_m < -_OUTSIDE_M and moment.off_m > CORRIDOR_M

    for together in merged(runs(moments, is_outside)):
        required = max(map(lasts_s, together)) >= _ZONE_S
        first, last = together[0][0].ts, together[-1][-1].ts
        yield Found("left_jurisdiction", first, last + STEP_MS, first, required, hold_s=_ZONE_S)


def stopped_loaded(moments: Run, scene: Scene) -> Iterator[Found]:
    """Standing loaded outside every site: it must be noticed after 10 min, off the route after 3.

    Not within 1 km of a gate where it may tip (200 m off the route), and not where the load is tipped: that is a dump.
    """
    for run in runs(moments, lambda moment: moment.speed_kmh < 1 and not moment.is_within(_CLEAR_OF_SITES_M)):
        first = run[0]
        if not scene.is_loaded(first) or lasts_s(run) < _STAND_MIN_S:
            continue
        off_route = first.off_m > SEEN_FROM_M
        hold_s = _STAND_OFF_S if off_route else _STAND_S
        queues = scene.may_tip(first, _ENDS_M if off_route else _GATE_M)
        tips = run[-1].load_kg < first.load_kg - 1
        required = lasts_s(run) >= hold_s and not queues and not tips and not scene.excused
        yield Found("stopped_loaded", first.ts, run[-1].ts + STEP_MS, first.ts, required, hold_s)
