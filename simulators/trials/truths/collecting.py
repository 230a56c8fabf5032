"""Incidents of collecting: two streams in one haul that may not be mixed, or outside the permitted areas."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final

from devices.city.sites import SOURCES, Site
from simulators.trials.trace import STEP_MS, Moment, Run, Scene, runs
from simulators.trials.truths.truth import Found

_BESIDE_M: Final = 60.0
_NOTICED_KG: Final = 500.0
_NOTICED_SHARE: Final = 0.05
"""Of the permitted load: on-board scales err by some per cent of it. Less need not be noticed."""
_EMPTY_SHARE: Final = 0.1
_STOPS_S: Final = 120.0
"""A shorter stop is a traffic light."""
_BOTH_SIDES_M: Final = 100.0
"""Both sides of a border road are collected by one truck,"""
_SEEN_M: Final = 15.0
"""and the error of a common receiver: nearer to the border nobody could tell."""
_TOGETHER: Final = (
    frozenset({"demolition", "site_waste"}),
    frozenset({"paper", "plastic", "metal", "glass", "textile", "recyclable"}),
)
"""Streams that go to the same plant, or are sorted again. All others of a trial go to plants of their own."""


@dataclass(frozen=True, slots=True)
class _Pickup:
    """A stop at which the load grew."""

    stopped_ms: int
    grows: Run
    site: Site
    kg: float

    @property
    def begins_ms(self) -> int:
        return self.grows[0].ts


def mixed_haulage(moments: Run, scene: Scene) -> Iterator[Found]:
    """A load grows beside a source of another stream than it was begun with, in a truck of one compartment.

    It begins with that stop, and lasts until the truck is emptied. It must be noticed if 500 kg and a twentieth of the
    permitted load were taken of both.
    """
    if scene.city.vehicles[scene.vehicle_id].compartments > 1:
        return
    for haul, over_ms in _hauls(moments, scene):
        mixed = [(one, other) for one, other in _pairs(haul) if not _may_share(one.site, other.site)]
        if mixed:
            last = min(mixed, key=lambda pair: pair[1].begins_ms)[1]
            required = any(_is_enough(one, scene) and _is_enough(other, scene) for one, other in mixed)
            yield Found("mixed_haulage", last.stopped_ms, over_ms, last.begins_ms, required, _STOPS_S)


def outside_permitted_area(moments: Run, scene: Scene) -> Iterator[Found]:
    """A load grows outside the areas of the truck's permits; several stops of one haul there are one incident.

    It must be noticed from 100 m outside and the error of a receiver on, and as `mixed_haulage` from 500 kg.
    """
    for haul, _ in _hauls(moments, scene):
        outside = [(pickup, depth_m) for pickup in haul if (depth_m := _depth_m(pickup, scene)) < 0]
        if outside:
            first, last = outside[0][0], outside[-1][0]
            required = any(
                _is_enough(pickup, scene) and depth_m < -(_BOTH_SIDES_M + _SEEN_M) for pickup, depth_m in outside
            )
            end_ms = last.grows[-1].ts + STEP_MS
            yield Found("outside_permitted_area", first.stopped_ms, end_ms, first.begins_ms, required, _STOPS_S)


def _hauls(moments: Run, scene: Scene) -> Iterator[tuple[list[_Pickup], int]]:
    """What was collected until the truck was emptied, and when that was."""
    grows = {later.ts for before, later in pairwise(moments) if later.load_kg > before.load_kg}
    pickups: list[_Pickup] = []
    for run in runs(moments, lambda moment: moment.ts in grows):
        pickups += _pickup(moments, run)
    falls = {later.ts for before, later in pairwise(moments) if later.load_kg < before.load_kg}
    emptied = [one for one in moments if one.ts in falls and one.load_kg < _EMPTY_SHARE * scene.payload_kg]
    begun_ms = moments[0].ts
    while pickups:
        over_ms = next((one.ts for one in emptied if one.ts > pickups[0].begins_ms), moments[-1].ts + STEP_MS)
        haul = [pickup for pickup in pickups if begun_ms <= pickup.begins_ms < over_ms]
        yield haul, over_ms
        pickups, begun_ms = pickups[len(haul) :], over_ms


def _pickup(moments: Run, grows: Run) -> Iterator[_Pickup]:
    """The stop beside a source at which the load grew."""
    first = grows[0]
    site = next((near.site for near in first.sites if near.site.kind in SOURCES), None)
    if site is None or first.sites[0].distance_m > _BESIDE_M:
        return
    before = [moment for moment in moments if moment.ts <= first.ts]
    stood = list(_standing_until_the_end(before))
    yield _Pickup(stood[-1].ts, grows, site, grows[-1].load_kg - before[-2].load_kg if len(before) > 1 else 0.0)


def _standing_until_the_end(moments: Run) -> Iterator[Moment]:
    """Moments of the stop in which these end, the last first."""
    for moment in reversed(moments):
        if moment.speed_kmh >= 1:
            return
        yield moment


def _pairs(haul: list[_Pickup]) -> Iterator[tuple[_Pickup, _Pickup]]:
    return ((one, other) for number, other in enumerate(haul) for one in haul[:number])


def _may_share(one: Site, other: Site) -> bool:
    """True if a stream of the one may share a haul with one of the other."""
    return any(
        first == second or any({first, second} <= together for together in _TOGETHER)
        for first, second in product(one.streams, other.streams)
    )


def _is_enough(pickup: _Pickup, scene: Scene) -> bool:
    return pickup.kg >= max(_NOTICED_KG, _NOTICED_SHARE * scene.payload_kg)


def _depth_m(pickup: _Pickup, scene: Scene) -> float:
    """How deep the truck stood in its areas, metres; where its permits name none, as deep as can be."""
    first = pickup.grows[0]
    areas = scene.city.areas_of(scene.vehicle_id, first.ts)
    found = scene.city.zone_geometry.permitted_at(first.xy, first.ts, areas) if areas else None
    return float("inf") if found is None else found.depth_m
