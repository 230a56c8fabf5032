"""What several trucks do together: tip at one hidden place, leave a closed road, stand in a jam."""

from collections.abc import Iterable, Mapping
from functools import partial
from random import Random
from typing import Final

from simulators.trials.behaviours.roads import beside
from simulators.trials.incidents import SYSTEM, Incident
from simulators.trials.truck_day import TruckDay
from simulators.vehicles.drive import Way

_HIDDEN_SHARE: Final = 0.7
_CLOSED_SHARE: Final = 0.4
_JAM_SHARE: Final = 0.4
_STOOD_S: Final = 120.0


def stage_together(days: Mapping[str, TruckDay], rng: Random) -> "list[Visits]":
    """Make appointments for trucks of one route each; returns the places that several trucks will have visited."""
    by_route: dict[str, list[TruckDay]] = {}
    for day in days.values():
        by_route.setdefault(f"{day.haul.destination_site_id}-{day.out.length_m:.0f}", []).append(day)
    routes = [crew for crew in by_route.values() if len(crew) >= 3]
    rng.shuffle(routes)
    visits: list[Visits] = []
    for crew, plan, share in zip(
        routes, (_hide, _close_road, _jam), (_HIDDEN_SHARE, _CLOSED_SHARE, _JAM_SHARE), strict=False
    ):
        if rng.random() < share:
            visits += plan(crew, rng)
    return visits


def _hide(crew: list[TruckDay], rng: Random) -> "Iterable[Visits]":
    """Three or four trucks take a load each to a hidden place, some 50 to 100 min apart."""
    found = crew[0].terrain.detour(crew[0].haul, rng)
    if found is None:
        return []
    at_m, road = found
    visits = Visits()
    at_ms = max(day.now_ms for day in crew) + rng.randint(600_000, 3_600_000)
    for day in crew[: rng.randint(3, 4)]:
        day.appointments.append((at_ms, partial(visits.take, at_m=at_m, road=road)))
        at_ms += rng.randint(3_000_000, 6_000_000)
    return [visits]


class Visits:
    """Stops at the hidden place so far, in order of time."""

    def __init__(self) -> None:
        self._stops: list[tuple[int, int]] = []

    def take(self, day: TruckDay, at_m: float, road: Way) -> None:
        rng = day.rng
        day.load()
        started_ms = day.now_ms
        day.drive(day.out.part(0.0, at_m).then(road).rounded())
        stop = day.tip_here(
            lift_up_s=rng.uniform(40.0, 90.0),
            opens_s=20.0,
            rises_s=rng.uniform(30.0, 120.0),
            stays_s=rng.uniform(30.0, 150.0),
        )
        day.close_manifest()
        day.drive(road.reverse().then(day.out.part(0.0, at_m).reverse()).rounded())
        day.unusual("tip_at_a_hidden_place", started_ms)
        self._stops = sorted([*self._stops, stop])

    def incidents(self) -> Iterable[Incident]:
        """The place, once three trucks have stopped there: people can know of it from the third one on."""
        if len(self._stops) >= 3:
            first_ms, last_ms = self._stops[0][0], self._stops[-1][1]
            third_ms, name = self._stops[2][0], "tip_at_a_hidden_place"
            yield Incident("suspected_site", SYSTEM, name, first_ms, last_ms, third_ms, hold_s=_STOOD_S)


def _close_road(crew: list[TruckDay], rng: Random) -> "Iterable[Visits]":
    """A stretch of the route is closed for a while: all trucks take the same way around it, and nobody is to blame."""
    way = crew[0].out
    from_m = way.length_m * rng.uniform(0.25, 0.4)
    road = beside(way, from_m, from_m + rng.uniform(800.0, 1_600.0), rng.uniform(150.0, 500.0), rng)
    if not crew[0].terrain.is_clear(road):
        return []
    to_m = min(range(round(from_m), round(way.length_m)), key=lambda s: way.at(s).distance_m(road.points[-1]))
    at_ms = max(day.now_ms for day in crew) + rng.randint(600_000, 7_200_000)
    for number, day in enumerate(crew):
        act = partial(_around, from_m=from_m, to_m=float(to_m), road=road)
        day.appointments.append((at_ms + number * 240_000, act))
    return []


def _around(day: TruckDay, from_m: float, to_m: float, road: Way) -> None:
    around = day.out.part(0.0, from_m).then(road).then(day.out.part(to_m, day.out.length_m)).rounded()
    day.load()
    started_ms = day.now_ms
    day.drive(around)
    day.unusual("drive_around_a_closed_road", started_ms, excused=True)
    day.tip()
    day.go_home()


def _jam(crew: list[TruckDay], rng: Random) -> "Iterable[Visits]":
    """All trucks of a route stand loaded within 200 m for 12 to 30 min, and nobody is to blame."""
    at_m = crew[0].out.length_m * rng.uniform(0.35, 0.6)
    at_ms = max(day.now_ms for day in crew) + rng.randint(600_000, 7_200_000)
    ends_ms = at_ms + rng.randint(3_600_000, 4_500_000)
    for number, day in enumerate(crew):
        day.appointments.append((at_ms, partial(_queue, at_m=at_m - 40.0 * number, ends_ms=ends_ms)))
    return []


def _queue(day: TruckDay, at_m: float, ends_ms: int) -> None:
    day.load()
    day.drive(day.out.part(0.0, at_m))
    arrived_ms = day.now_ms
    day.stand(max(30.0, (ends_ms - day.now_ms) / 1000 + day.rng.uniform(0.0, 120.0)))
    day.unusual("stand_in_a_jam", arrived_ms, excused=True)
    day.finish_round(at_m)
