"""Incidents: the one state machine, shared by all rules, that decides whether a verdict makes an alert.

candidate (silent) → provisional → confirmed → closed → amended. One open alert per subject, rule and incident.
Incidents close to each other in time and place are one. People are notified again when an incident lasts or gets worse,
and when better values of it came in.

Flapping is damped here, for every rule: an alert that came back is closed only after it stayed away for some
time, and nothing is published of its coming and going in between.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Text, alert_id
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import withdrawn
from rules.engine.incidents.excuses import note_excused
from rules.engine.incidents.incident import (
    MERGE_WITHIN_M,
    MERGE_WITHIN_MS,
    HeldClosing,
    Incident,
    RuleIncidents,
    apart_m,
    change_of,
)

NOTIFY_EVERY_MS: Final = 30 * 60_000
STAYS_AWAY_MS: Final = 10 * 60_000
"""After each return of an alert its closing waits so much longer, up to `NOTIFY_EVERY_MS`: one return is common, and an
alert that comes and goes for hours then costs no more messages than one that stays."""
REVISE_EVERY_MS: Final = 2 * 60_000
"""Better values of an incident come no sooner after the last change: a tip takes one or two minutes, so that its last
weight is one revision and not ten."""
MAX_ONSETS: Final = 32
"""Merged incidents remembered of one alert: a flapping one must not fill the rows."""
KEPT_PAST: Final = 16
"""Ended incidents remembered per subject, rule and part, for merging and retraction."""

_NO_TITLE: Final = Text(en="", zh="")
_NO_EVIDENCE: Final = Evidence(parameters={})


@dataclass(slots=True)
class DeviceIncidents:
    """Incidents of one subject, by `rule|subject|part`."""

    cases: dict[str, RuleIncidents] = field(default_factory=dict)
    run: int = 0
    """Run of the device's readings: one more each time its clock stepped back."""
    waits: int = 0
    """Earliest `Folding.due`; 0 while nothing waits."""
    has_excuses: bool = False
    """One of them is excused, or was."""

    def all(self, rule: str = "") -> list[Incident]:
        """Every incident that is remembered, of one rule if it is named."""
        cases = [case for key, case in self.cases.items() if not rule or key.startswith(f"{rule}|")]
        return [one for case in cases for one in (*case.past, case.running) if one is not None]

    def take(self, rule: str, rule_version: int, verdict: Verdict) -> list[AlertChange]:
        """Take a verdict and return the alert changes it leads to; most of the time none."""
        key = f"{rule}|{verdict.subject}|{verdict.part}"
        case = self.cases.get(key)
        if case is None:
            if verdict.level not in OPENING:
                return []
            case = self.cases[key] = RuleIncidents(run=self.run)
        changes = _release(case, rule, verdict.at - 1)
        if _is_elsewhere(case.running, verdict):
            changes += _release(case, rule, None)
        changed = _step(case, rule, rule_version, verdict)
        if verdict.excused and case.running is not None and verdict.onset in case.running.onsets:
            note_excused(case.running, verdict.onset)
        if changed is not None:
            published = changed.published or verdict
            changes.append(_publish(changed.incident, rule, rule_version, published, revised=changed.revised))
        return changes

    def with_onset(self, rule: str, verdict: Verdict) -> Incident | None:
        """The incident that this verdict's onset began or was merged into, if it is remembered."""
        case = self.cases.get(f"{rule}|{verdict.subject}|{verdict.part}")
        if case is None:
            return None
        running = [case.running] if case.running is not None else []
        return next((found for found in running + case.past if verdict.onset in found.onsets), None)

    def begins(self, rule: str, verdict: Verdict) -> bool:
        """True if this verdict would open an alert of its own: it belongs to none that runs, and continues none."""
        case = self.cases.get(f"{rule}|{verdict.subject}|{verdict.part}")
        return case is None or (case.running is None and not _continues(case, verdict))

    def begin_run(self, run: int, versions: Mapping[str, int], until: int, reason: Text) -> list[AlertChange]:
        """End the incidents of these rules (name: version), at `until`, device time in ms, where one is running."""
        changes: list[AlertChange] = []
        self.run = run
        for key, case in self.cases.items():
            rule = key.partition("|")[0]
            if rule in versions:
                changes += _end(key, case, versions[rule], until, reason)
                case.running, case.past, case.run = None, [], run
        return changes

    def has_any(self, rules: Container[str]) -> bool:
        """True if it remembers an incident of one of these rules."""
        return any(key.partition("|")[0] in rules for key in self.cases)

    def drop(self, versions: Mapping[str, int], until: int, reason: Text) -> list[AlertChange]:
        """End the incidents of these rules likewise, and forget them."""
        changes: list[AlertChange] = []
        for key in [key for key in self.cases if key.partition("|")[0] in versions]:
            changes += _end(key, self.cases.pop(key), versions[key.partition("|")[0]], until, reason)
        return changes

    def due(self, rule: str, verdict: Verdict) -> int | None:
        """Device time, ms, at which the closing that this verdict asked for is published; None if none is held."""
        case = self.cases.get(f"{rule}|{verdict.subject}|{verdict.part}")
        closing = case.running.closing if case is not None and case.running is not None else None
        return None if closing is None else closing.due

    def all_due(self) -> list[int]:
        """When closings that are held are published."""
        running = [case.running for case in self.cases.values() if case.running is not None]
        return [incident.closing.due for incident in running if incident.closing is not None]

    def release(self, until: int) -> list[AlertChange]:
        """Publish the closings that are due at `until`, device time in ms."""
        changes: list[AlertChange] = []
        for key, case in self.cases.items():
            changes += _release(case, key.partition("|")[0], until)
        return changes


OPENING: Final = frozenset({Level.SUSPECTED, Level.CONFIRMED})
"""Levels that open an incident where there is none."""


class _Changed(NamedTuple):
    """An incident of which people must be notified."""

    incident: Incident
    revised: bool = False
    """Nothing happened: better values of the same incident came in."""
    published: Verdict | None = None
    """What is published in place of the verdict."""


def _step(case: RuleIncidents, rule: str, rule_version: int, verdict: Verdict) -> _Changed | None:
    """Apply a verdict; return the incident of which people must be notified, or None."""
    match verdict.level:
        case Level.SUSPECTED | Level.CONFIRMED:
            return _assert(case, rule, verdict)
        case Level.CLEAR:
            return _close(case, rule_version, verdict)
        case Level.LEFT_OPEN:
            return _leave_to_people(case, verdict)
        case Level.RETRACTED:
            return _retract(case, verdict)
        case Level.CANDIDATE | Level.UNKNOWN | Level.EXCUSED | Level.STANDS:
            return None


def _assert(case: RuleIncidents, rule: str, verdict: Verdict) -> _Changed | None:
    phase = Phase.CONFIRMED if verdict.level is Level.CONFIRMED else Phase.PROVISIONAL
    if case.running is None:
        case.running = _continued(case, verdict)
    incident = case.running
    if incident is None or incident.closed_at is not None:
        incident = case.running = _reopened(incident) if incident is not None else _opened(rule, verdict, case.run)
        incident.phase = phase
        incident.severity = min(incident.severity, verdict.severity)
        return _Changed(incident)
    if incident.closing is not None:
        incident.closing = None
        incident.returns += 1
        _add_onset(incident, verdict.onset)
    since_told_ms = verdict.at - incident.told_at
    confirmed_now = phase is Phase.CONFIRMED and incident.phase is Phase.PROVISIONAL
    worse = verdict.severity < incident.severity
    another = not incident.returns and incident.told_onset not in {None, verdict.onset}
    lasts = since_told_ms >= (MERGE_WITHIN_MS if another else NOTIFY_EVERY_MS) and not verdict.notified_once
    if confirmed_now or worse or lasts:
        if confirmed_now:
            incident.phase = Phase.CONFIRMED
        incident.severity = min(incident.severity, verdict.severity)
        return _Changed(incident)
    if _is_better(incident, verdict) and since_told_ms >= REVISE_EVERY_MS:
        return _Changed(incident, revised=True)
    return None


def _close(case: RuleIncidents, rule_version: int, verdict: Verdict) -> _Changed | None:
    incident = case.running
    if incident is None:
        if verdict.over and case.past and verdict.onset in case.past[-1].onsets:
            case.past[-1].over = True
        return None
    if incident.closing is not None and not verdict.over:
        return None
    if incident.returns and not verdict.over:
        wait_ms = min(incident.returns * STAYS_AWAY_MS, NOTIFY_EVERY_MS)
        incident.closing = HeldClosing(verdict.at + wait_ms, rule_version, verdict)
        return None
    closed_at = verdict.at if incident.closing is None else incident.closing.verdict.at
    incident.phase, incident.closed_at, incident.over, incident.closing = Phase.CLOSED, closed_at, verdict.over, None
    _remember(case, incident, closed_at)
    return _Changed(incident)


def _end(key: str, case: RuleIncidents, rule_version: int, until: int, reason: Text) -> list[AlertChange]:
    """End the incident that is running, if there is one, whatever the rule's verdicts were."""
    rule, subject, _ = key.split("|", 2)
    changes = _release(case, rule, None)
    incident = case.running
    if incident is not None and incident.closed_at is None:
        at, found = max(until, incident.told_at), (*incident.evidence.findings, reason)
        evidence = incident.evidence.model_copy(update={"findings": found})
        end = Verdict(subject, Level.CLEAR, at, incident.onsets[-1], evidence=evidence, over=True)
        _close(case, rule_version, end)
        changes.append(_publish(incident, rule, rule_version, end))
    return changes


def _release(case: RuleIncidents, rule: str, until: int | None) -> list[AlertChange]:
    """Publish the closing that is held, if it is due at `until`; at once where that is None."""
    incident = case.running
    if incident is None or incident.closing is None or (until is not None and incident.closing.due > until):
        return []
    closing, incident.closing = incident.closing, None
    verdict = closing.verdict
    incident.phase, incident.closed_at = Phase.CLOSED, verdict.at
    _remember(case, incident, verdict.at)
    at = verdict.at if until is None else closing.due
    return [_publish(incident, rule, closing.rule_version, replace(verdict, at=at))]


def _is_elsewhere(incident: Incident | None, verdict: Verdict) -> bool:
    """True if this begins too far from the incident, whose closing is held, to continue it."""
    if incident is None or incident.closing is None or verdict.level not in OPENING:
        return False
    return apart_m(incident, verdict.place) > MERGE_WITHIN_M


def _leave_to_people(case: RuleIncidents, verdict: Verdict) -> _Changed | None:
    incident = case.running
    if incident is None:
        return None
    incident.closing = None
    _remember(case, incident, verdict.at)
    return _Changed(incident, revised=True) if _is_better(incident, verdict) else None


def _is_better(incident: Incident, verdict: Verdict) -> bool:
    """True if the verdict rests on more than the last change of the incident."""
    return bool(verdict.basis) and bool(incident.basis) and verdict.basis != incident.basis


def _retract(case: RuleIncidents, verdict: Verdict) -> _Changed | None:
    """An alert of merged incidents stands until every one is retracted; it closes when the one that goes on is."""
    running = [case.running] if case.running is not None else []
    incident = next((found for found in running + case.past if verdict.onset in found.onsets), None)
    if incident is None:
        return None
    incident.onsets.remove(verdict.onset)
    if incident.onsets:
        return _close_without(case, incident, verdict)
    incident.phase, incident.amendment = Phase.AMENDED, Amendment.RETRACTED
    incident.retracted_in_order = not verdict.beside_order
    incident.closed_at = verdict.at if incident.closed_at is None else incident.closed_at
    incident.closing = None
    if incident is case.running:
        _remember(case, incident, verdict.at)
    return _Changed(incident)


def _close_without(case: RuleIncidents, incident: Incident, retracted: Verdict) -> _Changed | None:
    """Close an alert whose incidents before the retracted one are over: nothing else would."""
    last = max(incident.onsets)
    if incident is not case.running or incident.closed_at is not None or incident.closing or last > retracted.onset:
        return None
    incident.phase, incident.closed_at = Phase.CLOSED, retracted.at
    _remember(case, incident, retracted.at)
    reasons = retracted.evidence.findings if retracted.evidence is not None else ()
    evidence = incident.evidence.model_copy(update={"findings": (*incident.evidence.findings, *reasons)})
    end = Verdict(retracted.subject, Level.CLEAR, retracted.at, last, evidence=evidence)
    return _Changed(incident, published=end)


def _opened(rule: str, verdict: Verdict, run: int) -> Incident:
    subject = f"{verdict.subject}/{verdict.part}" if verdict.part else verdict.subject
    if run:  # device times of an earlier run may come again
        subject = f"{subject}#{run}"
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


def _continues(case: RuleIncidents, verdict: Verdict) -> bool:
    """True if the last incident ended so near in time and place that this one continues it."""
    last = case.past[-1] if case.past else None
    if last is None or last.ended_at is None or (last.over and verdict.onset not in last.onsets):
        return False
    if last.amendment is Amendment.RETRACTED and verdict.onset != last.opened_at:
        return False
    return verdict.onset - last.ended_at <= MERGE_WITHIN_MS and apart_m(last, verdict.place) <= MERGE_WITHIN_M


def _continued(case: RuleIncidents, verdict: Verdict) -> Incident | None:
    """The last incident, if this one continues it."""
    if not _continues(case, verdict):
        return None
    last = case.past.pop()
    last.ended_at = None
    _add_onset(last, verdict.onset)
    return last


def _add_onset(incident: Incident, onset: int) -> None:
    if onset not in incident.onsets:
        incident.onsets = [*incident.onsets[1 - MAX_ONSETS :], onset]


def _reopened(incident: Incident) -> Incident:
    incident.closed_at = incident.amendment = None
    incident.over = False
    incident.returns += 1
    return incident


def _remember(case: RuleIncidents, incident: Incident, ended_at: int) -> None:
    incident.ended_at = ended_at
    case.running = None
    for past in case.past:
        past.evidence = _NO_EVIDENCE  # the journal has it, and it would fill the rows
    case.past = [*case.past[1 - KEPT_PAST :], incident]


def _publish(
    incident: Incident, rule: str, rule_version: int, verdict: Verdict, *, revised: bool = False
) -> AlertChange:
    incident.revision += 1
    incident.told_at = verdict.at
    incident.told_onset = verdict.onset
    incident.basis = verdict.basis or incident.basis
    if verdict.title is not None:
        incident.title = verdict.title
    elif verdict.level is Level.RETRACTED:
        incident.title = withdrawn(incident.title)
    incident.evidence = verdict.evidence or incident.evidence
    change = change_of(incident, rule, rule_version, verdict.subject, verdict.at)
    return change.model_copy(update={"onset": verdict.onset, "revised": revised})
