"""The second stage of judgement: verdicts on devices in, alert changes out.

    take     verdict → (held until fleet time has passed → compared) → incidents → limit of each device → alert changes

It does not know readings. A verdict of a rule that compares devices waits until fleet time is
`rules.engine.reorder_buffer.HOLD_MS` past it; these verdicts are then compared in one order over all devices, whatever
order they came in. The first stage (`rules.engine.device_judge`) hands on fleet time with its verdicts. The state of
this stage: the held verdicts, the memories of the rules that compare devices, and the incidents of every subject. It
needs the verdicts of all partitions.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from typing import Any

from devices.city.model import City
from rules.alerts.limit import AlertLimit, SubjectAlerts
from rules.alerts.model import AlertChange
from rules.contract.rule import ExcusingRule, FleetRule
from rules.contract.rule_choice import RuleChoice
from rules.contract.verdicts import HeldVerdict, Level, RuleVerdict, Verdict
from rules.contract.wording import clock_stepped, correction_changed, switched_off
from rules.engine.failures import RuleFailures
from rules.engine.incidents import folding
from rules.engine.incidents.machine import OPENING, DeviceIncidents
from rules.engine.late.amendments import Amending, IncidentsAtGap, KeptIncidents, copied
from rules.engine.late.late_verdicts import GapPassed, GapsKept, Judged, JudgedAgain, RunBegun
from rules.engine.reorder_buffer import HOLD_MS


class FleetJudge:
    """Compares devices and keeps incidents. One thread; deterministic."""

    def __init__(
        self,
        city: City,
        choice: RuleChoice,
        failures: RuleFailures,
        before_change: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`failures`: verdicts on which a rule raised, by rule name, counted here. `before_change`: called with a
        subject whose incidents are about to change for the first time since `saved`.
        """
        rules = choice.rules
        self._city, self._rule_set = city, choice.version
        self._all_versions = {rule.name: rule.version for rule in rules}
        self._ordered = {rule.name: rule.version for rule in rules if rule.ordered}
        self._versions = {rule.name: rule.version for rule in rules if not rule.spans_runs}
        """Of the rules whose incidents end with a run."""
        self._rules = {rule.name: rule for rule in rules if isinstance(rule, FleetRule)}
        self._excusing = [rule for rule in rules if isinstance(rule, ExcusingRule)]
        self._failures, self._before_change = failures, before_change
        self.memories: dict[str, Any] = {name: rule.memory() for name, rule in self._rules.items()}
        """By rule name."""
        self.held: list[HeldVerdict] = []
        """A heap."""
        self.serial = 0
        """Number of the verdict held last."""
        self._incidents: dict[str, DeviceIncidents] = {}
        self._closings: list[tuple[int, str]] = []
        """A heap: when closings that incidents hold back are due, device time in ms, and of which subject."""
        self._kept: dict[str, KeptIncidents] = {}
        self._now = 0
        """Fleet time, ms."""
        self.limit = AlertLimit()
        self.changed: set[str] = set()
        """Subjects whose incidents changed since `saved`."""

    def replace_city(self, city: City) -> None:
        """Compare by another revision of the city from the next verdict on."""
        self._city = city

    def take(self, verdicts: Sequence[Judged], fleet_time: int) -> list[AlertChange]:
        """Take verdicts of the first stage, in its order, and return what they and the new fleet time (ms) change."""
        changes = self._changes(verdicts, fleet_time)
        return self._published(changes, fleet_time) if changes else changes

    def end_rules_off(self, off: Callable[[str], Collection[str]], fleet_time: int) -> list[AlertChange]:
        """End the incidents of rules that are off for their subject, as `off` names them, at fleet time, ms."""
        changes: list[AlertChange] = []
        off_for: dict[str, set[str]] = {}
        for subject in {*self._incidents, *self._kept, *(held.subject for held in self.held)}:
            off_for[subject] = set(off(subject))
        self.held = [held for held in self.held if held.rule not in off_for[held.subject]]
        heapify(self.held)
        for subject, names in sorted(off_for.items()):
            versions = {name: self._all_versions[name] for name in sorted(names)}
            incidents, kept = self._incidents.get(subject), self._kept.get(subject)
            if incidents is not None and incidents.has_any(versions):
                self.change(subject)
                changes += folding.drop(incidents, versions, fleet_time, switched_off(self._rule_set))
            if kept is not None and kept.drop(versions):
                self.change(subject)
        return self._published(changes, fleet_time)

    def _published(self, changes: Sequence[AlertChange], fleet_time: int) -> list[AlertChange]:
        """The changes within the limits of their subjects, with the number of the rule set that they were made by."""
        published = self.limit.published(changes, fleet_time)
        return [change.model_copy(update={"rule_set": self._rule_set}) for change in published]

    def _changes(self, verdicts: Sequence[Judged], fleet_time: int) -> list[AlertChange]:
        changes: list[AlertChange] = []
        self._now, complete_until = fleet_time, fleet_time - HOLD_MS
        for judged in verdicts:
            if isinstance(judged, RuleVerdict):
                if judged.rule in self._rules:
                    at_once = self._published_at_once(judged, self._incidents.get(judged.verdict.subject))
                    changes += self._counted_on(judged.verdict.subject, at_once)
                    self._hold(judged)
                else:
                    self._update_incidents(judged.rule, judged.rule_version, judged.verdict, changes)
            elif isinstance(judged, GapsKept):
                self._keep_gaps(judged)
            elif isinstance(judged, RunBegun):
                self._begin_run(judged, changes)
            else:
                self._amend(judged, complete_until, changes)
        while self.held and self.held[0].at <= complete_until:
            self._compare(heappop(self.held), changes)
        while self._closings and self._closings[0][0] <= complete_until:
            due, subject = heappop(self._closings)
            self.change(subject)
            incidents = self._incidents.get(subject)
            changes += folding.release(incidents, due) if incidents is not None else []
        return changes

    def _published_at_once(self, judged: RuleVerdict, incidents: DeviceIncidents | None) -> list[AlertChange]:
        """Publish a new incident before its verdict is compared, where the rule wants that.

        Only that has nothing to do with earlier incidents, and while nothing of its device waits but candidates,
        which are not published: then what becomes of it is the same as if it had waited too, whatever order the
        readings of the fleet arrived in.
        """
        name, version, verdict = judged
        if verdict.level not in OPENING or (incidents is not None and not incidents.begins(name, verdict)):
            return []
        waits = any(
            (one.rule, one.subject, one.part) == (name, verdict.subject, verdict.part)
            and one.verdict.level is not Level.CANDIDATE
            for one in self.held
        )
        if waits or not self._publishes_at_once(self._rules[name], verdict):
            return []
        self.change(verdict.subject)
        if incidents is None:
            incidents = self._incidents[verdict.subject] = DeviceIncidents()
        return folding.take(incidents, name, version, verdict, self._now)

    def _hold(self, judged: RuleVerdict) -> None:
        rule, _, verdict = judged
        self.serial += 1
        heappush(self.held, HeldVerdict(verdict.at, rule, verdict.subject, verdict.part, self.serial, verdict))

    def change(self, subject: str) -> None:
        """Note that the incidents of a subject change, now or at its gaps; called before they do."""
        if subject not in self.changed:
            self._before_change(subject)
            self.changed.add(subject)

    def saved(self) -> None:
        """Note that all changes are written, or will be."""
        self.changed = set()

    @property
    def subjects(self) -> Collection[str]:
        """Those with incidents, now or at a gap."""
        return {*self._incidents, *self._kept}

    def incidents_of(self, subject: str) -> DeviceIncidents | None:
        return self._incidents.get(subject)

    def kept_of(self, subject: str) -> KeptIncidents | None:
        return self._kept.get(subject)

    def restore(
        self,
        held: Sequence[HeldVerdict],
        serial: int,
        memories: Mapping[str, Any],
        incidents: Mapping[str, DeviceIncidents],
        kept: Mapping[str, KeptIncidents],
        limited: dict[str, SubjectAlerts],
    ) -> None:
        """Go on from this state. A rule without a memory begins with an empty one."""
        self.memories |= memories
        self.serial = serial
        self.limit.subjects = limited
        self.held = [verdict for verdict in held if verdict.rule in self._rules]
        heapify(self.held)
        self._incidents, self._kept = dict(incidents), dict(kept)
        self._closings = [(due, subject) for subject, found in incidents.items() for due in folding.all_due(found)]
        heapify(self._closings)

    def _is_ordered(self, rule: str) -> bool:
        return rule in self._ordered

    def _keep_gaps(self, gaps: GapsKept) -> None:
        """Keep the incidents as they are now for a new gap, if there are any, and forget those of former gaps."""
        subject, kept = gaps.subject, self._kept.get(gaps.subject)
        kept_starts = {gap.start for gap in kept.gaps} if kept is not None else set()
        if gaps.starts and gaps.starts[-1] not in kept_starts and gaps.is_new:
            at_gap = self._incidents_at(gaps.starts[-1], subject, self._incidents.get(subject))
            if at_gap is not None:
                self.change(subject)
                if kept is None:
                    kept = self._kept[subject] = KeptIncidents()
                kept.replace(gaps.starts[-1], at_gap)
        if kept is not None:
            self.change(subject)
            kept.keep_only(gaps.starts)
            if not gaps.starts:
                del self._kept[subject]

    def _begin_run(self, begun: RunBegun, changes: list[AlertChange]) -> None:
        """End the incidents of a device whose time went elsewhere; none that follows continues them."""
        self.change(begun.subject)
        waiting = sorted(one for one in self.held if one.subject == begun.subject)
        self.held = [one for one in self.held if one.subject != begun.subject]
        heapify(self.held)
        for held in waiting:
            self._compare(held, changes)
        self._kept.pop(begun.subject, None)
        for rule in self._excusing:
            rule.end_run(begun.subject, self.memories[rule.name])
        incidents = self._incidents.setdefault(begun.subject, DeviceIncidents())
        why = correction_changed(begun.stepped_ms) if begun.corrected else clock_stepped(begun.stepped_ms)
        changes += folding.begin_run(incidents, begun.run, self._versions, begun.until, why)

    def _incidents_at(self, start: int, subject: str, incidents: DeviceIncidents | None) -> IncidentsAtGap | None:
        """The incidents of ordered rules now, with the verdicts up to a gap that wait; None where there is neither."""
        own = copied(incidents, self._is_ordered) if incidents is not None else DeviceIncidents()
        held = sorted(
            one for one in self.held if one.at <= start and one.subject == subject and one.rule in self._ordered
        )
        return IncidentsAtGap(start, own, held) if own.cases or held else None

    def _amend(self, again: JudgedAgain, complete_until: int, changes: list[AlertChange]) -> None:
        """Let the verdicts of the second judgement replace those since the gap; publish what that changes."""
        subject = again.subject
        self.change(subject)
        kept = self._kept.get(subject, KeptIncidents())
        changed = self._forget_since(again)
        current = self._incidents.get(subject, DeviceIncidents())
        second, published = DeviceIncidents(run=current.run), list[AlertChange]()
        at_gap = kept.at(again.start)
        if at_gap is not None:
            second = copied(at_gap.incidents, self._is_ordered)
            for held in at_gap.held:
                self._compare_again(held.rule, held.verdict, second, published, changes, changed)
        for judged in again.verdicts:
            if isinstance(judged, GapPassed):
                kept.replace(judged.start, self._incidents_at(judged.start, subject, second))
            elif judged.rule not in self._rules:
                published += folding.take(second, judged.rule, judged.rule_version, judged.verdict, judged.verdict.at)
            elif judged.verdict.at > complete_until:
                published += self._published_at_once(judged, second)
                self._hold(judged)
            else:
                self._compare_again(judged.rule, judged.verdict, second, published, changes, changed)
        published += self._excuse_again(again, changed, second, changes)
        published += folding.release(second, complete_until)
        amending = Amending(subject, again.newest, published)
        amending.amend(current, second, kept, self._ordered)
        changes += amending.changes
        if current.cases:
            self._incidents[subject] = current
            for due in folding.all_due(current):
                heappush(self._closings, (due, subject))
        if kept.gaps or kept.retracted:
            self._kept[subject] = kept

    def _forget_since(self, again: JudgedAgain) -> dict[str, list[Any]]:
        """Forget the verdicts since the gap; return what changes by that in the memories of rules that excuse."""
        subject, start = again.subject, again.start
        self.held = [
            one for one in self.held if one.subject != subject or one.at <= start or one.rule not in self._ordered
        ]
        heapify(self.held)
        return {rule.name: [*rule.forget_since(subject, start, self.memories[rule.name])] for rule in self._excusing}

    def _compare_again(
        self,
        rule_name: str,
        verdict: Verdict,
        second: DeviceIncidents,
        published: list[AlertChange],
        changes: list[AlertChange],
        changed: dict[str, list[Any]],
    ) -> None:
        """Compare a verdict that comes late with what is remembered of the fleet now; of rules that excuse, note what
        is `changed`, by rule name, for when all verdicts of the device are known.
        """
        rule = self._rules[rule_name]
        if isinstance(rule, ExcusingRule):
            changed[rule_name] += self._noted(rule, verdict)
            published += folding.take(second, rule.name, rule.version, verdict, verdict.at)
            return
        for outcome in self._compared(rule, verdict):
            if outcome.subject == verdict.subject:
                published += folding.take(second, rule.name, rule.version, outcome, outcome.at)
            else:
                self._update_incidents(rule.name, rule.version, outcome, changes)

    def _excuse_again(
        self,
        again: JudgedAgain,
        changed: Mapping[str, Sequence[Any]],
        second: DeviceIncidents,
        changes: list[AlertChange],
    ) -> list[AlertChange]:
        """Decide anew what this device and others did explains; return what that changes about the device itself."""
        published = list[AlertChange]()
        for rule in self._excusing:
            memory, found = self.memories[rule.name], changed[rule.name]
            try:
                decided = list(rule.settle(found, again.newest, memory)) if found else []
                of_device = list(rule.excuses_of(again.subject, again.newest, memory))
            except Exception as exc:  # noqa: BLE001 - a rule's bug must not stop the others
                self._failures.note(rule.name, exc)
                self.memories[rule.name] = rule.memory()
                continue
            for verdict in decided:
                if verdict.subject != again.subject:
                    self._update_incidents(rule.name, rule.version, verdict, changes)
            for verdict in of_device:
                published += folding.take(second, rule.name, rule.version, verdict, verdict.at)
        return published

    def _noted(self, rule: ExcusingRule[Any, Any], verdict: Verdict) -> Sequence[Any]:
        try:
            return rule.note(verdict, self.memories[rule.name])
        except Exception as exc:  # noqa: BLE001 - a rule's bug must not stop the others
            self._failures.note(rule.name, exc)
            self.memories[rule.name] = rule.memory()
            return ()

    def _compare(self, held: HeldVerdict, changes: list[AlertChange]) -> None:
        rule = self._rules[held.rule]
        for verdict in self._compared(rule, held.verdict):
            self._update_incidents(rule.name, rule.version, verdict, changes)

    def _publishes_at_once(self, rule: FleetRule[Any, Any], verdict: Verdict) -> bool:
        try:
            return rule.publishes_at_once(verdict, self.memories[rule.name])
        except Exception as exc:  # noqa: BLE001 - a rule's bug must not stop the others
            self._failures.note(rule.name, exc)
            return False

    def _compared(self, rule: FleetRule[Any, Any], verdict: Verdict) -> tuple[Verdict, ...]:
        try:
            outcomes = rule.compare(verdict, self.memories[rule.name], self._city)
            return tuple(one if one is verdict else replace(one, beside_order=True) for one in outcomes)
        except Exception as exc:  # noqa: BLE001 - a rule's bug must not stop the others
            self._failures.note(rule.name, exc)
            self.memories[rule.name] = rule.memory()
            return ()

    def _update_incidents(self, rule: str, rule_version: int, verdict: Verdict, changes: list[AlertChange]) -> None:
        incidents = self._incidents.get(verdict.subject)
        if incidents is None and verdict.level not in OPENING:
            return
        self.change(verdict.subject)
        if incidents is None:
            incidents = self._incidents[verdict.subject] = DeviceIncidents()
        changes += self._counted_on(verdict.subject, folding.take(incidents, rule, rule_version, verdict, self._now))
        if verdict.level is Level.CLEAR and (due := incidents.due(rule, verdict)) is not None:
            heappush(self._closings, (due, verdict.subject))
        if verdict.folds_into and incidents.waits:
            for due in folding.all_due(incidents):
                heappush(self._closings, (due, verdict.subject))

    def _counted_on(self, subject: str, changes: list[AlertChange]) -> list[AlertChange]:
        """The changes; an alert that late readings had retracted, and that comes again, counts on from there."""
        kept = self._kept.get(subject)
        if not changes or kept is None or not kept.retracted:
            return changes
        come_again = {change.alert_id for change in changes if change.alert_id in kept.retracted}
        counts = {alert_id: kept.retracted.pop(alert_id).revision for alert_id in sorted(come_again)}
        for incident in self._incidents[subject].all():
            incident.revision += counts.get(incident.alert_id, 0)
        return [
            change.model_copy(update={"revision": change.revision + counts.get(change.alert_id, 0)})
            for change in changes
        ]
