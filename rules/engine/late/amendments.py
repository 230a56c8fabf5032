"""Amendments: what changes about alerts once readings that came late were judged in their place.

The incidents as they were at a gap take the new verdicts, silently. Then the incidents that this leads to are compared
with those that people were notified of, and the difference is published: the one place where that is done.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Text
from rules.contract.verdicts import HeldVerdict
from rules.contract.wording import withdrawn
from rules.engine.incidents import excuses, folding
from rules.engine.incidents.incident import Incident, RuleIncidents, change_of, is_part, is_silent
from rules.engine.incidents.machine import KEPT_PAST, DeviceIncidents

LATER_READINGS: Final = Text(
    en="Readings that came late, judged in their place, do not bear this out",
    zh="补传数据按实际时间重新判定后，该情况不成立",
)
"""The reason to retract."""
STANDS_AGAIN: Final = Text(
    en="Readings that came late, judged in their place, show that it was withdrawn wrongly",
    zh="补传数据按实际时间重新判定后，此前的撤回不成立",
)
"""The reason to take a retraction back."""


@dataclass(slots=True)
class IncidentsAtGap:
    """The incidents of one subject when a gap in its readings began. Rows on disk hold it by these field names."""

    start: int
    """Device time, ms (`late_readings.Gap.start`)."""
    incidents: DeviceIncidents
    """Of the ordered rules."""
    held: list[HeldVerdict] = field(default_factory=list)
    """Verdicts up to the gap that had not been compared yet."""


@dataclass(slots=True)
class KeptIncidents:
    """What one subject's alerts are amended from. Rows on disk hold it by these field names."""

    gaps: list[IncidentsAtGap] = field(default_factory=list)
    """Gaps at which there was an incident."""
    retracted: dict[str, Incident] = field(default_factory=dict)
    """Alerts retracted by late readings, by id: they may prove right by still later ones."""

    def at(self, start: int) -> IncidentsAtGap | None:
        return next((gap for gap in self.gaps if gap.start == start), None)

    def drop(self, rules: Container[str]) -> bool:
        """Forget the incidents of these rules; False if there were none."""
        found = False
        for gap in self.gaps:
            cases = {key: case for key, case in gap.incidents.cases.items() if _rule_of(key) not in rules}
            held = [one for one in gap.held if one.rule not in rules]
            found |= len(cases) < len(gap.incidents.cases) or len(held) < len(gap.held)
            gap.incidents.cases, gap.held = cases, held
        return found

    def keep_only(self, starts: Iterable[int]) -> None:
        kept = set(starts)
        self.gaps = [gap for gap in self.gaps if gap.start in kept]

    def replace(self, start: int, gap: IncidentsAtGap | None) -> None:
        others = [other for other in self.gaps if other.start != start]
        self.gaps = sorted([*others, gap], key=lambda at: at.start) if gap is not None else others


def copied(incidents: DeviceIncidents, is_ordered: Callable[[str], bool]) -> DeviceIncidents:
    """A copy of the incidents of ordered rules, which changes of the original do not reach."""
    return DeviceIncidents(
        {
            key: replace(case, running=_copied(case.running), past=[_copy_of(one) for one in case.past])
            for key, case in incidents.cases.items()
            if is_ordered(_rule_of(key))
        },
        incidents.run,
        incidents.waits,
        incidents.has_excuses,
    )


def _copied(incident: Incident | None) -> Incident | None:
    return None if incident is None else _copy_of(incident)


def _copy_of(incident: Incident) -> Incident:
    return replace(incident, onsets=[*incident.onsets], excused=[*incident.excused])


def _rule_of(key: str) -> str:
    return key.partition("|")[0]


class Amending:
    """Replaces the incidents of one subject by those of a second judgement."""

    def __init__(self, subject: str, newest: int, published: Sequence[AlertChange]) -> None:
        """`newest`: newest device time judged, ms. `published`: what the second judgement would have published."""
        self.subject, self.newest, self.published = subject, newest, published
        self.changes: list[AlertChange] = []
        """What is published."""
        self._rule, self._version = "", 0

    def amend(
        self,
        current: DeviceIncidents,
        second: DeviceIncidents,
        kept: KeptIncidents,
        ordered: dict[str, int],
    ) -> None:
        """Make `current` equal to `second` for the ordered rules (name: version), and note the difference."""
        keys = sorted(key for key in {*current.cases, *second.cases} if _rule_of(key) in ordered)
        for key in keys:
            before, after = current.cases.get(key, RuleIncidents()), second.cases.get(key, RuleIncidents())
            self._rule, self._version = _rule_of(key), ordered[_rule_of(key)]
            former_by_id = {incident.alert_id: incident for incident in _all(before)}
            for incident in _all(after):
                former = former_by_id.pop(incident.alert_id, None) or kept.retracted.pop(incident.alert_id, None)
                if former is None:
                    if not _forgotten(incident, before):
                        self._publish_new(incident)
                elif former.phase is Phase.AMENDED and not (former.retracted_in_order or self._steps(incident)):
                    _stay_retracted(former, incident, after)
                elif is_silent(former) or is_silent(incident):
                    self._fold(former, incident, second)
                else:
                    self._compare(former, incident)
            for incident in former_by_id.values():
                if not _forgotten(incident, after):
                    self._retract(incident)
                    kept.retracted[incident.alert_id] = incident
            current.cases[key] = after
        current.has_excuses |= second.has_excuses
        folding.note_waits(current)

    def _steps(self, incident: Incident) -> list[AlertChange]:
        """What the second judgement would have published about it."""
        return [change for change in self.published if change.alert_id == incident.alert_id]

    def _publish_new(self, incident: Incident) -> None:
        """An alert that nobody knew: as it stood while it was open, and its end if it has one."""
        incident.revision = 0
        if incident.phase is Phase.AMENDED or is_silent(incident):
            return
        incident.amendment = Amendment.NEW_LATE
        self._publish(incident, also_open=True)

    def _compare(self, former: Incident, incident: Incident) -> None:
        incident.revision = former.revision
        if _state(former) == _state(incident) or former.phase is incident.phase is Phase.AMENDED:
            incident.amendment, incident.closed_at = former.amendment, former.closed_at
            incident.told_at = max(former.told_at, incident.told_at)
            return
        if incident.phase is not Phase.AMENDED:
            incident.amendment = Amendment.EXTENDED if _is_more(former, incident) else Amendment.DOWNGRADED
            if former.amendment is Amendment.NEW_LATE:
                incident.amendment = Amendment.NEW_LATE
        was_told = former.phase is not Phase.PROVISIONAL and former.severity <= incident.severity
        self._publish(incident, also_open=not was_told, stands_again=former.phase is Phase.AMENDED)

    def _fold(self, former: Incident, incident: Incident, second: DeviceIncidents) -> None:
        """An alert that becomes a part of another one, or is excused, or is none of this any more."""
        incident.revision = former.revision
        was_silent = is_silent(former)
        if not is_silent(incident):
            stands_again = former.excuse is not None and former.revision > 0
            incident.amendment = Amendment.EXTENDED if stands_again else Amendment.NEW_LATE
            self._publish(incident, also_open=True, stands_again=stands_again)
        elif incident.excuse is not None and not is_part(incident):
            if not was_silent and former.phase is not Phase.AMENDED:
                self.changes.append(excuses.taken_back(incident, self._rule, self._version, self.subject, self.newest))
        elif not was_silent and incident.folding is not None and incident.folding.due:
            incident.folding = replace(incident.folding, due=0)  # people know it
            self._compare(former, incident)
        elif not was_silent and former.phase is not Phase.AMENDED:
            self.changes.append(folding.merging(incident, second, self._change(former), self.newest))

    def _publish(self, incident: Incident, *, also_open: bool, stands_again: bool = False) -> None:
        steps = self._steps(incident)
        opened = [change for change in steps if change.closed_at is None and change.phase is not Phase.AMENDED]
        confirmed = [change for change in opened if change.phase is Phase.CONFIRMED]
        chosen = [*(confirmed or opened)[-1:]] if also_open and incident.phase is not Phase.AMENDED else []
        last = steps[-1] if steps else self._change(incident)
        if last not in chosen:
            chosen.append(last)
        for change in chosen:
            incident.revision += 1
            update: dict[str, object] = {"revision": incident.revision, "amendment": incident.amendment}
            if stands_again:
                found = {"findings": (*change.evidence.findings, STANDS_AGAIN)}
                update["evidence"] = change.evidence.model_copy(update=found)
            self.changes.append(change.model_copy(update=update))

    def _retract(self, incident: Incident) -> None:
        if incident.amendment is Amendment.RETRACTED or not incident.revision or is_silent(incident):
            return
        incident.revision += 1
        incident.phase, incident.amendment, incident.retracted_in_order = Phase.AMENDED, Amendment.RETRACTED, True
        incident.closed_at = self.newest if incident.closed_at is None else incident.closed_at
        incident.ended_at = incident.ended_at or incident.closed_at
        incident.title = withdrawn(incident.title)
        incident.evidence = Evidence(parameters=incident.evidence.parameters, findings=(LATER_READINGS,))
        self.changes.append(self._change(incident))

    def _change(self, incident: Incident) -> AlertChange:
        return change_of(incident, self._rule, self._version, self.subject, self.newest)


def _stay_retracted(former: Incident, incident: Incident, case: RuleIncidents) -> None:
    """Keep the retraction of an alert from before the gap, which came of something else, such as a closed road."""
    incident.phase, incident.amendment, incident.onsets = former.phase, former.amendment, former.onsets
    incident.retracted_in_order = False
    incident.revision, incident.closed_at, incident.ended_at = former.revision, former.closed_at, former.ended_at
    if case.running is incident:
        case.running = None
        case.past = [*case.past[1 - KEPT_PAST :], incident]


def _all(case: RuleIncidents) -> list[Incident]:
    return [*case.past, case.running] if case.running is not None else list(case.past)


def _forgotten(incident: Incident, case: RuleIncidents) -> bool:
    """True if this case would not remember the incident any more."""
    return len(case.past) >= KEPT_PAST and incident.opened_at < case.past[0].opened_at


def _state(incident: Incident) -> tuple[Phase, str, bool]:
    return incident.phase, incident.severity, incident.closed_at is None


def _is_more(former: Incident, incident: Incident) -> bool:
    """True if the incident is graver, surer, or open again, or if it was none before."""
    if former.phase is Phase.AMENDED:
        return True
    if incident.severity != former.severity:
        return incident.severity < former.severity
    if incident.closed_at is None and former.closed_at is not None:
        return True
    return incident.phase is Phase.CONFIRMED and former.phase is Phase.PROVISIONAL
