"""Incidents: the one state machine, shared by all rules, that decides whether a verdict makes an alert.

candidate (silent) → provisional → confirmed → closed → amended. One open alert per subject, rule and incident.
Incidents close to each other in time and place are one. People are notified again when an incident lasts or gets worse.
"""

from dataclasses import dataclass, field
from typing import Final

from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Severity, Text, alert_id
from rules.contract.verdicts import Level, Verdict

MERGE_WITHIN_MS: Final = 5 * 60_000
MERGE_WITHIN_M: Final = 500.0
NOTIFY_EVERY_MS: Final = 30 * 60_000
KEPT_PAST: Final = 8
"""Ended incidents remembered per subject, rule and part, for merging and retraction."""

_NO_TITLE: Final = Text(en="", zh="")
_NO_EVIDENCE: Final = Evidence(parameters={})


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


@dataclass(slots=True)
class RuleIncidents:
    """Incidents of one rule and one subject (or one part of it)."""

    running: Incident | None = None
    past: list[Incident] = field(default_factory=list)
    """Ended or left to people, oldest first."""


@dataclass(slots=True)
class DeviceIncidents:
    """Incidents of one subject, by `rule|subject|part`."""

    cases: dict[str, RuleIncidents] = field(default_factory=dict)

    def take(self, rule: str, rule_version: int, verdict: Verdict) -> list[AlertChange]:
        """Take a verdict and return the alert changes it leads to; most of the time none."""
        key = f"{rule}|{verdict.subject}|{verdict.part}"
        case = self.cases.get(key)
        if case is None:
            if verdict.level not in OPENING:
                return []
            case = self.cases[key] = RuleIncidents()
        changed = _step(case, rule, verdict)
        return [] if changed is None else [_publish(changed, rule, rule_version, verdict)]


OPENING: Final = frozenset({Level.SUSPECTED, Level.CONFIRMED})
"""Levels that open an incident where there is none."""


def _step(case: RuleIncidents, rule: str, verdict: Verdict) -> Incident | None:
    """Apply a verdict; return the incident of which people must be notified, or None."""
    match verdict.level:
        case Level.SUSPECTED | Level.CONFIRMED:
            return _assert(case, rule, verdict)
        case Level.CLEAR:
            return _close(case, verdict)
        case Level.LEFT_OPEN:
            _leave_to_people(case, verdict)
            return None
        case Level.RETRACTED:
            return _retract(case, verdict)
        case Level.CANDIDATE | Level.UNKNOWN:
            return None


def _assert(case: RuleIncidents, rule: str, verdict: Verdict) -> Incident | None:
    phase = Phase.CONFIRMED if verdict.level is Level.CONFIRMED else Phase.PROVISIONAL
    if case.running is None:
        case.running = _continued(case, verdict)
    incident = case.running
    if incident is None or incident.closed_at is not None:
        incident = case.running = _reopened(incident) if incident is not None else _opened(rule, verdict)
        incident.phase = phase
        incident.severity = min(incident.severity, verdict.severity)
        return incident
    confirmed_now = phase is Phase.CONFIRMED and incident.phase is Phase.PROVISIONAL
    worse = verdict.severity < incident.severity
    if not (confirmed_now or worse or verdict.at - incident.told_at >= NOTIFY_EVERY_MS):
        return None
    if confirmed_now:
        incident.phase = Phase.CONFIRMED
    incident.severity = min(incident.severity, verdict.severity)
    return incident


def _close(case: RuleIncidents, verdict: Verdict) -> Incident | None:
    incident = case.running
    if incident is None:
        return None
    incident.phase, incident.closed_at = Phase.CLOSED, verdict.at
    _remember(case, incident, verdict.at)
    return incident


def _leave_to_people(case: RuleIncidents, verdict: Verdict) -> None:
    if case.running is not None:
        _remember(case, case.running, verdict.at)


def _retract(case: RuleIncidents, verdict: Verdict) -> Incident | None:
    """An alert of merged incidents stands until every one of them is retracted."""
    running = [case.running] if case.running is not None else []
    incident = next((found for found in running + case.past if verdict.onset in found.onsets), None)
    if incident is None:
        return None
    incident.onsets.remove(verdict.onset)
    if incident.onsets:
        return None
    incident.phase, incident.amendment = Phase.AMENDED, Amendment.RETRACTED
    incident.closed_at = verdict.at if incident.closed_at is None else incident.closed_at
    if incident is case.running:
        _remember(case, incident, verdict.at)
    return incident


def _opened(rule: str, verdict: Verdict) -> Incident:
    subject = f"{verdict.subject}/{verdict.part}" if verdict.part else verdict.subject
    place = verdict.place
    return Incident(
        alert_id=alert_id(rule, subject, verdict.onset),
        opened_at=verdict.onset,
        phase=Phase.PROVISIONAL,
        severity=verdict.severity,
        told_at=verdict.at,
        title=verdict.title or _NO_TITLE,
        evidence=verdict.evidence or _NO_EVIDENCE,
        lat=place.lat if place else None,
        lon=place.lon if place else None,
        onsets=[verdict.onset],
    )


def _continued(case: RuleIncidents, verdict: Verdict) -> Incident | None:
    """The last incident, if it ended so near in time and place that this one continues it."""
    last = case.past[-1] if case.past else None
    if last is None or last.ended_at is None:
        return None
    if last.amendment is Amendment.RETRACTED and verdict.onset != last.opened_at:
        return None
    if verdict.onset - last.ended_at > MERGE_WITHIN_MS or _apart_m(last, verdict) > MERGE_WITHIN_M:
        return None
    case.past.pop()
    last.ended_at = None
    last.onsets.append(verdict.onset)
    return last


def _reopened(incident: Incident) -> Incident:
    incident.closed_at = incident.amendment = None
    return incident


def _remember(case: RuleIncidents, incident: Incident, ended_at: int) -> None:
    incident.ended_at = ended_at
    case.running = None
    for past in case.past:
        past.evidence = _NO_EVIDENCE  # the journal has it, and it would fill the rows
    case.past = [*case.past[1 - KEPT_PAST :], incident]


def _apart_m(incident: Incident, verdict: Verdict) -> float:
    """Distance in metres; 0 where either has no place, because a subject without a place does not move."""
    if verdict.place is None or incident.lat is None or incident.lon is None:
        return 0.0
    return distance_m(LatLon(incident.lat, incident.lon), verdict.place)


def _publish(incident: Incident, rule: str, rule_version: int, verdict: Verdict) -> AlertChange:
    incident.revision += 1
    incident.told_at = verdict.at
    incident.title = verdict.title or incident.title
    incident.evidence = verdict.evidence or incident.evidence
    return AlertChange(
        alert_id=incident.alert_id,
        revision=incident.revision,
        rule=rule,
        rule_version=rule_version,
        subject=verdict.subject,
        phase=incident.phase,
        severity=incident.severity,
        at=verdict.at,
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        amendment=incident.amendment,
        title=incident.title,
        lat=incident.lat,
        lon=incident.lon,
        evidence=incident.evidence,
    )
