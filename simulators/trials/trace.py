"""What a truck truly does during a span, twice a second or so, with where that is. Truths are read off it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from devices.city.geometry import NearSite
from devices.city.model import City, Device
from devices.geo.geometry import XY
from simulators.trials.truck_day import Span, TruckDay

STEP_MS: Final = 2_000
NEAR_M: Final = 1_000.0
"""Sites further away than this do not matter to any incident."""
_MERGE_MS: Final = 300_000
_MERGE_M: Final = 500.0
"""Incidents of one truck that are closer than this are one."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The true state of a truck, and where it is."""

    ts: int
    xy: XY
    speed_kmh: float
    load_kg: float
    lift_up: bool
    cover_open: bool
    off_m: float
    """Distance from the nearest approved route."""
    sites: Sequence[NearSite]
    """Sites within `NEAR_M`, nearest first."""

    def is_within(self, site_m: float) -> bool:
        """Return whether any site is so near."""
        return bool(self.sites) and self.sites[0].distance_m <= site_m


@dataclass(frozen=True, slots=True)
class Scene:
    """What the moments are judged against."""

    city: City
    device: Device
    vehicle_id: str
    payload_kg: float
    ends: frozenset[str]
    """Sites at the ends of its routes."""
    excused: bool = False

    def is_loaded(self, moment: Moment) -> bool:
        return moment.load_kg >= 0.4 * self.payload_kg

    def may_tip(self, moment: Moment, within_m: float = 0.0) -> bool:
        """Return whether the truck is in, or so near, a site where its permits let it unload."""
        return any(
            near.distance_m <= within_m and self.city.may_tip(self.vehicle_id, near.site, moment.ts)
            for near in moment.sites
        )


Run = Sequence[Moment]


def trace(day: TruckDay, span: Span, scene: Scene) -> list[Moment]:
    """Moments of a span, `STEP_MS` apart and at each switch."""
    geometry = scene.city.geometry
    routes = scene.city.routes_of(scene.vehicle_id, span.start_ms)
    moments = []
    for began_ms, step in day.overlapping(span.start_ms, span.end_ms):
        end_ms = began_ms + round(step.duration_s * 1000)
        switches = {began_ms + round(s * 1000) for s in step.switches_s}
        for ts in sorted({*range(began_ms, end_ms, STEP_MS), *switches}):
            if not span.start_ms <= ts < span.end_ms:
                continue
            state = step.at((ts - began_ms) / 1000)
            off_m = min((geometry.route_offset(route, state.xy).distance_m for route in routes), default=0.0)
            moments.append(
                Moment(
                    ts,
                    state.xy,
                    state.speed_mps * 3.6,
                    state.load_kg,
                    state.lift_up,
                    state.cover_open,
                    off_m,
                    geometry.sites_near(state.xy, NEAR_M, ts),
                )
            )
    return moments


def runs(moments: Run, holds: Callable[[Moment], bool]) -> Iterator[Run]:
    """Stretches of moments in a row for which something holds."""
    for value, group in groupby(moments, holds):
        if value:
            yield list(group)


def merged(found: Iterator[Run]) -> list[list[Run]]:
    """Runs, those together that are one incident."""
    together: list[list[Run]] = []
    for run in found:
        if together:
            last, first = together[-1][-1][-1], run[0]
            if first.ts - last.ts <= _MERGE_MS and first.xy.distance_m(last.xy) <= _MERGE_M:
                together[-1].append(run)
                continue
        together.append([run])
    return together


def lasts_s(run: Run) -> float:
    """Seconds from the first moment to the end of the last one."""
    return (run[-1].ts - run[0].ts + STEP_MS) / 1000


def driven_m(run: Run) -> float:
    return sum(a.xy.distance_m(b.xy) for a, b in pairwise(run))
