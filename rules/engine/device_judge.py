"""The first stage of judgement: readings of each device in, verdicts of rules on that device out.

    judge    reading → reorder buffer → trackers → rules → verdicts
             too late for the buffer → backlog of a gap → judged again from the gap on

It does not know incidents or alerts, and it does not compare devices. Its state: one `DeviceState` a device, with the
device's timers, and one watermark over all its devices. `rules.engine.fleet_judge` consumes the verdicts.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from devices.city.model import City, Device
from devices.readings.models import Fill, ManifestAction, Reading
from rules.contract.observation import Observation, Silence
from rules.contract.rule_choice import RuleChoice
from rules.engine.awaited import AwaitedDevices
from rules.engine.clocks.candidates import Candidates
from rules.engine.clocks.device_clock import AS_BELIEVED, DeviceClock
from rules.engine.clocks.doubts import Doubts
from rules.engine.clocks.runs import Runs
from rules.engine.clocks.tickets import by_clock_of, in_its_place, is_by_clock_of
from rules.engine.clocks.watermark import FleetClock, FleetWatermark
from rules.engine.device_rules import DeviceRules
from rules.engine.device_state import DeviceState
from rules.engine.failures import RuleFailures
from rules.engine.late.kept_gaps import KeptGaps, count_not_judged
from rules.engine.late.late_judge import LateJudge
from rules.engine.late.late_readings import GAP_INTERVALS
from rules.engine.late.late_verdicts import Judged
from rules.engine.late.second_judgement import SecondJudgement
from rules.engine.late.state_codec import StateCodec
from rules.engine.not_judged import NotJudged
from rules.engine.reorder_buffer import HOLD_MS, MAX_WAITING, WINDOW_MS, BufferedReading, ReorderBuffer, is_status
from rules.engine.routing import ReadingRouter
from rules.engine.rule_switching import RuleSwitching
from rules.engine.timers import FlushTimers
from rules.engine.tracker_set import IndexedTracker, TrackerSet
from rules.tracking.manifests import MovedManifests
from rules.tracking.tracker import Tracker

_ACTION: Final = ManifestAction  # as in `rules.contract.observation`
_GAP_MS_PER_INTERVAL_S: Final = round(GAP_INTERVALS * 1000)
_AGAIN_PER_READING: Final = 1
"""Devices judged again after one reading of the fleet: each takes up to a tenth of a second."""
_AGAIN_PER_TICK: Final = 100
"""Likewise after a tick, which comes while nobody waits."""


class DeviceJudge:
    """Judges accepted readings device by device. One thread; deterministic."""

    def __init__(
        self,
        city: City,
        choice: RuleChoice,
        trackers: Sequence[Tracker[Any, Any]],
        failures: RuleFailures,
        before_change: Callable[[str], None] = lambda _: None,
        own: Callable[[str], bool] | None = None,
    ) -> None:
        """`failures`: readings on which a rule or tracker raised, by name, counted here. `before_change`: called with
        the id of a device that is about to change for the first time since `saved`. `own`: whether a device is of this
        partition, None: all are; only these are awaited, and get the tickets of others.
        """
        self.city, self._own = city, own
        self._before_change = before_change
        self._rules = DeviceRules(choice, failures)
        self._codec = StateCodec(choice.rules, trackers)
        self._kept = KeptGaps(self._codec, self.change)
        self._trackers = TrackerSet(trackers, failures)
        self._switching = RuleSwitching(self._rules, self._kept, self.change)
        self._second = SecondJudgement(self._codec, self._kept, self._trackers, self._judge_reading)
        self.clock = FleetClock(begins_by_receive_time=own is not None)
        self._late = LateJudge(self, self.clock, self._rules, self._kept, self._second)
        self._runs = Runs(self, self.clock, self._rules, self._kept, self._second)
        self._devices: dict[str, DeviceState] = {}
        self.changed: dict[str, DeviceState] = {}
        """Devices that changed since `saved`, by id."""
        self.moved_manifests = MovedManifests()
        self._flushes = FlushTimers()
        self.awaited = AwaitedDevices(lambda device, since: self._rules.missed_at(device, self.city, since))
        """Registered devices that were never heard, from the first fleet time on."""
        self._router = ReadingRouter(city, self._own)

    @property
    def states(self) -> Collection[DeviceState]:
        """Of all devices that were heard or missed."""
        return self._devices.values()

    def replace_city(self, city: City) -> None:
        """Judge against another revision of the city from the next reading on."""
        self.city = city
        self._router = ReadingRouter(city, self._own)
        for device_state in self._devices.values():
            device_state.forget_city()
        self._runs.take_corrections(self._devices.values())
        self._await_devices()

    def device(self, device_id: str) -> Device | None:
        """The device in the present city; a look-up that costs little for a device heard before."""
        device_state = self._devices.get(device_id)
        return self.city.devices.get(device_id) if device_state is None else self.registered(device_state)

    def receive(self, received_at: int) -> None:
        """Note the receive time, ms, of a record, before what is in it is judged."""
        first = not self.clock.now
        self.clock.receive(received_at)
        if first and self.clock.now:
            self._await_devices()

    def judge(self, reading: Reading) -> list[Judged]:
        """Take an accepted reading and return the verdicts that it and the passing of fleet time lead to."""
        verdicts: list[Judged] = []
        if type(reading) is _ACTION:
            device_state = self._device_state(reading.truck)
            self.arrive(in_its_place(reading, device_state), device_state, verdicts)
            self._pass_fleet_time(verdicts, _AGAIN_PER_READING)
            return verdicts
        first = not self.clock.now
        device_state = self._device_state(reading.device_id)
        if not device_state.clock.steady:
            self._runs.begin_if_corrected(device_state, verdicts)
        finding = self.clock.heard(device_state.clock, reading)
        self._set_time()
        if first:
            self._await_devices()
        if finding == AS_BELIEVED:
            self.arrive(reading, device_state, verdicts)
        else:
            self._runs.arrive(finding, reading, device_state, verdicts)
        for other_id in self._router.also_about(reading):
            other = self._device_state(other_id)
            self.arrive(by_clock_of(other.clock, device_state.clock, reading), other, verdicts)
        self._pass_fleet_time(verdicts, _AGAIN_PER_READING)
        return verdicts

    def judge_retained(self, reading: Reading) -> list[Judged]:
        """Show rules a reading that the broker replayed. It enters no order and moves no time: it may be of any age."""
        verdicts: list[Judged] = []
        device_state = self._device_state(reading.device_id)
        device = self.registered(device_state)
        if device is None or not device.validity.covers(reading.ts):
            return verdicts
        observation = self.unordered(reading, self.clock.now, device_state, device)
        for indexed in self._rules.at(observation.calendar_ts, device_state, self.city).all:
            self._rules.ask_beside_order(indexed, indexed.rule.judge_retained, observation, device_state, verdicts)
        if self._kept.is_new_retained(reading, device_state):
            count_not_judged(reading, device_state, NotJudged.RETAINED)
        return verdicts

    def refuse(self, device_id: str) -> None:
        """Note a message of a registered device of which no reading was accepted."""
        if not self.clock.now:
            return  # nobody is awaited yet
        self._rules.refuse(self._device_state(device_id))

    def refuse_time(self, device_id: str, ts: int) -> list[Judged]:
        """Note a reading of a registered device that is refused because of its device time, ms."""
        verdicts: list[Judged] = []
        self._runs.refuse_time(ts, self._device_state(device_id), verdicts)
        return verdicts

    def takes_compartment(self, fill: Fill) -> bool:
        """False if it would be one more than a device may have (`DeviceState.takes`)."""
        return self._device_state(fill.device_id).takes(fill.compartment)

    def advance(self, quiet_ms: int) -> list[Judged]:
        """Pass `quiet_ms` of fleet time in which no device was heard."""
        verdicts: list[Judged] = []
        self.clock.quiet(quiet_ms)
        self._set_time()
        self._pass_fleet_time(verdicts, _AGAIN_PER_TICK)
        return verdicts

    def saved(self) -> None:
        """Note that all changes are written, or will be."""
        for device_state in self.changed.values():
            device_state.changed = False
        self.changed = {}

    def state_of(self, device_id: str) -> DeviceState | None:
        return self._devices.get(device_id)

    def new_state(self, device_id: str) -> DeviceState:
        """An empty state, not kept."""
        rule_states: list[Any] = [None] * self._rules.count
        tracker_states: list[Any] = [None] * self._trackers.count
        return DeviceState(device_id, ReorderBuffer(device_id), rule_states, tracker_states)

    def restore(
        self,
        watermark: FleetWatermark,
        devices: Mapping[str, DeviceState],
        awaited: Mapping[str, int],
        *,
        write_all: bool,
    ) -> None:
        """Go on from these states. `write_all`: all of them are to be written again."""
        self._devices = dict(devices)
        self.clock.restore(watermark, [(state.clock, state.buffer.newest > 0) for state in self._devices.values()])
        for device_state in self._devices.values() if write_all else ():
            self.change(device_state)
        self._schedule_all()
        self._kept.restore(self._devices.values())
        self._runs.take_corrections(self._devices.values())
        self._await_devices(awaited)

    def settle_rules(self) -> None:
        """Forget what rules that are off now know of devices, and begin those that are on again."""
        for device_state in self._devices.values():
            self._switching.settle(device_state, self.registered(device_state), self.city, self.clock.now)

    def rules_off(self, subject: str) -> Collection[str]:
        """Names of the rules that are off for a subject."""
        return self._rules.off_for(self._devices.get(subject)).values()

    def _set_time(self) -> None:
        """Let nothing wait for a fleet time that was wrong, and count no time as silence in which nobody listened."""
        now, set_by, leaped_from = self.clock.now, self.clock.set_by, self.clock.leaped_from
        if not (set_by or leaped_from):
            return
        by_ms, self.clock.set_by, self.clock.leaped_from = set_by or now - leaped_from, 0, 0
        for device_state in self._devices.values():
            self.change(device_state)
            device_state.time_was_set(now, 0 if set_by else leaped_from, set_by)
            self._rules.time_was_set(device_state, now, by_ms)
        self._schedule_all()
        self._await_devices({id_: min(since + max(by_ms, 0), now) for id_, since in self.awaited.since.items()})

    def _schedule_all(self) -> None:
        """Begin all timers anew."""
        self._runs.candidates, self._runs.doubts = Candidates(self._devices.values()), Doubts(self._devices.values())
        self._flushes = FlushTimers()
        self._late.forget_timers()
        for device_state in self._devices.values():
            device_state.judge_again_at = 0
            self._flushes.schedule(device_state)
            self._late.schedule(device_state)
        self._rules.schedule_wakes(self._devices.values())

    def _await_devices(self, since: Mapping[str, int] | None = None) -> None:
        """Await the registered devices without a state, once there is fleet time; by default as long as before."""
        if self.clock.now:
            own, registered = self._own, self.city.devices.values()
            unheard = [one for one in registered if one.id not in self._devices and (own is None or own(one.id))]
            self.awaited.start(unheard, self.clock.now, self.awaited.since if since is None else since)

    def _device_state(self, device_id: str) -> DeviceState:
        """The device's state, made if it is new, marked as changed."""
        device_state = self._devices.get(device_id)
        if device_state is None:
            device = self.city.devices.get(device_id)
            if device is not None:
                device_id = device.id  # one string object for all who keep it
            self._before_change(device_id)  # it has none yet
            device_state = self._devices[device_id] = self.new_state(device_id)
            since = self.awaited.since.pop(device_id, None)
            self._runs.take_corrections([device_state])
            if device is not None and since is not None:
                self._rules.await_first(device, self.city, device_state, since)
        self.change(device_state)
        return device_state

    def change(self, device_state: DeviceState) -> None:
        """Note that a device changes; called before it does."""
        if not device_state.changed:
            self._before_change(device_state.device_id)
            device_state.changed = True
            self.changed[device_state.device_id] = device_state

    def registered(self, device_state: DeviceState) -> Device | None:
        """Look up each city once: at 100,000 devices every look into a table waits for memory."""
        if device_state.device is None and device_state.look_up(self.city, self._rules.in_force, self.clock.now):
            self.change(device_state)
            device_state.note_rules_off()
        return device_state.device

    def arrive(self, reading: Reading, device_state: DeviceState, verdicts: list[Judged]) -> None:
        buffer, limit = device_state.buffer, self.clock.order_limit(device_state.clock)
        if len(buffer.waiting) >= MAX_WAITING // 2 and not buffer.has_room(reading, limit):
            count_not_judged(reading, device_state, NotJudged.OVER_BOUND)
            return
        released = buffer.arrive(reading, self.clock.now, limit, at_once=device_state.may_judge_at_once())
        if released is None:
            if not device_state.was_judged(reading):
                self.take_late(reading, device_state, verdicts)
            return
        if not device_state.flush_at:
            self._flushes.schedule(device_state)
        if released:
            self.judge_in_order(released, device_state, verdicts)

    def take_late(
        self, reading: Reading, device_state: DeviceState, verdicts: list[Judged], *, is_candidate: bool = True
    ) -> None:
        """Take a late reading. `is_candidate`: it may be by a clock that stepped back, and waits for its belief."""
        if not (is_candidate and self._runs.waits(reading, device_state, verdicts)):
            self._late.take(reading, device_state, verdicts)

    def judge_in_order(
        self, released: Iterable[BufferedReading], device_state: DeviceState, verdicts: list[Judged]
    ) -> None:
        device = self.registered(device_state)
        if device is None:  # taken out of the city while its readings waited
            for buffered in released:
                count_not_judged(buffered.reading, device_state, NotJudged.NOT_VALID)
            return
        gap_ms = max(WINDOW_MS, _GAP_MS_PER_INTERVAL_S * device.report_interval_s)
        trackers = self._trackers.of_role[device.role]
        for buffered in released:
            reading, ts = buffered.reading, buffered.ts
            if not device.validity.covers(ts):
                count_not_judged(reading, device_state, NotJudged.NOT_VALID)
                continue
            own = reading.device_id == device_state.device_id
            is_repeated = False
            if own and is_status(reading):
                is_repeated = self._kept.is_repeated(reading, device_state)
            else:
                is_behind_gap = ts - device_state.judged_until > gap_ms or (not own and ts > device_state.buffer.newest)
                if is_behind_gap and self._late.take_upload(buffered, device_state, verdicts):
                    continue
                device_state.judged_until = max(device_state.judged_until, ts)
            if device_state.late_readings is not None:
                self._kept.record(buffered, device_state, device_state.late_readings, verdicts)
            judged = self._judge_reading(buffered, device, device_state, trackers, verdicts)
            if own and judged and not is_repeated:
                device_state.count_judged(reading)
            elif not judged:
                count_not_judged(reading, device_state, NotJudged.FAILED)

    def _judge_reading(
        self,
        buffered: BufferedReading,
        device: Device,
        device_state: DeviceState,
        trackers: list[IndexedTracker],
        verdicts: list[Any],
        *,
        again: bool = False,
    ) -> bool:
        """Take one reading, in order, into the trackers and ask the rules; False if one of them raised.

        A device whose role no tracker follows may have a state from a former role, which rules must not see.
        """
        city, reading = self.city, buffered.reading
        off_ms = self.clock.off_ms(self._clock_of(reading, device_state), reading.ts)
        vehicle, approvals = device_state.vehicle_at(reading.ts - off_ms), device_state.approvals
        facts = self._trackers.follow(reading, device, vehicle, device_state, city, trackers, off_ms)
        if facts is None:
            return False
        self.moved_manifests.note(device_state.device_id, facts, again=again)
        states = device_state.tracker_states if trackers else []
        observation = Observation(reading, buffered.at, device, vehicle, approvals, city, states, facts, off_ms)
        device_state.may_be_weighed = self._router.may_weigh(observation.fix, device_state.may_be_weighed)
        judged = True
        for indexed in self._rules.asked(buffered.ts, observation, device_state, again=again):
            judged &= self._rules.ask(indexed, indexed.judge, observation, device_state, verdicts)
        return judged

    def _clock_of(self, reading: Reading, device_state: DeviceState) -> DeviceClock:
        """The clock by which a reading is dated: a ticket about a truck has that of its bridge, unless one is wrong, or
        nothing is known of the bridge's: it then has that of the truck, among whose readings it stands.
        """
        is_own = reading.device_id == device_state.device_id or is_by_clock_of(device_state.clock, reading)
        measured = None if is_own else self._devices.get(reading.device_id)
        return device_state.clock if measured is None or measured.clock.doubtful else measured.clock

    def unordered(self, reading: Reading, at: int, device_state: DeviceState, device: Device) -> Observation:
        """The observation of a reading that no tracker takes, heard at device time `at`, ms."""
        states, approvals = device_state.tracker_states, device_state.approvals
        off_ms = self.clock.off_ms(self._clock_of(reading, device_state), reading.ts)
        vehicle = device_state.vehicle_at(reading.ts - off_ms)
        return Observation(reading, at, device, vehicle, approvals, self.city, states, [], off_ms)

    def _pass_fleet_time(self, verdicts: list[Judged], again: int) -> None:
        """Release what waited for fleet time: readings, then backlogs of at most `again` devices, then silences."""
        self._runs.pass_time(self._devices.values(), verdicts)
        now = self.clock.now
        while (device_state := self._flushes.pop(now)) is not None:
            if 0 < device_state.buffer.due <= now:
                self.change(device_state)
                self.judge_in_order(device_state.buffer.flush(now), device_state, verdicts)
            self._flushes.schedule(device_state)
        self._late.judge_due(again, verdicts)
        while (missed_id := self.awaited.pop(now - HOLD_MS)) is not None:
            self._device_state(missed_id)
        while (device_state := self._rules.wakes.pop(now - HOLD_MS)) is not None:
            self._wake(device_state, verdicts)

    def _wake(self, device_state: DeviceState, verdicts: list[Judged]) -> None:
        due, device_state.wake_at = device_state.wake_at, 0
        device = self.registered(device_state)
        if device is None:
            return
        if self._rules.are_due(due, device_state):
            self.change(device_state)
        self._rules.ask_about_silence(Silence(device, self.city), due, device_state, verdicts)
