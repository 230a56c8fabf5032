"""Finds closed roads: several trucks leave one route at one place. Then the road is the cause, not the drivers."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.alerts.model import Evidence, Severity
from rules.contract.verdicts import Level, Verdict
from rules.detectors.route_deviation import wording
from rules.detectors.route_deviation.parameters import RouteDeviationParameters

_FORGET_MS: Final = 26 * 3_600_000
"""Late readings are judged for 25 hours, and then meet the departures of their time."""
_MOST_DEPARTURES: Final = 300
"""Of one truck; beyond it the oldest are forgotten."""
_LOOK_EVERY_MS: Final = 3_600_000
"""So often those of all trucks are looked through for what may be forgotten."""
_KNOWN_AFTER_MS: Final = 5 * 60_000
"""A closure counts as known so long after the departure that showed it: by then that was compared, whatever order the
readings arrived in."""


# Checkpoints write the fields of both classes by name: a renamed field loses what it held.
@dataclass(slots=True)
class Departure:
    """A truck left a route here; device time in ms."""

    subject: str
    route_id: str
    onset: int
    place: LatLon
    at: int
    """When that was found."""
    serious_at: int = 0
    """When it was loaded and went far, or stopped (P1); 0 if it did not. No diversion leads to a pit: it is never
    excused, and is no sign of a closed road."""
    excused: bool = False
    run_over: bool = False
    """The clock of its truck stepped since: nothing of it changes any more."""


@dataclass(slots=True)
class Closures:
    """Departures of the fleet within a day."""

    departures: dict[str, list[Departure]] = field(default_factory=dict)
    """By subject, in the order in which they became known."""
    looked_at: int = 0
    """When what may be forgotten was forgotten last."""


def note(verdict: Verdict, memory: Closures) -> list[Departure]:
    """Note a deviation; return its departure if it is new, or graver than before."""
    place, at = verdict.place, verdict.at
    if verdict.level is not Level.CONFIRMED or place is None:
        return []
    serious_at = at if verdict.severity is Severity.P1 else 0
    departure = _find(verdict, memory)
    if departure is None:
        departure = Departure(verdict.subject, verdict.shared, verdict.onset, place, at, serious_at)
        _forget_old(at, memory)
        former = memory.departures.get(departure.subject, [])
        memory.departures[departure.subject] = [*former[1 - _MOST_DEPARTURES :], departure]
        return [departure]
    if serious_at and not departure.serious_at:
        departure.serious_at = serious_at
        return [departure]
    return []


def forget_since(subject: str, since: int, memory: Closures) -> list[Departure]:
    """Forget what was found of a truck after this device time, ms; return the departures that changed by it."""
    departures = memory.departures.get(subject, [])
    changed = [one for one in departures if not one.run_over and max(one.at, one.serious_at) > since]
    for one in changed:
        if one.serious_at > since:
            one.serious_at = 0
    if changed:
        memory.departures[subject] = [one for one in departures if one.run_over or one.at <= since]
    return changed


def is_excused(verdict: Verdict, memory: Closures) -> bool:
    departure = _find(verdict, memory)
    return departure is not None and departure.excused


def is_closed(verdict: Verdict, memory: Closures, limits: RouteDeviationParameters) -> bool:
    """True if it is known for minutes that the road is closed where this truck left it."""
    place = verdict.place
    if place is None:
        return False
    shown = [
        one.at
        for one in _all(memory)
        if one.excused
        and one.route_id == verdict.shared
        and one.at <= verdict.at - _KNOWN_AFTER_MS
        and distance_m(one.place, place) <= limits.closure_m
    ]
    is_recent = bool(shown) and verdict.at - max(shown) <= limits.closure_min * 60_000
    return is_recent and len(shown) >= limits.closure_trucks


def settle(
    changed: Collection[Departure], at: int, memory: Closures, limits: RouteDeviationParameters
) -> Iterator[Verdict]:
    """Say of the departures near those that changed whether they are excused now, if that is new."""
    for departure in _all(memory):
        if any(_are_near(departure, one, limits, reach=2) for one in changed):
            trucks = _trucks_leaving(departure, memory, limits)
            if departure.excused is not (trucks > 0):
                departure.excused = trucks > 0
                yield _decision(departure, at, trucks, limits)


def excuses_of(subject: str, at: int, memory: Closures, limits: RouteDeviationParameters) -> Iterator[Verdict]:
    """Say of all departures of a truck whether they are excused."""
    for departure in memory.departures.get(subject, []):
        if not departure.run_over:
            trucks = _trucks_leaving(departure, memory, limits) if departure.excused else 0
            yield _decision(departure, at, trucks, limits)


def end_run(subject: str, memory: Closures) -> None:
    for departure in memory.departures.get(subject, []):
        departure.run_over = True


def _all(memory: Closures) -> Iterator[Departure]:
    for departures in memory.departures.values():
        yield from departures


def _find(verdict: Verdict, memory: Closures) -> Departure | None:
    for one in reversed(memory.departures.get(verdict.subject, [])):
        if one.onset == verdict.onset and not one.run_over:
            return one
    return None


def _forget_old(at: int, memory: Closures) -> None:
    """Forget the departures so long before `at`, device time in ms, that nothing is compared with them."""
    if at - memory.looked_at < _LOOK_EVERY_MS:
        return
    memory.looked_at = at
    for subject, departures in list(memory.departures.items()):
        kept = [one for one in departures if at - one.onset <= _FORGET_MS]
        if kept:
            memory.departures[subject] = kept
        else:
            del memory.departures[subject]


def _trucks_leaving(departure: Departure, memory: Closures, limits: RouteDeviationParameters) -> int:
    """How many trucks left there together, this one among them; 0 where they are too few, or it is serious.

    Those that left within `closure_min` up to one of them, and within `closure_m` of it, left together.
    """
    if departure.serious_at:
        return 0
    near = [one for one in _all(memory) if not one.serious_at and _are_near(departure, one, limits, reach=2)]
    most = 0
    for last in near:
        together = [one for one in near if one.onset <= last.onset and _are_near(one, last, limits, reach=1)]
        if departure in together:
            most = max(most, len({one.subject for one in together}))
    return most if most >= limits.closure_trucks else 0


def _are_near(one: Departure, other: Departure, limits: RouteDeviationParameters, *, reach: int) -> bool:
    """True within so many times the limits in time and place."""
    within_ms = limits.closure_min * 60_000
    return (
        one.route_id == other.route_id
        and abs(one.onset - other.onset) <= reach * within_ms
        and distance_m(one.place, other.place) <= reach * limits.closure_m
    )


def _decision(departure: Departure, at: int, trucks: int, limits: RouteDeviationParameters) -> Verdict:
    subject, onset = departure.subject, departure.onset
    if not trucks:
        return Verdict(subject, Level.STANDS, at, onset, shared=departure.route_id)
    findings, measures = (wording.road_closed(trucks),), {"trucks": trucks}
    evidence = Evidence(parameters=limits.model_dump(), findings=findings, measures=measures)
    return Verdict(subject, Level.EXCUSED, at, onset, evidence=evidence, shared=departure.route_id)
