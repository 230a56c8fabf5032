"""The rule engine: readings in, alert changes out. No clock, no network, no log.

    judge    reading → its device's lane → in order → track → rules → verdicts → incidents → changes

What rules say of one device depends on that device's readings alone, in device time. What compares devices waits until
fleet time has passed (`rules.engine.reorder_buffer.HOLD_MS`) and is then settled in one order over all devices. So
the alerts are the
same whatever order readings arrive in, as long as none comes after one that is more than `WINDOW_MS` newer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, Final, NamedTuple

from devices.city.model import City, Device, DeviceRole
from devices.readings.models import Position, Reading, Weighing
from rules.alerts.model import AlertChange
from rules.contract.observation import Observation, Silence
from rules.contract.rule import FleetRule, Rule
from rules.contract.verdicts import HeldVerdict, Verdict
from rules.engine.device_state import DeviceState
from rules.engine.incidents import OPENING, DeviceIncidents
from rules.engine.prefetch import prefetch
from rules.engine.reorder_buffer import HOLD_MS, WINDOW_MS, BufferedReading, ReorderBuffer
from rules.engine.snapshot import FleetRow, Rows, SnapshotUnusable, Unsaved
from rules.engine.timers import Timers
from rules.engine.watermark import FleetWatermark
from rules.tracking import Track, follow

AnyRule = Rule[Any]

TRACKING: Final = "tracking"
"""Name under which failures of the tracking all rules share are counted."""


class _Asked(NamedTuple):
    """A rule and its place among the states of a dossier."""

    place: int
    rule: AnyRule
    awaits: bool
    """Silence means something to it."""


class RuleEngine:
    """Judges readings that were admitted. One thread; deterministic; what it knows is written down as rows."""

    def __init__(self, city: City, rules: Sequence[AnyRule]) -> None:
        self._rules = {rule.name: rule for rule in rules}
        asked = [_Asked(n, rule, type(rule).due is not Rule.due) for n, rule in enumerate(rules)]
        self._places: int = len(asked)
        self._by_role = {role: [one for one in asked if role in one.rule.roles] for role in DeviceRole}
        self._awaiting = [one for one in asked if one.awaits]
        self._rows = Rows(rules)
        self._fleet_rules = [rule for rule in rules if isinstance(rule, FleetRule)]
        self.failures: Counter[str] = Counter()
        """Readings a rule raised on, by rule name. The rule's state of that device was reset; the others went on."""
        self._clear()
        self.replace_city(city)

    def _clear(self) -> None:
        self._clock = FleetWatermark()
        self._dossiers: dict[str, DeviceState] = {}
        self._changed: list[DeviceState] = []
        self._memories = {rule.name: rule.memory() for rule in self._fleet_rules}
        self._held: list[HeldVerdict] = []
        self._serial = 0
        self._flushes = Timers(lambda known: known.flush_at)
        self._wakes = Timers(lambda known: known.wake_at)

    @property
    def fleet_time(self) -> int:
        """Device time, ms, of the fleet; 0 before the first reading."""
        return self._clock.now

    @property
    def late(self) -> Counter[str]:
        """Readings that came too late to be put in order, by device."""
        return Counter({known.device_id: known.late for known in self._dossiers.values() if known.late})

    @property
    def changed(self) -> int:
        """Devices of which something is to be written down."""
        return len(self._changed)

    def replace_city(self, city: City) -> None:
        """Judge against another revision of the city from the next reading on."""
        self._city = city
        for known in self._dossiers.values():
            known.device, known.vehicle, known.approvals = None, None, ()
        self._trucks_of_plate: dict[str, list[Device]] = {}
        for _, device in sorted(city.devices.items()):
            vehicle = city.vehicle_of(device)
            if device.role is DeviceRole.TRUCK and vehicle is not None:
                self._trucks_of_plate.setdefault(vehicle.plate, []).append(device)

    def device(self, device_id: str) -> Device | None:
        """A device of the city that is judged against; whoever was heard before stands at hand."""
        known = self._dossiers.get(device_id)
        return self._city.devices.get(device_id) if known is None else self._registered(known)

    def prefetch(self, device_ids: Iterable[str]) -> int:
        """Have at hand what is known of those whose readings come next; see `rules.engine.prefetch`. Changes
        nothing.
        """
        found = 0
        for device_id in device_ids:
            known = self._dossiers.get(device_id)
            if known is not None:
                found += prefetch(known)
        return found

    def judge(self, reading: Reading) -> list[AlertChange]:
        """Take in a reading that was admitted, and say what changed for people."""
        changes: list[AlertChange] = []
        known = self._dossier(reading.device_id)
        self._clock.heard(reading.device_id, reading.ts, known.lane.newest)
        self._arrive(reading, known, changes)
        if not isinstance(reading, Position) and isinstance(reading, Weighing) and reading.plate is not None:
            terminals = self._trucks_of_plate.get(reading.plate, ())
            valid = next((device.id for device in terminals if device.validity.covers(reading.ts)), None)
            if valid is not None:
                self._arrive(reading, self._dossier(valid), changes)
        self._fleet_time_passed(changes)
        return changes

    def advance(self, quiet_ms: int) -> list[AlertChange]:
        """Nothing was heard from any device for so long: what only silence can show."""
        changes: list[AlertChange] = []
        self._clock.quiet(quiet_ms)
        self._fleet_time_passed(changes)
        return changes

    def unsaved(self) -> Unsaved:
        """What changed since `saved`; the city and the parameters are not in it."""
        memories = {f"{rule.name}/{rule.version}": self._memories[rule.name] for rule in self._fleet_rules}
        fleet = FleetRow(self._clock, self._held, self._serial, dict(self.failures), memories)
        devices = map(self._row, sorted(self._changed, key=lambda known: known.device_id))
        return Unsaved(self._rows.dump_fleet(fleet), devices)

    def _row(self, known: DeviceState) -> tuple[str, bytes]:
        return known.device_id, self._rows.dump(known)

    def saved(self) -> None:
        """What was `unsaved` is written down."""
        for known in self._changed:
            known.changed = False
        self._changed = []

    def restore(self, fleet: bytes, devices: Iterable[tuple[str, bytes]]) -> None:
        """Go on from rows. A rule of another version begins with an empty state. Raises SnapshotUnusable."""
        self._clear()
        try:
            self._restore_fleet(fleet)
            self._dossiers = {device_id: self._rows.load(device_id, row) for device_id, row in devices}
        except SnapshotUnusable:
            self._clear()
            raise
        for known in self._dossiers.values():
            if self._rows.are_outdated:
                self._change(known)
            self._schedule_flush(known)
            for asked in self._awaiting:
                self._schedule(asked, known)

    def _restore_fleet(self, row: bytes) -> None:
        said = self._rows.load_fleet(row)
        for rule in self._fleet_rules:
            memory = said.memories.get(f"{rule.name}/{rule.version}")
            if memory is not None:
                self._memories[rule.name] = memory
        self._clock, self._serial, self.failures = said.clock, said.serial, Counter(said.failures)
        self._held = [held for held in said.held if held.rule in self._rules]
        heapify(self._held)

    def _dossier(self, device_id: str) -> DeviceState:
        """To be changed."""
        known = self._dossiers.get(device_id)
        if known is None:
            device = self._city.devices.get(device_id)
            if device is not None:
                device_id = device.id  # the same string for all who remember it
            known = self._dossiers[device_id] = DeviceState(device_id, ReorderBuffer(device_id), [None] * self._places)
        self._change(known)
        return known

    def _change(self, known: DeviceState) -> None:
        if not known.changed:
            known.changed = True
            self._changed.append(known)

    def _registered(self, known: DeviceState) -> Device | None:
        """Asked of each city once: at 100,000 devices every look into a table waits for memory."""
        if known.device is None:
            city = self._city
            device = known.device = city.devices.get(known.device_id)
            if device is not None and device.vehicle_id is not None:
                known.vehicle, known.approvals = city.vehicle_of(device), city.approvals_of(device.vehicle_id)
        return known.device

    def _arrive(self, reading: Reading, known: DeviceState, changes: list[AlertChange]) -> None:
        lane, now = known.lane, self._clock.now
        released = lane.arrive(reading, now)
        if released is None:
            known.late += 1
            device = self._registered(known)
            if device is not None and device.validity.covers(reading.ts):
                heard_at = max(reading.ts, now - WINDOW_MS)
                step = Observation(
                    reading, heard_at, device, known.vehicle, known.approvals, self._city, known.track, None
                )
                for asked in self._by_role[device.role]:
                    self._ask(asked, asked.rule.judge_late, step, known, changes)
            return
        if not known.flush_at:
            self._schedule_flush(known)
        if released:
            self._judge_in_order(released, known, changes)

    def _judge_in_order(
        self, released: Iterable[BufferedReading], known: DeviceState, changes: list[AlertChange]
    ) -> None:
        city, device = self._city, self._registered(known)
        if device is None:  # taken out of the city while its readings waited
            return
        for waiting in released:
            reading = waiting.reading
            if not device.validity.covers(waiting.ts):
                continue
            track, fix = None, None
            if device.role is DeviceRole.TRUCK:
                track = known.track
                if track is None:
                    track = known.track = Track()
                try:
                    fix = follow(track, reading, device, known.vehicle, city)
                except Exception:  # noqa: BLE001 - a reading that breaks tracking must not stop judgement
                    self.failures[TRACKING] += 1
                    known.track = None
                    continue
            step = Observation(reading, waiting.at, device, known.vehicle, known.approvals, city, track, fix)
            for asked in self._by_role[device.role]:
                self._ask(asked, asked.rule.judge, step, known, changes)

    def _ask(
        self,
        asked: _Asked,
        question: Callable[[Any, Any], Sequence[Verdict]],
        about: Observation | Silence,
        known: DeviceState,
        changes: list[AlertChange],
    ) -> None:
        """Put a rule's question about a device to it, and say its verdicts."""
        place, rule, awaits = asked
        state = known.states[place]
        if state is None:
            state = known.states[place] = rule.state()
        try:
            verdicts = question(about, state)
        except Exception:  # noqa: BLE001 - a rule's bug must not stop the others
            self.failures[rule.name] += 1
            known.states[place] = None
            return
        if verdicts:
            self._say(rule, verdicts, changes)
        if awaits:
            self._schedule(asked, known)

    def _fleet_time_passed(self, changes: list[AlertChange]) -> None:
        """Let go what waited for fleet time: readings, then silences, then comparisons, in this order."""
        now = self._clock.now
        while (known := self._flushes.pop(now)) is not None:
            if known.lane.due <= now:
                self._change(known)
                self._judge_in_order(known.lane.flush(now), known, changes)
            self._schedule_flush(known)
        settled = now - HOLD_MS
        while (known := self._wakes.pop(settled)) is not None:
            self._wake(known, changes)
        while self._held and self._held[0].at <= settled:
            self._settle(heappop(self._held), changes)

    def _wake(self, known: DeviceState, changes: list[AlertChange]) -> None:
        due, known.wake_at = known.wake_at, 0
        device = self._registered(known)
        if device is None:
            return
        for asked in self._awaiting:
            state = known.states[asked.place]
            if state is not None and asked.rule.due(state) == due:
                self._change(known)
                self._ask(asked, asked.rule.expire, Silence(device, self._city), known, changes)
            else:
                self._schedule(asked, known)

    def _schedule_flush(self, known: DeviceState) -> None:
        """Have one entry in the queue no later than the lane is due, or none while nothing waits."""
        known.flush_at = known.lane.due
        if known.flush_at:
            self._flushes.add(known)

    def _schedule(self, asked: _Asked, known: DeviceState) -> None:
        """Have one entry in the queue no later than the rule's due time; it is put right when it comes up."""
        state = known.states[asked.place]
        due = None if state is None else asked.rule.due(state)
        if due is not None and (not known.wake_at or due < known.wake_at):
            known.wake_at = due
            self._wakes.add(known)

    def _say(self, rule: AnyRule, verdicts: Sequence[Verdict], changes: list[AlertChange]) -> None:
        for verdict in verdicts:
            if isinstance(rule, FleetRule):
                self._serial += 1
                held = HeldVerdict(verdict.at, rule.name, verdict.subject, verdict.part, self._serial, verdict)
                heappush(self._held, held)
            else:
                self._tell(rule, verdict, changes)

    def _settle(self, held: HeldVerdict, changes: list[AlertChange]) -> None:
        rule = self._rules[held.rule]
        if not isinstance(rule, FleetRule):
            return
        try:
            verdicts = tuple(rule.settle(held.verdict, self._memories[rule.name], self._city))
        except Exception:  # noqa: BLE001 - a rule's bug must not stop the others
            self.failures[rule.name] += 1
            self._memories[rule.name] = rule.memory()
            return
        for verdict in verdicts:
            self._tell(rule, verdict, changes)

    def _tell(self, rule: AnyRule, verdict: Verdict, changes: list[AlertChange]) -> None:
        known = self._dossiers.get(verdict.subject)
        if (known is None or known.book is None) and verdict.level not in OPENING:
            return
        if known is None:
            known = self._dossier(verdict.subject)
        self._change(known)
        if known.book is None:
            known.book = DeviceIncidents()
        changes += known.book.take(rule.name, rule.version, verdict)
