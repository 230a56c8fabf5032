"""The rule engine of one process: readings in, alert changes out. No clock, no network, no log.

    judge    reading → device stage → verdicts → fleet stage → alert changes

`rules.engine.device_judge` judges each device by its own readings, in device time; `rules.engine.fleet_judge` compares
devices once fleet time has passed, and keeps the incidents. So the alerts are the same whatever order readings arrive
in, as long as none comes after one that is more than `WINDOW_MS` newer. Here both stages share one process and one
checkpoint: the state of a device and the incidents of the same id stand in one row.

With a log of several partitions each has an engine of the devices that are its `own`, which hands its verdicts on
(`hand_on`), and one engine without devices takes them (`take`): see `rules.engine.stages`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from devices.city.model import City, Device
from devices.readings.models import Fill, Reading
from rules.alerts.model import AlertChange
from rules.contract.rule import FleetRule, Rule
from rules.contract.rule_choice import RuleChoice, SameEverywhere
from rules.engine.device_judge import DeviceJudge
from rules.engine.device_state import DeviceState
from rules.engine.failures import RuleFailures
from rules.engine.fleet_judge import FleetJudge
from rules.engine.incidents.machine import DeviceIncidents
from rules.engine.late.amendments import KeptIncidents
from rules.engine.late.late_verdicts import Judged
from rules.engine.rows.unwritten import Row, UnwrittenRows
from rules.engine.snapshot import FleetRow, Rows, Unsaved
from rules.engine.stages.handed_on import HandedOn, subject_of
from rules.manifests.model import TruckManifest
from rules.tracking.emptyings import BinLevels, EmptyingSpan
from rules.tracking.manifest_book import ManifestBook
from rules.tracking.manifests import MovedManifests
from rules.tracking.registry import TRACKERS

AnyRule = Rule[Any]


class RuleEngine:
    """Judges accepted readings. One thread; deterministic; its state is written as rows."""

    def __init__(
        self, city: City, rules: Sequence[AnyRule] | RuleChoice, own: Callable[[str], bool] | None = None
    ) -> None:
        """`rules`: those of a rule set, or rules that are the same everywhere. `own`: whether a device is of this
        partition; verdicts on others are not this engine's to give. None: all devices are, and are compared here.
        """
        self._city, self._own = city, own
        self._choice = rules if isinstance(rules, RuleChoice) else SameEverywhere(rules)
        self._fleet_rules = [rule for rule in self._choice.rules if isinstance(rule, FleetRule)]
        self._rows = Rows(self._choice.rules, TRACKERS)
        self.failures = RuleFailures()
        """Readings on which a rule raised, by rule name. Its state of that device was reset; other rules went on."""
        self._begin_empty()

    def _begin_empty(self) -> None:
        self.failures = RuleFailures()
        self._unwritten: UnwrittenRows | None = None
        self._handed_on: list[HandedOn] = []
        self._devices = DeviceJudge(self._city, self._choice, TRACKERS, self.failures, self._before_change, self._own)
        self._fleet = FleetJudge(self._city, self._choice, self.failures, self._before_change)

    @property
    def city(self) -> City:
        """The city that readings are judged against."""
        return self._city

    @property
    def late(self) -> Counter[str]:
        """Readings that came too late to be put in order, by device."""
        return Counter({state.device_id: state.late for state in self._devices.states if state.late})

    @property
    def judged(self) -> Counter[str]:
        """Own readings of each device that were judged in order, each once."""
        return Counter({state.device_id: state.judged for state in self._devices.states if state.judged})

    @property
    def not_judged(self) -> dict[str, dict[str, int]]:
        """Own readings of each device that were not judged, by reason (`rules.engine.not_judged`)."""
        counts = {
            state.device_id: {reason: count for reason, count in state.not_judged.items() if count}
            for state in self._devices.states
            if state.not_judged
        }
        return {device_id: by_reason for device_id, by_reason in counts.items() if by_reason}

    @property
    def withheld(self) -> dict[str, int]:
        """Alert changes of each device beyond its limit (`rules.alerts.limit`), which were not published."""
        return self._fleet.limit.withheld()

    def changed_not_judged(self) -> dict[str, dict[str, int]]:
        """As `not_judged`, of the devices that changed since `saved`."""
        return {state.device_id: state.not_judged for state in self._devices.changed.values() if state.not_judged}

    def changed_emptyings(self) -> dict[str, list[EmptyingSpan]]:
        """Emptyings of the last day of the recycling points that changed since `saved`."""
        emptyings = {id_: _emptyings(device_state) for id_, device_state in self._devices.changed.items()}
        return {id_: spans for id_, spans in emptyings.items() if spans}

    def take_moved_manifests(self) -> list[TruckManifest]:
        """Manifests of the trucks on which any moved since the last call, as they are now; those that are not kept any
        more, as they were found last.
        """
        moved = self._devices.moved_manifests
        if not moved.devices:
            return []
        self._devices.moved_manifests, found = MovedManifests(), moved.forgotten
        states = [(device_id, self._devices.state_of(device_id)) for device_id in sorted(moved.devices)]
        kept = [one for device_id, state in states if state is not None for one in _manifests(device_id, state)]
        return list((found | {one.manifest.number: one for one in kept}).values())

    def manifests(self) -> list[TruckManifest]:
        """Every manifest that is kept."""
        return [one for state in self._devices.states for one in _manifests(state.device_id, state)]

    @property
    def changed(self) -> int:
        """Number of rows to be written."""
        return len(self._devices.changed) + len(self._fleet.changed.difference(self._devices.changed))

    def replace_city(self, city: City) -> None:
        """Judge against another revision of the city from the next reading on."""
        if self._unwritten is not None:
            self._unwritten.make_all()  # it concerns all devices
        self._city = city
        self._devices.replace_city(city)
        self._fleet.replace_city(city)

    def end_rules_off(self) -> list[AlertChange]:
        """End the alerts of rules that are off for their subject, and forget what they know of it; those that are on
        again begin as with a device that was never heard. After another city, and with other rules.
        """
        if self._unwritten is not None:
            self._unwritten.make_all()
        self._devices.settle_rules()
        own, now = self._own, self._devices.clock.now
        if own is None:
            return self._fleet.end_rules_off(self._devices.rules_off, now)
        off = {
            state.device_id: tuple(self._devices.rules_off(state.device_id))
            for state in self._devices.states
            if own(state.device_id)
        }
        self._handed_on.append(HandedOn(now, (), off, tuple(self._devices.rules_off(""))))
        return []

    def device(self, device_id: str) -> Device | None:
        """The device in the present city; a look-up that costs little for a device heard before."""
        return self._devices.device(device_id)

    @property
    def fleet_time(self) -> int:
        """ms; 0 before the first reading."""
        return self._devices.clock.now

    def receive(self, received_at: int) -> None:
        """Note the receive time, ms, of a record, before what is in it is judged."""
        self._devices.receive(received_at)

    def judge(self, reading: Reading) -> list[AlertChange]:
        """Take an accepted reading and return the alert changes it leads to."""
        verdicts = self._devices.judge(reading)
        return self._settle(verdicts)

    def judge_retained(self, reading: Reading) -> list[AlertChange]:
        """Take an accepted reading that the broker replayed with the retain bit: it proves no life."""
        verdicts = self._devices.judge_retained(reading)
        return self._settle(verdicts)

    def refuse(self, device_id: str) -> None:
        """Note a message of a registered device of which no reading was accepted."""
        self._devices.refuse(device_id)

    def refuse_time(self, device_id: str, ts: int) -> list[AlertChange]:
        """Note a reading of a registered device that is refused because of its device time, ms."""
        return self._settle(self._devices.refuse_time(device_id, ts))

    def takes_compartment(self, fill: Fill) -> bool:
        """False if its compartment is one more than a device may have: the recorder quarantines it."""
        return self._devices.takes_compartment(fill)

    def advance(self, quiet_ms: int) -> list[AlertChange]:
        """Pass `quiet_ms` in which no device was heard, and return the alert changes that only silence leads to."""
        verdicts = self._devices.advance(quiet_ms)
        return self._settle(verdicts)

    def _settle(self, verdicts: list[Judged]) -> list[AlertChange]:
        """What the verdicts change; nothing yet where another engine takes them."""
        own = self._own
        if own is None:
            return self._fleet.take(verdicts, self._devices.clock.now)
        if verdicts:
            kept = [judged for judged in verdicts if own(subject_of(judged))]
            if kept:
                self._handed_on.append(HandedOn(self._devices.clock.now, kept))
        return []

    def hand_on(self) -> list[HandedOn]:
        """Verdicts for the engine that compares devices, since the last call, in their order."""
        handed_on, self._handed_on = self._handed_on, []
        return handed_on

    @property
    def hands_on(self) -> bool:
        """Whether there are any."""
        return bool(self._handed_on)

    def take(self, handed_on: HandedOn, fleet_time: int) -> list[AlertChange]:
        """Take what the engine of a partition handed on. `fleet_time`: ms, up to which all partitions have come."""
        self._devices.clock.watermark.now = fleet_time
        changes: list[AlertChange] = []
        off = handed_on.off
        if off is not None:
            others = handed_on.off_of_others
            changes += self._fleet.end_rules_off(
                lambda subject: off.get(subject, () if subject in self._city.devices else others), fleet_time
            )
        return changes + self._fleet.take(handed_on.verdicts, fleet_time)

    def unsaved(self) -> Unsaved:
        """What changed since `saved`; the city and the parameters are not in it."""
        changed = self._changed()
        rows = (self._row(changed_id, changed[changed_id]) for changed_id in sorted(changed))
        return Unsaved(self._fleet_row(), ((row.id, row.packed) for row in rows))

    def whole(self) -> Unsaved:
        """As `unsaved`, of all devices and subjects."""
        states: dict[str, DeviceState | None] = dict.fromkeys(self._fleet.subjects)
        states.update({state.device_id: state for state in self._devices.states})
        rows = (self._row(one, states[one]) for one in sorted(states))
        return Unsaved(self._fleet_row(), ((row.id, row.packed) for row in rows))

    def begin_saving(self) -> UnwrittenRows:
        """What changed since it was called last. Its rows are as of now, also those that are taken later; call
        `end_saving` after the last one.
        """
        self._unwritten = unwritten = UnwrittenRows(self._fleet_row(), self._changed(), self._row)
        self.saved()
        return unwritten

    def end_saving(self, *, failed: bool = False) -> None:
        """Note that all rows of `begin_saving` are written; `failed`: that none is, so that all are written again."""
        unwritten, self._unwritten = self._unwritten, None
        if failed and unwritten is not None:
            for changed_id, device_state in unwritten.changed.items():
                if device_state is not None:
                    self._devices.change(device_state)
                else:
                    self._fleet.change(changed_id)

    def _before_change(self, changed_id: str) -> None:
        if self._unwritten is not None:
            self._unwritten.before_change(changed_id)

    def _changed(self) -> dict[str, DeviceState | None]:
        """What changed since `saved`, by id; None for a subject that is no device."""
        changed: dict[str, DeviceState | None] = {**self._devices.changed}
        for subject in self._fleet.changed:
            if subject not in changed:
                changed[subject] = self._devices.state_of(subject)
        return changed

    def _fleet_row(self) -> bytes:
        fleet = self._fleet
        fleet.limit.forget_idle(self._devices.clock.watermark.now)
        memories = {f"{rule.name}/{rule.version}": fleet.memories[rule.name] for rule in self._fleet_rules}
        row = FleetRow(
            self._devices.clock.watermark,
            fleet.held,
            fleet.serial,
            dict(self.failures),
            memories,
            awaited=self._devices.awaited.since,
            limited=fleet.limit.subjects,
        )
        return self._rows.dump_fleet(row)

    def _row(self, changed_id: str, device_state: DeviceState | None) -> Row:
        if device_state is None:  # a subject that is no device, such as "system", has incidents only
            device_state = self._devices.new_state(changed_id)
        incidents, kept = self._fleet.incidents_of(changed_id), self._fleet.kept_of(changed_id)
        packed = self._rows.dump(device_state, incidents, kept)
        return Row(changed_id, packed, {**device_state.not_judged}, _emptyings(device_state))

    def change_all(self) -> None:
        """Let all rows be written again."""
        for device_state in self._devices.states:
            self._devices.change(device_state)
        for subject in self._fleet.subjects:
            self._fleet.change(subject)

    def saved(self) -> None:
        """Note that everything `unsaved` gave is written."""
        self._devices.saved()
        self._fleet.saved()

    def restore(self, fleet: bytes, devices: Iterable[tuple[str, bytes]]) -> None:
        """Go on from rows. A rule of another version begins with an empty state.

        Raises SnapshotUnusable; the engine is then as new.
        """
        self._begin_empty()
        row = self._rows.load_fleet(fleet)
        states: dict[str, DeviceState] = {}
        incidents: dict[str, DeviceIncidents] = {}
        amended: dict[str, KeptIncidents] = {}
        for device_id, packed in devices:
            states[device_id], found = self._rows.load(device_id, packed)
            if found is not None:
                incidents[device_id] = found
            kept = self._rows.load_kept(packed)
            if kept is not None:
                amended[device_id] = kept
        self.failures.update(row.failures)
        self._devices.restore(row.watermark, states, row.awaited, write_all=self._rows.are_outdated)
        self._fleet.restore(row.held, row.serial, self._memories(row), incidents, amended, row.limited)

    def _memories(self, row: FleetRow) -> dict[str, Any]:
        """Memories of the rules that have the version they were written by, by rule name."""
        return {
            rule.name: row.memories[key]
            for rule in self._fleet_rules
            if (key := f"{rule.name}/{rule.version}") in row.memories
        }


def _manifests(device_id: str, device_state: DeviceState) -> list[TruckManifest]:
    for tracked in device_state.tracker_states:
        if isinstance(tracked, ManifestBook):
            return [TruckManifest(device_id, manifest) for manifest in tracked.manifests.values()]
    return []


def _emptyings(device_state: DeviceState) -> list[EmptyingSpan]:
    """Emptyings of the last day of a recycling point."""
    for tracked in device_state.tracker_states:
        if isinstance(tracked, BinLevels):
            return tracked.spans()
    return []
