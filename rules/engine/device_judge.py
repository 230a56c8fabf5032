"""The first stage of judgement: readings of each device in, verdicts of rules on that device out.

    judge    reading → reorder buffer → trackers → rules → verdicts

It does not know incidents or alerts, and it does not compare devices. Its state: one `DeviceState` a device, with the
device's timers, and one watermark over all its devices. A partition of a distributed log would hold the devices of its
keys. `rules.engine.fleet_judge` consumes the verdicts, with the watermark at which they were given.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from devices.city.model import City, Device, DeviceRole
from devices.geo.geometry import Datum
from devices.readings.models import Reading
from rules.contract.observation import Observation, Silence
from rules.contract.rule import Rule
from rules.contract.verdicts import RuleVerdict, Verdict
from rules.contract.wording import with_conversion
from rules.engine.device_state import DeviceState
from rules.engine.reorder_buffer import HOLD_MS, WINDOW_MS, BufferedReading, ReorderBuffer
from rules.engine.routing import ReadingRouter
from rules.engine.timers import Timers
from rules.engine.tracker_set import TrackerSet
from rules.engine.watermark import FleetWatermark
from rules.tracking.tracker import Tracker


class _IndexedRule(NamedTuple):
    """A rule and the index of its state in `DeviceState.rule_states`."""

    state_index: int
    rule: Rule[Any]
    judges_silence: bool


class DeviceJudge:
    """Judges accepted readings device by device. One thread; deterministic."""

    def __init__(
        self,
        city: City,
        rules: Sequence[Rule[Any]],
        trackers: Sequence[Tracker[Any, Any]],
        failures: Counter[str],
    ) -> None:
        """`failures`: readings on which a rule or tracker raised, by name, counted here."""
        indexed = [_IndexedRule(n, rule, type(rule).due is not Rule.due) for n, rule in enumerate(rules)]
        self._rule_count: int = len(indexed)
        self._rules_of = {role: [one for one in indexed if role in one.rule.roles] for role in DeviceRole}
        self._trackers = TrackerSet(trackers, failures)
        self._silence_rules = [one for one in indexed if one.judges_silence]
        self._failures = failures
        self.watermark = FleetWatermark()
        self._devices: dict[str, DeviceState] = {}
        self.changed: dict[str, DeviceState] = {}
        """Devices that changed since `saved`, by id."""
        self._flushes = Timers(lambda device_state: device_state.flush_at)
        self._wakes = Timers(lambda device_state: device_state.wake_at)
        self._city = city
        self._router = ReadingRouter(city)

    @property
    def late(self) -> Counter[str]:
        """Readings that came too late to be put in order, by device."""
        return Counter({state.device_id: state.late for state in self._devices.values() if state.late})

    def replace_city(self, city: City) -> None:
        """Judge against another revision of the city from the next reading on."""
        self._city = city
        self._router = ReadingRouter(city)
        for device_state in self._devices.values():
            device_state.device, device_state.vehicle, device_state.approvals = None, None, ()

    def device(self, device_id: str) -> Device | None:
        """The device in the present city; a look-up that costs little for a device heard before."""
        device_state = self._devices.get(device_id)
        return self._city.devices.get(device_id) if device_state is None else self._registered(device_state)

    def judge(self, reading: Reading) -> list[RuleVerdict]:
        """Take an accepted reading and return the verdicts that it and the passing of fleet time lead to."""
        verdicts: list[RuleVerdict] = []
        device_state = self._device_state(reading.device_id)
        self.watermark.heard(reading.device_id, reading.ts, device_state.buffer.newest)
        self._arrive(reading, device_state, verdicts)
        for other_id in self._router.also_about(reading):
            self._arrive(reading, self._device_state(other_id), verdicts)
        self._pass_fleet_time(verdicts)
        return verdicts

    def advance(self, quiet_ms: int) -> list[RuleVerdict]:
        """Pass `quiet_ms` of fleet time in which no device was heard."""
        verdicts: list[RuleVerdict] = []
        self.watermark.quiet(quiet_ms)
        self._pass_fleet_time(verdicts)
        return verdicts

    def saved(self) -> None:
        """Note that all changes are written."""
        for device_state in self.changed.values():
            device_state.changed = False
        self.changed = {}

    def state_of(self, device_id: str) -> DeviceState | None:
        return self._devices.get(device_id)

    def new_state(self, device_id: str) -> DeviceState:
        """An empty state, not kept."""
        rule_states: list[Any] = [None] * self._rule_count
        tracker_states: list[Any] = [None] * self._trackers.count
        return DeviceState(device_id, ReorderBuffer(device_id), rule_states, tracker_states)

    def restore(self, watermark: FleetWatermark, devices: Mapping[str, DeviceState], *, write_all: bool) -> None:
        """Go on from these states. `write_all`: all of them are to be written again."""
        self.watermark = watermark
        self._devices = dict(devices)
        for device_state in self._devices.values():
            if write_all:
                self._change(device_state)
            self._schedule_flush(device_state)
            for indexed in self._silence_rules:
                self._schedule_wake(indexed, device_state)

    def _device_state(self, device_id: str) -> DeviceState:
        """The device's state, made if it is new, marked as changed."""
        device_state = self._devices.get(device_id)
        if device_state is None:
            device = self._city.devices.get(device_id)
            if device is not None:
                device_id = device.id  # one string object for all who keep it
            device_state = self._devices[device_id] = self.new_state(device_id)
        self._change(device_state)
        return device_state

    def _change(self, device_state: DeviceState) -> None:
        if not device_state.changed:
            device_state.changed = True
            self.changed[device_state.device_id] = device_state

    def _registered(self, device_state: DeviceState) -> Device | None:
        """Look up each city once: at 100,000 devices every look into a table waits for memory."""
        if device_state.device is None:
            city = self._city
            device = device_state.device = city.devices.get(device_state.device_id)
            if device is not None and device.vehicle_id is not None:
                device_state.vehicle, device_state.approvals = (
                    city.vehicle_of(device),
                    city.approvals_of(device.vehicle_id),
                )
        return device_state.device

    def _arrive(self, reading: Reading, device_state: DeviceState, verdicts: list[RuleVerdict]) -> None:
        released = device_state.buffer.arrive(reading, self.watermark.now)
        if released is None:
            self._judge_late(reading, device_state, verdicts)
            return
        if not device_state.flush_at:
            self._schedule_flush(device_state)
        if released:
            self._judge_in_order(released, device_state, verdicts)

    def _judge_late(self, reading: Reading, device_state: DeviceState, verdicts: list[RuleVerdict]) -> None:
        device_state.late += 1
        device = self._registered(device_state)
        if device is None or not device.validity.covers(reading.ts):
            return
        heard_at = max(reading.ts, self.watermark.now - WINDOW_MS)
        vehicle, approvals, states = device_state.vehicle, device_state.approvals, device_state.tracker_states
        observation = Observation(reading, heard_at, device, vehicle, approvals, self._city, states, [])
        for indexed in self._rules_of[device.role]:
            self._ask(indexed, indexed.rule.judge_late, observation, device_state, verdicts)

    def _judge_in_order(
        self, released: Iterable[BufferedReading], device_state: DeviceState, verdicts: list[RuleVerdict]
    ) -> None:
        city, device = self._city, self._registered(device_state)
        if device is None:  # taken out of the city while its readings waited
            return
        vehicle, approvals = device_state.vehicle, device_state.approvals
        # A device whose role has no tracker may have a state from a former role: rules must not see it.
        states = device_state.tracker_states if self._trackers.follows(device.role) else []
        for buffered in released:
            reading = buffered.reading
            if not device.validity.covers(buffered.ts):
                continue
            facts = self._trackers.follow(reading, device, device_state, city)
            if facts is None:
                continue
            observation = Observation(reading, buffered.at, device, vehicle, approvals, city, states, facts)
            for indexed in self._rules_of[device.role]:
                self._ask(indexed, indexed.rule.judge, observation, device_state, verdicts)

    def _ask(
        self,
        indexed: _IndexedRule,
        question: Callable[[Any, Any], Sequence[Verdict]],
        about: Observation | Silence,
        device_state: DeviceState,
        verdicts: list[RuleVerdict],
    ) -> None:
        """Ask a rule one of its questions about a device and collect its verdicts."""
        index, rule, judges_silence = indexed
        states = device_state.rule_states
        state = states[index]
        if state is None:
            state = states[index] = rule.state()
        try:
            given = question(about, state)
        except Exception:  # noqa: BLE001 - a rule's bug must not stop the others
            self._failures[rule.name] += 1
            states[index] = None
            return
        device = device_state.device
        if device is not None and device.datum is Datum.GCJ02:
            given = [with_conversion(verdict) for verdict in given]
        for verdict in given:
            verdicts.append(RuleVerdict(rule.name, rule.version, verdict))  # noqa: PERF401 - compiled, it is no slower
        if judges_silence:
            self._schedule_wake(indexed, device_state)

    def _pass_fleet_time(self, verdicts: list[RuleVerdict]) -> None:
        """Release what waited for fleet time: readings first, then silences."""
        now = self.watermark.now
        while (device_state := self._flushes.pop(now)) is not None:
            if device_state.buffer.due <= now:
                self._change(device_state)
                self._judge_in_order(device_state.buffer.flush(now), device_state, verdicts)
            self._schedule_flush(device_state)
        while (device_state := self._wakes.pop(now - HOLD_MS)) is not None:
            self._wake(device_state, verdicts)

    def _wake(self, device_state: DeviceState, verdicts: list[RuleVerdict]) -> None:
        due, device_state.wake_at = device_state.wake_at, 0
        device = self._registered(device_state)
        if device is None:
            return
        for indexed in self._silence_rules:
            state = device_state.rule_states[indexed.state_index]
            if state is not None and indexed.rule.due(state) == due:
                self._change(device_state)
                self._ask(indexed, indexed.rule.expire, Silence(device, self._city), device_state, verdicts)
            else:
                self._schedule_wake(indexed, device_state)

    def _schedule_flush(self, device_state: DeviceState) -> None:
        """Keep one timer no later than the buffer is due, or none while nothing waits."""
        device_state.flush_at = device_state.buffer.due
        if device_state.flush_at:
            self._flushes.add(device_state)

    def _schedule_wake(self, indexed: _IndexedRule, device_state: DeviceState) -> None:
        """Keep one timer no later than the rule is due; it is corrected when it fires."""
        state = device_state.rule_states[indexed.state_index]
        due = None if state is None else indexed.rule.due(state)
        if due is not None and (not device_state.wake_at or due < device_state.wake_at):
            device_state.wake_at = due
            self._wakes.add(device_state)
