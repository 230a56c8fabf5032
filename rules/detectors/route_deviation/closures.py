"""Finds closed roads: several trucks leave one route at one place. Then the road is the cause, not the drivers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.alerts.model import Evidence, Severity
from rules.contract.verdicts import Level, Verdict
from rules.detectors.route_deviation import wording

_FORGET_MS: Final = 24 * 3_600_000
_KNOWN_AFTER_MS: Final = 5 * 60_000
"""A closure counts as known so long after the departure that showed it: by then that was compared, whatever order the
readings arrived in."""


# Checkpoints write the fields of both classes by name: a renamed field loses what it held.
@dataclass(frozen=True, slots=True)
class Departure:
    """A truck left a route here; device time in ms."""

    subject: str
    route_id: str
    onset: int
    place: LatLon


@dataclass(frozen=True, slots=True)
class Closure:
    """A road was found closed here."""

    route_id: str
    place: LatLon
    at: int
    """Device time, ms, of the departure that showed it, or of the last one there."""


@dataclass(slots=True)
class Closures:
    """Departures of the fleet within a day, oldest first, and those that a closure explains."""

    departures: list[Departure] = field(default_factory=list)
    excused: list[Departure] = field(default_factory=list)
    """They count as if they had not left."""
    serious: list[Departure] = field(default_factory=list)
    """No closure explains where these went."""
    closed: list[Closure] = field(default_factory=list)


def is_closed(verdict: Verdict, memory: Closures, *, within_ms: int, within_m: float) -> bool:
    """True if it is known for minutes that the road is closed where this truck left it."""
    place = verdict.place
    return place is not None and any(
        closure.route_id == verdict.shared
        and _KNOWN_AFTER_MS <= verdict.at - closure.at <= within_ms
        and distance_m(closure.place, place) <= within_m
        for closure in memory.closed
    )


def apply_closures(
    verdict: Verdict, memory: Closures, *, trucks: int, within_ms: int, within_m: float
) -> Iterable[Verdict]:
    """Pass a deviation on, unless enough trucks left there; then retract all of them.

    A loaded truck that goes far or stops (P1) is never excused, and is no sign of a closed road: no diversion leads to
    a pit.
    """
    if verdict.level is not Level.CONFIRMED or verdict.place is None:
        return (verdict,)
    departure = Departure(verdict.subject, verdict.shared, verdict.onset, verdict.place)
    if departure in memory.serious:
        return (verdict,)
    if verdict.severity is Severity.P1:
        memory.serious = [*_recent(memory.serious, verdict.at), departure]
        memory.departures = [other for other in memory.departures if other != departure]
        memory.excused = [other for other in memory.excused if other != departure]
        return (verdict,)
    if departure in memory.excused:
        return ()
    if departure in memory.departures:
        return (verdict,)
    return _compare(departure, verdict, memory, trucks, within_ms, within_m)


def _compare(
    departure: Departure, verdict: Verdict, memory: Closures, trucks: int, within_ms: int, within_m: float
) -> Iterable[Verdict]:
    """Count a new departure with those near it."""
    memory.departures = [*_recent(memory.departures, verdict.at), departure]
    memory.excused = _recent(memory.excused, verdict.at)
    together = [
        other
        for other in memory.departures
        if other.route_id == departure.route_id
        and abs(other.onset - departure.onset) <= within_ms
        and distance_m(other.place, departure.place) <= within_m
    ]
    count = len({other.subject for other in together})
    if count < trucks:
        return (verdict,)
    newly_excused = [other for other in together if other not in memory.excused]
    memory.excused += newly_excused
    found = Closure(departure.route_id, departure.place, verdict.at)
    memory.closed = [*(closure for closure in memory.closed if verdict.at - closure.at <= within_ms), found]
    return tuple(_retraction(other, verdict, count) for other in newly_excused)


def _recent(departures: list[Departure], at: int) -> list[Departure]:
    return [departure for departure in departures if at - departure.onset <= _FORGET_MS]


def _retraction(departure: Departure, verdict: Verdict, trucks: int) -> Verdict:
    parameters = verdict.evidence.parameters if verdict.evidence is not None else {}
    evidence = Evidence(parameters=parameters, findings=(wording.road_closed(trucks),), measures={"trucks": trucks})
    return Verdict(
        departure.subject, Level.RETRACTED, verdict.at, departure.onset, evidence=evidence, shared=departure.route_id
    )
