"""Incidents of bed, cover and load: a dump, a bed that is up, a load that is not covered."""

from collections.abc import Iterator
from typing import Final

from devices.city.sites import SiteKind
from simulators.trials.trace import STEP_MS, Moment, Run, Scene, lasts_s, merged, runs
from simulators.trials.truths.truth import Found

_MAY_RAISE: Final = frozenset({SiteKind.CONSTRUCTION_SITE, SiteKind.RECYCLING_POINT, SiteKind.DEPOT, SiteKind.WASH_BAY})
"""Beds are raised there for cleaning, repair and washing."""
_NOTICED_KG: Final = 500.0
"""Less is dripping."""
_DUMPED_KG: Final = 3_000.0
_DUMPED_SHARE: Final = 0.25
_UP_S: Final = 5.0
_UP_OUTSIDE_M: Final = 65.0
"""50 m, and the error of a common receiver."""
_CREEPS_KMH: Final = 4.0
_DRIVES_KMH: Final = 10.0
_UNCOVERED_S: Final = 30.0
_COVER_SITE_M: Final = 200.0


def illegal_dumping(moments: Run, scene: Scene) -> Iterator[Found]:
    """A stop at which load leaves the truck where it may not tip. It begins when the bed rises.

    It must be noticed if 3 t and 25 % of the load are gone.
    """

    def is_slow_outside(moment: Moment) -> bool:
        return moment.speed_kmh < _CREEPS_KMH and not _may_empty(moment, scene)

    for together in merged(iter([run for run in runs(moments, is_slow_outside) if _fell_kg(run) >= _NOTICED_KG])):
        before_kg, fell_kg = together[0][0].load_kg, sum(map(_fell_kg, together))
        up = [moment.ts for run in together for moment in run if moment.lift_up]
        required = fell_kg >= max(_DUMPED_KG, _DUMPED_SHARE * before_kg)
        first, last = together[0][0].ts, together[-1][-1].ts
        yield Found("illegal_dumping", first, last + STEP_MS, up[0] if up else first, required)


def bed_raised_outside(moments: Run, scene: Scene) -> Iterator[Found]:
    """The bed is up outside every site where it may be; it must be noticed from 5 s and 65 m on.

    In a dump it is a part of that.
    """
    for together in merged(runs(moments, lambda moment: moment.lift_up and not _may_raise(moment, scene))):
        first, last = together[0][0], together[-1][-1]
        clear_s = max(
            (
                lasts_s(clear)
                for run in together
                for clear in runs(run, lambda moment: not _may_raise(moment, scene, _UP_OUTSIDE_M))
            ),
            default=0.0,
        )
        dumps = sum(map(_fell_kg, together)) >= _NOTICED_KG
        needs = frozenset({"lift_up"})
        required = clear_s >= _UP_S and not dumps
        yield Found("bed_raised_outside", first.ts, last.ts + STEP_MS, first.ts, required, _UP_S, needs)


def uncovered_load(moments: Run, scene: Scene) -> Iterator[Found]:
    """Driving loaded with the cover open, 200 m or more from every site; it must be noticed from 30 s on."""

    def is_uncovered(moment: Moment) -> bool:
        moves = moment.speed_kmh > _DRIVES_KMH and moment.cover_open
        return moves and scene.is_loaded(moment) and not moment.is_within(_COVER_SITE_M)

    for together in merged(runs(moments, is_uncovered)):
        required = max(map(lasts_s, together)) >= _UNCOVERED_S
        first, last = together[0][0].ts, together[-1][-1].ts
        needs = frozenset({"cover_open"})
        yield Found("uncovered_load", first, last + STEP_MS, first, required, _UNCOVERED_S, needs)


def _fell_kg(run: Run) -> float:
    return run[0].load_kg - run[-1].load_kg


def _may_empty(moment: Moment, scene: Scene) -> bool:
    at_source = any(near.distance_m <= 0 and near.site.kind is SiteKind.CONSTRUCTION_SITE for near in moment.sites)
    return at_source or scene.may_tip(moment)


def _may_raise(moment: Moment, scene: Scene, within_m: float = 0.0) -> bool:
    at_yard = any(near.distance_m <= within_m and near.site.kind in _MAY_RAISE for near in moment.sites)
    return at_yard or scene.may_tip(moment, within_m)
