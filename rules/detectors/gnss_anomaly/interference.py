"""Finds interference of an area: several trucks whose positions go wrong at one place. Then no driver did it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from devices.city.model import City
from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import MAX_REFS, where, who
from rules.detectors.gnss_anomaly import wording
from rules.detectors.gnss_anomaly.parameters import GnssAnomalyParameters

SYSTEM: Final = "system"
"""Subject of these alerts: a place is no device."""
_FORGET_MS: Final = 24 * 3_600_000
"""Late readings are judged for so long, and then meet the anomalies of their time."""
_MOST_ANOMALIES: Final = 1_000
_KNOWN_AFTER_MS: Final = 5 * 60_000
"""An interference counts as known so long after the anomaly that showed it: by then that was compared, whatever order
the readings arrived in."""


# Checkpoints write the fields of these classes by name: a renamed field loses what it held.
@dataclass(slots=True)
class Disturbed:
    """An anomaly of one truck. Times are device time, ms."""

    subject: str
    onset: int
    place: LatLon
    at: int
    """When it was found."""
    cited: ReadingRef
    ended: int = 0
    """0 while it lasts."""
    area: str = ""
    """Part of the interference that stands for it."""


@dataclass(slots=True)
class Interferences:
    """Anomalies of the fleet within a day, in the order in which they were compared."""

    disturbed: list[Disturbed] = field(default_factory=list)


def is_known(verdict: Verdict, memory: Interferences, limits: GnssAnomalyParameters) -> bool:
    """True if it is known for minutes that positions are disturbed at this place and time."""
    place = verdict.place
    return place is not None and any(
        one.area and verdict.at - one.at >= _KNOWN_AFTER_MS and _is_together(one, verdict.onset, place, limits)
        for one in memory.disturbed
    )


def compare(verdict: Verdict, memory: Interferences, city: City, limits: GnssAnomalyParameters) -> Iterable[Verdict]:
    """Pass an anomaly of one truck on, or let the alert of an area stand for it."""
    known = next(
        (one for one in memory.disturbed if (one.subject, one.onset) == (verdict.subject, verdict.onset)), None
    )
    if verdict.level is Level.CLEAR:
        return _end(verdict, known, memory, limits)
    place, evidence = verdict.place, verdict.evidence
    if verdict.level is not Level.CONFIRMED or place is None or evidence is None:
        return (verdict,)
    if known is not None:
        return () if known.area else (verdict,)
    new = Disturbed(verdict.subject, verdict.onset, place, verdict.at, evidence.readings[-1])
    oldest = verdict.at - _FORGET_MS
    memory.disturbed = [*(one for one in memory.disturbed[1 - _MOST_ANOMALIES :] if one.at >= oldest), new]
    together = [one for one in memory.disturbed if _is_together(one, new.onset, new.place, limits)]
    trucks = {one.subject for one in together}
    if len(trucks) < limits.area_trucks:
        return (verdict,)
    return tuple(_interfere(verdict, together, memory, city, limits))


def _is_together(one: Disturbed, onset: int, place: LatLon, limits: GnssAnomalyParameters) -> bool:
    return abs(one.onset - onset) <= limits.area_s * 1000 and distance_m(one.place, place) <= limits.area_m


def _interfere(
    verdict: Verdict, together: list[Disturbed], memory: Interferences, city: City, limits: GnssAnomalyParameters
) -> Iterator[Verdict]:
    """One alert for these trucks, and none of their own any more."""
    part = next((one.area for one in together if one.area), "")
    if not part:
        first = min(together, key=lambda one: (one.onset, one.subject))
        part = f"{first.place.lat:.4f},{first.place.lon:.4f},{first.onset}"
    newly = [one for one in together if not one.area]
    for one in newly:
        one.area = part
    members = sorted((one for one in memory.disturbed if one.area == part), key=lambda one: (one.onset, one.subject))
    subjects = list(dict.fromkeys(one.subject for one in members))
    first = members[0]
    names = [who(city.devices[subject], city, verdict.at) for subject in subjects if subject in city.devices][:MAX_REFS]
    over_ms = members[-1].onset - first.onset
    yield Verdict(
        SYSTEM,
        Level.CONFIRMED,
        verdict.at,
        int(part.rpartition(",")[2]),
        severity=Severity.P2,
        place=first.place,
        title=wording.area_title(len(subjects), where(city.plane.xy(first.place), city, verdict.at)),
        evidence=Evidence(
            parameters=limits.model_dump(),
            findings=(
                wording.area(
                    len(subjects), ", ".join(name.en for name in names), "、".join(name.zh for name in names), over_ms
                ),
                wording.NOT_JUDGED,
            ),
            ruled_out=(wording.NOT_ONE_TRUCK,),
            readings=tuple(_one_an_instant(members)),
            measures={"reason": "interference", "trucks": len(subjects), "over_s": round(over_ms / 1000)},
        ),
        part=part,
        basis=f"trucks={len(subjects)}",
    )
    evidence = Evidence(parameters=limits.model_dump(), findings=(wording.excused(len(subjects)),))
    for one in newly:
        yield Verdict(one.subject, Level.RETRACTED, verdict.at, one.onset, evidence=evidence)


def _one_an_instant(members: list[Disturbed]) -> list[ReadingRef]:
    by_ts = {one.cited.ts: one.cited for one in members}
    return [by_ts[ts] for ts in sorted(by_ts)][:MAX_REFS]


def _end(
    verdict: Verdict, known: Disturbed | None, memory: Interferences, limits: GnssAnomalyParameters
) -> Iterable[Verdict]:
    """End an anomaly; an interference ends with the last of its trucks."""
    if known is None:
        return (verdict,)
    known.ended = verdict.at
    if not known.area:
        return (verdict,)
    members = [one for one in memory.disturbed if one.area == known.area]
    if not all(one.ended for one in members):
        return ()
    onset = int(known.area.rpartition(",")[2])
    evidence = Evidence(parameters=limits.model_dump(), findings=(wording.ALL_GOOD,))
    return (Verdict(SYSTEM, Level.CLEAR, verdict.at, onset, evidence=evidence, part=known.area),)
