"""What several trucks do together: tip at one hidden place, leave a closed road, stand in a jam, pass a jammer."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from random import Random
from typing import Final, Protocol

from devices.geo.geometry import XY
from simulators.trials.behaviours.receivers import LEAP_S, PLACE_RULES, anomaly, far_off
from simulators.trials.behaviours.roads import beside
from simulators.trials.incidents import SYSTEM, Incident
from simulators.trials.truck_day import Interval, TruckDay
from simulators.vehicles.drive import Way
from simulators.vehicles.work import Driving

_HIDDEN_SHARE: Final = 0.7
_CLOSED_SHARE: Final = 0.4
_JAM_SHARE: Final = 0.4
_DISTURBED_SHARE: Final = 0.7
_DISTURBED: Final = "pass_a_transmitter"
_AREA_TRUCKS: Final = 3
_AREA_MS: Final = 600_000
_STOOD_S: Final = 120.0


class Shared(Protocol):
    """What several trucks take part in."""

    def incidents(self) -> Iterable[Incident]:
        """What it was, once all of them were there."""


Plan = Callable[[list[TruckDay], Random], Iterable[Shared]]


def stage_together(days: Mapping[str, TruckDay], rng: Random, rules: frozenset[str]) -> list[Shared]:
    """Make appointments for trucks of one route each; returns what several trucks will have taken part in.

    `rules`: only what concerns these; none: everything.
    """
    by_route: dict[str, list[TruckDay]] = {}
    for day in days.values():
        by_route.setdefault(f"{day.haul.destination_site_id}-{day.out.length_m:.0f}", []).append(day)
    routes = [crew for crew in by_route.values() if len(crew) >= 3]
    rng.shuffle(routes)
    plans: list[tuple[Plan, float]] = []
    if not rules or "suspected_site" in rules:
        plans += [(_hide, _HIDDEN_SHARE), (_close_road, _CLOSED_SHARE), (_jam, _JAM_SHARE)]
    if not rules or "gnss_anomaly" in rules:
        plans.append((_disturb, _DISTURBED_SHARE))
    shared: list[Shared] = []
    for crew, (plan, share) in zip(routes, plans, strict=False):
        if rng.random() < share:
            shared += plan(crew, rng)
    return shared


def _hide(crew: list[TruckDay], rng: Random) -> Iterable[Shared]:
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
        """The place, if three trucks have stopped there: people can know of it from the third one on."""
        if len(self._stops) >= 3:
            first_ms, last_ms = self._stops[0][0], self._stops[-1][1]
            third_ms, name = self._stops[2][0], "tip_at_a_hidden_place"
            yield Incident("suspected_site", SYSTEM, name, first_ms, last_ms, third_ms, hold_s=_STOOD_S)


def _close_road(crew: list[TruckDay], rng: Random) -> Iterable[Shared]:
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


def _jam(crew: list[TruckDay], rng: Random) -> Iterable[Shared]:
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


def _disturb(crew: list[TruckDay], rng: Random) -> Iterable[Shared]:
    """Three or four trucks set out one after the other and pass a transmitter that disturbs their receivers."""
    way = crew[0].out
    from_m = way.length_m * rng.uniform(0.15, 0.3)
    to_m = min(from_m + rng.uniform(2_000.0, 3_500.0), 0.85 * way.length_m)
    at_ms = max(day.now_ms for day in crew) + rng.randint(600_000, 7_200_000)
    meets_ms = at_ms + rng.randint(3_000_000, 3_600_000)
    disturbance = Disturbance(from_m, to_m, far_off(crew[0], 2_000.0, 9_000.0))
    for number, day in enumerate(crew[: rng.randint(3, 4)]):
        day.appointments.append((at_ms, partial(disturbance.take, sets_out_ms=meets_ms + 60_000 * number)))
    return [disturbance]


class Disturbance:
    """A stretch of a route where receivers show a place that is `off` by so many metres."""

    def __init__(self, from_m: float, to_m: float, off: XY) -> None:
        self._from_m, self._to_m, self._off = from_m, to_m, off
        self._passed: list[Interval] = []

    def take(self, day: TruckDay, sets_out_ms: int) -> None:
        """Wait at the source for the others, and haul a load past it."""
        day.stand(max(30.0, (sets_out_ms - day.now_ms) / 1000), ignition_on=False)
        day.load()
        began_ms, _ = day.drive(day.out)
        step = day.steps[-1][1]
        assert isinstance(step, Driving)  # noqa: S101 - the drive that was added
        disturbed = (
            began_ms + round(step.drive.time_at(self._from_m) * 1000),
            began_ms + round(step.drive.time_at(self._to_m) * 1000),
        )
        day.upsets.spoofed.append((*disturbed, self._off))
        day.incidents += anomaly(day, _DISTURBED, disturbed, LEAP_S, required=False, also=PLACE_RULES)
        self._passed = sorted([*self._passed, disturbed])
        day.tip()
        day.go_home()

    def incidents(self) -> Iterable[Incident]:
        """One of the area, if three trucks passed within ten minutes: from the third one on nobody blames a driver."""
        if len(self._passed) < _AREA_TRUCKS:
            return
        first_ms, third_ms = self._passed[0][0], self._passed[_AREA_TRUCKS - 1][0]
        required = third_ms - first_ms <= _AREA_MS
        last_ms = max(end_ms for _, end_ms in self._passed)
        yield Incident("gnss_anomaly", SYSTEM, _DISTURBED, first_ms, last_ms, third_ms, required, LEAP_S)
