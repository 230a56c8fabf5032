"""A closed road: several trucks leave one route at one place. Then it is the road, not the drivers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from devices.geo.geometry import LatLon
from rules.alerts.model import Evidence, Text
from rules.contract.verdicts import Level, Verdict

_M_PER_DEGREE: Final = 111_195.0
"""Of latitude, on a sphere of 6,371 km."""
_FORGET_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Departure:
    """A truck left a route here; device time in ms."""

    subject: str
    route_id: str
    onset: int
    place: LatLon


@dataclass(slots=True)
class Closures:
    """Departures of the fleet, oldest first, and those explained by a closure."""

    departures: list[Departure] = field(default_factory=list)
    excused: list[Departure] = field(default_factory=list)


def settle_closures(
    verdict: Verdict, memory: Closures, *, trucks: int, within_ms: int, within_m: float
) -> Iterable[Verdict]:
    """Pass a deviation on, unless enough trucks left there; then those told of before are retracted as well."""
    if verdict.level is not Level.CONFIRMED or verdict.place is None:
        return (verdict,)
    mine = Departure(verdict.subject, verdict.shared, verdict.onset, verdict.place)
    if mine in memory.excused:
        return ()
    if mine in memory.departures:
        return (verdict,)
    memory.departures = [known for known in memory.departures if verdict.at - known.onset <= _FORGET_MS] + [mine]
    memory.excused = [known for known in memory.excused if verdict.at - known.onset <= _FORGET_MS]
    together = [
        known
        for known in memory.departures
        if known.route_id == mine.route_id
        and abs(known.onset - mine.onset) <= within_ms
        and _apart_m(known.place, mine.place) <= within_m
    ]
    count = len({known.subject for known in together})
    if count < trucks:
        return (verdict,)
    newly = [known for known in together if known not in memory.excused]
    memory.excused += newly
    return tuple(_retraction(known, verdict, count) for known in newly if known != mine)


def _retraction(known: Departure, verdict: Verdict, count: int) -> Verdict:
    reason = Text(
        en=f"{count} trucks left this route at the same place: the road is probably closed",
        zh=f"{count}辆车在同一地点驶离该线路，道路可能封闭",
    )
    parameters = verdict.evidence.parameters if verdict.evidence is not None else {}
    evidence = Evidence(parameters=parameters, findings=(reason,), measures={"trucks": count})
    return Verdict(known.subject, Level.RETRACTED, verdict.at, known.onset, evidence=evidence, shared=known.route_id)


def _apart_m(one: LatLon, other: LatLon) -> float:
    north = (one.lat - other.lat) * _M_PER_DEGREE
    east = (one.lon - other.lon) * _M_PER_DEGREE * math.cos(math.radians(one.lat))
    return math.hypot(north, east)
