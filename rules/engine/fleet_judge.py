"""The second stage of judgement: verdicts on devices in, alert changes out.

    take     verdict → (held until fleet time has passed → compared) → incidents → alert changes

It does not know readings. A verdict of a rule that compares devices waits until fleet time is
`rules.engine.reorder_buffer.HOLD_MS` past it; these verdicts are then compared in one order over all devices, whatever
order they came in. The first stage (`rules.engine.device_judge`) hands on fleet time with its verdicts. The state of
this stage: the held verdicts, the memories of the rules that compare devices, and the incidents of every subject. It
needs the verdicts of all partitions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from devices.city.model import City
from rules.alerts.model import AlertChange
from rules.contract.rule import FleetRule, Rule
from rules.contract.verdicts import HeldVerdict, Level, RuleVerdict, Verdict
from rules.engine.incidents import OPENING, DeviceIncidents
from rules.engine.reorder_buffer import HOLD_MS


class FleetJudge:
    """Compares devices and keeps incidents. One thread; deterministic."""

    def __init__(self, city: City, rules: Sequence[Rule[Any]], failures: Counter[str]) -> None:
        """`failures`: verdicts on which a rule raised, by rule name, counted here."""
        self._city = city
        self._rules = {rule.name: rule for rule in rules if isinstance(rule, FleetRule)}
        self._failures = failures
        self.memories: dict[str, Any] = {name: rule.memory() for name, rule in self._rules.items()}
        """By rule name."""
        self.held: list[HeldVerdict] = []
        """A heap."""
        self.serial = 0
        """Number of the verdict held last."""
        self._incidents: dict[str, DeviceIncidents] = {}
        self._closings: list[tuple[int, str]] = []
        """A heap: when closings that incidents hold back are due, device time in ms, and of which subject."""
        self.changed: set[str] = set()
        """Subjects whose incidents changed since `saved`."""

    def replace_city(self, city: City) -> None:
        """Compare by another revision of the city from the next verdict on."""
        self._city = city

    def take(self, verdicts: list[RuleVerdict], fleet_time: int) -> list[AlertChange]:
        """Take verdicts of the first stage, in its order, and return what they and the new fleet time (ms) change."""
        changes: list[AlertChange] = []
        for rule, rule_version, verdict in verdicts:
            if rule in self._rules:
                self.serial += 1
                heappush(self.held, HeldVerdict(verdict.at, rule, verdict.subject, verdict.part, self.serial, verdict))
            else:
                self._update_incidents(rule, rule_version, verdict, changes)
        complete_until = fleet_time - HOLD_MS
        while self.held and self.held[0].at <= complete_until:
            self._compare(heappop(self.held), changes)
        while self._closings and self._closings[0][0] <= complete_until:
            due, subject = heappop(self._closings)
            self.changed.add(subject)
            incidents = self._incidents.get(subject)
            changes += incidents.release(due) if incidents is not None else []
        return changes

    def saved(self) -> None:
        """Note that all changes are written."""
        self.changed = set()

    def incidents_of(self, subject: str) -> DeviceIncidents | None:
        return self._incidents.get(subject)

    def restore(
        self,
        held: Sequence[HeldVerdict],
        serial: int,
        memories: Mapping[str, Any],
        incidents: Mapping[str, DeviceIncidents],
    ) -> None:
        """Go on from this state. A rule without a memory begins with an empty one."""
        self.memories |= memories
        self.serial = serial
        self.held = [verdict for verdict in held if verdict.rule in self._rules]
        heapify(self.held)
        self._incidents = dict(incidents)
        self._closings = [(due, subject) for subject, found in incidents.items() for due in found.all_due()]
        heapify(self._closings)

    def _compare(self, held: HeldVerdict, changes: list[AlertChange]) -> None:
        rule = self._rules[held.rule]
        try:
            verdicts = tuple(rule.compare(held.verdict, self.memories[rule.name], self._city))
        except Exception:  # noqa: BLE001 - a rule's bug must not stop the others
            self._failures[rule.name] += 1
            self.memories[rule.name] = rule.memory()
            return
        for verdict in verdicts:
            self._update_incidents(rule.name, rule.version, verdict, changes)

    def _update_incidents(self, rule: str, rule_version: int, verdict: Verdict, changes: list[AlertChange]) -> None:
        incidents = self._incidents.get(verdict.subject)
        if incidents is None:
            if verdict.level not in OPENING:
                return
            incidents = self._incidents[verdict.subject] = DeviceIncidents()
        self.changed.add(verdict.subject)
        changes += incidents.take(rule, rule_version, verdict)
        if verdict.level is Level.CLEAR and (due := incidents.due(rule, verdict)) is not None:
            heappush(self._closings, (due, verdict.subject))
