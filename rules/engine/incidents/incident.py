"""One incident, as the engine keeps it and as it is published. Rows on disk hold these classes by their field names."""

from dataclasses import dataclass, field
from typing import Final

from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Severity, Text
from rules.contract.verdicts import Verdict

MERGE_WITHIN_MS: Final = 5 * 60_000
MERGE_WITHIN_M: Final = 500.0
"""Closer than both, two incidents are one."""


@dataclass(slots=True)
class HeldClosing:
    """A closing that is published only if the incident stays away until `due`, device time in ms."""

    due: int
    rule_version: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Folding:
    """How an incident stands to one of another rule that it may be a part of (`rules.engine.incidents.folding`)."""

    into: str
    """That rule."""
    onset: int
    """Of what it may be a part; device time, ms."""
    host: str
    """Alert that it is a part of: nobody is notified of it then."""
    due: int
    """Until then (device time, ms) it waits for that rule; 0 when it does not wait."""
    until: int
    """Likewise in fleet time, for a device that is not heard again: its clock may be behind."""
    last: tuple[AlertChange, ...]
    """Its last change while it was open, and that of its end, published or held back."""


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why nobody is notified of an incident: what other devices did explains it
    (`rules.engine.incidents.excuses`).
    """

    last: tuple[AlertChange, ...] = ()
    """Its last change while it was open, and that of its end, taken back or held back."""
    why: Evidence | None = None


@dataclass(slots=True)
class Incident:
    """One alert in the engine. Times are device time, ms. Rows on disk hold it by these field names."""

    alert_id: str
    opened_at: int
    phase: Phase
    severity: Severity
    told_at: int
    """When people were notified last."""
    title: Text
    evidence: Evidence
    lat: float | None
    lon: float | None
    onsets: list[int]
    """Onsets of the incidents merged into it that were not retracted."""
    revision: int = 0
    ended_at: int | None = None
    """When it ended: closed, or left to people."""
    closed_at: int | None = None
    amendment: Amendment | None = None
    told_onset: int | None = None
    """Onset of the incident of which people were notified last."""
    basis: str = ""
    """`Verdict.basis` when people were notified last."""
    returns: int = 0
    """How often it came back after it had ended."""
    over: bool = False
    """`Verdict.over` of its end: nothing continues it."""
    retracted_in_order: bool = False
    """It was retracted by readings of the device in order: when they are judged again, they say whether it still is."""
    closing: HeldClosing | None = None
    folding: Folding | None = None
    excused: list[int] = field(default_factory=list)
    """Those of its onsets that other devices explain."""
    excuse: Excuse | None = None
    """None where they do not explain all of them."""


@dataclass(slots=True)
class RuleIncidents:
    """Incidents of one rule and one subject (or one part of it)."""

    running: Incident | None = None
    past: list[Incident] = field(default_factory=list)
    """Ended or left to people, oldest first."""
    run: int = 0
    """Run of the device's readings; ids of alerts of later runs have it."""


def is_part(incident: Incident) -> bool:
    """True if it is a part of another incident, or waits for that."""
    return incident.folding is not None and (bool(incident.folding.host) or incident.folding.due > 0)


def is_silent(incident: Incident) -> bool:
    """True if nobody is notified of it: it is excused, a part of another incident, or waits for that."""
    return incident.excuse is not None or is_part(incident)


def apart_m(incident: Incident, place: LatLon | None) -> float:
    """Distance in metres; 0 where either has no place, because a subject without a place does not move."""
    if place is None or incident.lat is None or incident.lon is None:
        return 0.0
    return distance_m(LatLon(incident.lat, incident.lon), place)


def change_of(incident: Incident, rule: str, rule_version: int, subject: str, at: int) -> AlertChange:
    """The incident as it stands, to be published at device time `at`, ms."""
    return AlertChange(
        alert_id=incident.alert_id,
        revision=incident.revision,
        rule=rule,
        rule_version=rule_version,
        subject=subject,
        phase=incident.phase,
        severity=incident.severity,
        at=at,
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        amendment=incident.amendment,
        title=incident.title,
        lat=incident.lat,
        lon=incident.lon,
        evidence=incident.evidence,
    )
