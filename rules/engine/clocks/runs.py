"""Runs: what a device sends after its clock stepped back is judged anew, in its own order.

After such a step every reading is late. What is late by one new offset, at the pace of receive time and with no reading
by the former clock between, is a candidate: it waits until the new offset is believed, and is then judged in a new run
of the device. If a reading by the former clock comes, if they do not agree, or if no more come, they are late readings
as any others: an upload of what was buffered runs faster than receive time.

A run also begins with the first reading that has another correction of the device's clock: durations over the change
would be wrong.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from devices.city.model import City, Device
from devices.readings.models import Reading
from rules.contract.observation import ClockFound, Observation
from rules.engine.clocks.candidates import Candidates
from rules.engine.clocks.device_clock import (
    AGAIN,
    AGREE_MS,
    APART_ANEW,
    BELIEVED,
    BELIEVED_MS,
    BELIEVED_READINGS,
    OFF_MS,
)
from rules.engine.clocks.doubts import Doubts
from rules.engine.clocks.watermark import FleetClock
from rules.engine.device_rules import DeviceRules
from rules.engine.device_state import DeviceState
from rules.engine.late.kept_gaps import KeptGaps
from rules.engine.late.late_readings import LateReadings
from rules.engine.late.late_verdicts import Judged, RunBegun
from rules.engine.late.second_judgement import SecondJudgement
from rules.engine.reorder_buffer import BufferedReading

_LIVE_MS: Final = 60_000
"""Readings that agree for so long are no upload: they are a sign of life."""


class Stage(Protocol):
    """What the device stage does for this."""

    city: City

    def registered(self, device_state: DeviceState) -> Device | None: ...

    def change(self, device_state: DeviceState) -> None: ...

    def unordered(self, reading: Reading, at: int, device_state: DeviceState, device: Device) -> Observation: ...

    def arrive(self, reading: Reading, device_state: DeviceState, verdicts: list[Judged]) -> None: ...

    def take_late(
        self, reading: Reading, device_state: DeviceState, verdicts: list[Judged], *, is_candidate: bool
    ) -> None: ...

    def judge_in_order(
        self, released: Iterable[BufferedReading], device_state: DeviceState, verdicts: list[Judged]
    ) -> None: ...


class Runs:
    """Follows the steps of the clocks of devices."""

    def __init__(
        self, stage: Stage, clock: FleetClock, rules: DeviceRules, kept: KeptGaps, second: SecondJudgement
    ) -> None:
        self._stage, self._clock, self._rules, self._kept, self._second = stage, clock, rules, kept, second
        self.candidates = Candidates()
        self.doubts = Doubts()

    def arrive(self, finding: int, reading: Reading, device_state: DeviceState, verdicts: list[Judged]) -> None:
        """Take a reading that says something new of its device's clock (`finding`, see `device_clock`)."""
        if finding in {APART_ANEW, AGAIN}:
            self.give_up(device_state, verdicts)
        elif finding == BELIEVED:
            self.judge_clock(device_state, reading, verdicts)
            self.begin_if_stepped(reading, device_state, verdicts)
        self._settle(device_state, verdicts)
        if device_state.clock.doubtful and (device := self._stage.registered(device_state)) is not None:
            self.doubts.wait(device_state, device, self._clock.now)
        buffer = device_state.buffer
        if buffer.newest < reading.ts > self._clock.order_limit(device_state.clock):
            self._rules.note_alive(device_state, self._clock.now)  # new, and it waits until its time has come
        kept = len(device_state.candidates)
        self._stage.arrive(reading, device_state, verdicts)
        if kept and len(device_state.candidates) == kept:  # it was in order, or there are too many
            self.give_up(device_state, verdicts)

    def refuse_time(self, ts: int, device_state: DeviceState, verdicts: list[Judged]) -> None:
        """Take the device time, ms, of a reading that is refused because of it."""
        self.begin_if_corrected(device_state, verdicts)
        if self._clock.refused(device_state.clock, ts) == BELIEVED:
            self.judge_clock(device_state, None, verdicts)
            self._settle(device_state, verdicts)

    def _settle(self, device_state: DeviceState, verdicts: list[Judged]) -> None:
        """Judge again what was judged without a calendar, or by a wrong one, before anything was known of the clock."""
        clock, late = device_state.clock, device_state.late_readings
        was_wrong = clock.believed and not clock.settled and clock.off != 0
        clock.settled = clock.settled or clock.believed
        if clock.doubtful or not (clock.doubted or was_wrong):
            return
        device = self._stage.registered(device_state)
        if late is not None and device is not None:
            newest = self._second.judge(device_state, device, late, verdicts, everything=True)
            if clock.doubted:
                self._ask_after_doubt(device_state, device, late, verdicts)
            device_state.count_settled()
            if newest is not None:
                observation = self._stage.unordered(newest, self._clock.now, device_state, device)
                self._rules.judged_again(observation, device_state, verdicts)
        clock.doubted = 0

    def _ask_after_doubt(
        self, device_state: DeviceState, device: Device, late: LateReadings, verdicts: list[Judged]
    ) -> None:
        if any(indexed.asks_calendar for indexed in self._rules.at(0, device_state, self._stage.city).unordered):
            for buffered in late.judged.after(0):
                observation = self._stage.unordered(buffered.reading, self._clock.now, device_state, device)
                self._rules.ask_after_doubt(observation, device_state, verdicts)

    def judge_clock(self, device_state: DeviceState, reading: Reading | None, verdicts: list[Judged]) -> None:
        """Let rules judge the clock that is believed now."""
        device, clock = self._stage.registered(device_state), device_state.clock
        self._stage.change(device_state)
        offset = clock.offset - self._clock.reference
        clock.off = offset if abs(offset) > OFF_MS else 0
        if device is not None:
            watermark = self._clock.watermark
            now, readings = watermark.pace + self._clock.reference, clock.others
            lasted = watermark.listened - clock.others_since
            if not readings:  # believed for long: it is judged again by another reference
                readings, lasted = BELIEVED_READINGS, BELIEVED_MS
            found = ClockFound(
                device, self._stage.city, now, offset, clock.correction_s, clock.stepped, readings, lasted, reading
            )
            self._rules.ask_about_clock(found, device_state, verdicts)

    def pass_time(self, device_states: Iterable[DeviceState], verdicts: list[Judged]) -> None:
        """Give up candidates that have waited long enough; judge all clocks again if their reference moved."""
        while (waited := self.candidates.pop(self._clock.now)) is not None:
            self._stage.change(waited)
            self.give_up(waited, verdicts)
        while (waited := self.doubts.pop(self._clock.now)) is not None:
            self._stage.change(waited)
            if waited.clock.others <= 1:  # else they came at the pace of live readings
                self._clock.trust_buffered(waited.clock)
                self._settle(waited, verdicts)
        if not self._clock.reference_moved:
            return
        self._clock.reference_moved = False
        for device_state in device_states:
            if device_state.clock.believed:
                self.judge_clock(device_state, None, verdicts)

    def give_up(self, device_state: DeviceState, verdicts: list[Judged]) -> None:
        """The clock did not step back: what waited is late as any other reading."""
        for candidate in self.candidates.take(device_state):
            self._stage.take_late(candidate, device_state, verdicts, is_candidate=False)

    def begin_if_stepped(self, reading: Reading, device_state: DeviceState, verdicts: list[Judged]) -> bool:
        """Begin a new run if the order of the device is ahead of its believed clock, and it sends something new."""
        if device_state.buffer.open_from <= self._clock.order_limit(device_state.clock) + AGREE_MS:
            return False
        if all(is_repeat(entry, device_state) for entry in (*device_state.candidates, reading)):
            return False
        self._begin(device_state, device_state.clock.stepped, verdicts)
        return True

    def waits(self, reading: Reading, device_state: DeviceState, verdicts: list[Judged]) -> bool:
        """Take a late reading that may be, or is, by a clock that stepped back; else False."""
        clock = device_state.clock
        if clock.steady:
            own = reading.device_id == device_state.device_id
            if not (own and self.begin_if_stepped(reading, device_state, verdicts)):
                return False
            self._stage.arrive(reading, device_state, verdicts)
            return True
        device = self._stage.registered(device_state)
        if device is None or not self.candidates.keep(reading, device_state, device, self._clock.now):
            return False
        lasts = self._clock.watermark.listened - clock.others_since >= _LIVE_MS
        if lasts and not is_repeat(reading, device_state):
            self._rules.note_alive(device_state, self._clock.now)
        return True

    def take_corrections(self, device_states: Iterable[DeviceState]) -> None:
        """Expect the times of devices to be corrected as the present city says: all at once, since a fleet may lead."""
        devices = self._stage.city.devices
        for device_state in device_states:
            device, clock = devices.get(device_state.device_id), device_state.clock
            if device is not None and device.clock_correction_s != clock.correction_s:
                self._stage.change(device_state)
                by_ms = (device.clock_correction_s - clock.correction_s) * 1000
                clock.correction_s = device.clock_correction_s
                self._clock.correct(clock, by_ms)

    def begin_if_corrected(self, device_state: DeviceState, verdicts: list[Judged]) -> None:
        """Begin a run if what comes from here on has another correction of the device's clock in its times."""
        clock = device_state.clock
        by_ms = (clock.correction_s - clock.run_correction_s) * 1000
        if not by_ms:
            return
        self.give_up(device_state, verdicts)
        if clock.doubtful and abs(clock.vote - self._clock.reference) <= OFF_MS:  # it was as far off as it is corrected
            clock.doubtful, clock.off = False, -by_ms
            self._settle(device_state, verdicts)
        if device_state.buffer.newest:
            self._begin(device_state, by_ms, verdicts, corrected=True)
        clock.run_correction_s = clock.correction_s
        if clock.believed:
            self.judge_clock(device_state, None, verdicts)
        elif clock.off:
            clock.off += by_ms

    def _begin(self, device_state: DeviceState, by_ms: int, verdicts: list[Judged], *, corrected: bool = False) -> None:
        """Judge what is by the former clock to its end, and then the candidates in a run of their own."""
        stage = self._stage
        stage.judge_in_order(device_state.buffer.waiting, device_state, verdicts)
        late = device_state.late_readings
        if late is not None and late.backlog is not None:
            self._second.judge(device_state, stage.registered(device_state), late, verdicts)
        self._kept.close(device_state, verdicts)
        until, candidates = device_state.judged_until, self.candidates.take(device_state)
        device_state.begin_run(opens_gap=corrected)
        self._rules.begin_run(device_state)
        verdicts.append(RunBegun(device_state.device_id, device_state.clock.run, until, by_ms, corrected))
        for candidate in candidates:
            stage.arrive(candidate, device_state, verdicts)


def is_repeat(reading: Reading, device_state: DeviceState) -> bool:
    """True if the device sent the very same before, as far as its readings are kept."""
    late, before = device_state.late_readings, reading.ts - 1
    kept = late.judged.after(before) if late is not None else []
    return any(entry.reading == reading for entry in (*kept, *device_state.buffer.waiting))
