"""Takes readings that come late, and judges them once no more come.

A reading is late if its device was judged beyond it. It is an upload if it comes behind a gap, long after it was
measured: a terminal that was offline sends what it buffered in any order, and what has come of it so far may look like
something that it is not.
"""

from typing import Final, Protocol

from devices.city.model import City, Device
from devices.readings.models import Reading
from rules.contract.observation import Observation
from rules.engine.clocks.watermark import AHEAD_MS, FleetClock
from rules.engine.device_rules import DeviceRules
from rules.engine.device_state import FORMER, DeviceState
from rules.engine.late.kept_gaps import KeptGaps, count_not_judged
from rules.engine.late.late_readings import LateReadings
from rules.engine.late.late_verdicts import Judged
from rules.engine.late.second_judgement import SecondJudgement
from rules.engine.not_judged import NotJudged
from rules.engine.reorder_buffer import WINDOW_MS, BufferedReading, is_status
from rules.engine.timers import AgainTimers

_UPLOADED_MS: Final = 60_000
"""More than the reorder window, an unknown offset of the clock and a slow network make of a live reading."""


class Stage(Protocol):
    """What the device stage does for this."""

    city: City

    def registered(self, device_state: DeviceState) -> Device | None: ...

    def change(self, device_state: DeviceState) -> None: ...

    def unordered(self, reading: Reading, at: int, device_state: DeviceState, device: Device) -> Observation: ...


class LateJudge:
    """The late readings of all devices."""

    def __init__(
        self, stage: Stage, clock: FleetClock, rules: DeviceRules, kept: KeptGaps, second: SecondJudgement
    ) -> None:
        self._stage, self._clock, self._rules, self._kept, self._second = stage, clock, rules, kept, second
        self._timers = AgainTimers()

    def take(self, reading: Reading, device_state: DeviceState, verdicts: list[Judged]) -> None:
        """Keep a late reading for the gap it falls into; only rules that count when a device is heard take it now."""
        device, now = self._stage.registered(device_state), self._clock.now
        device_state.late += 1
        if device is None or not device.validity.covers(reading.ts):
            count_not_judged(reading, device_state, NotJudged.NOT_VALID)
            return
        has_no_place = is_status(reading)
        late = None if has_no_place else self._kept.place_of(reading.ts, device_state, now, verdicts)
        at = max(reading.ts, now - WINDOW_MS)
        observation = self._stage.unordered(reading, at, device_state, device)
        rules = self._rules.at(observation.calendar_ts, device_state, self._stage.city)
        doubtful = device_state.clock.doubtful
        for indexed in rules.asked(doubtful=doubtful) if late is None else rules.beside_order(doubtful=doubtful):
            self._rules.ask_beside_order(indexed, indexed.rule.judge_late, observation, device_state, verdicts)
        buffered = BufferedReading(reading.ts, at, reading)
        if late is not None:
            self._wait(buffered, device_state, late, verdicts)
        elif has_no_place:
            self._kept.take_status(buffered, device_state, verdicts)
        else:
            over_bound = reading.ts <= device_state.given_up
            reason = NotJudged.OVER_BOUND if over_bound else NotJudged.TOO_LATE
            count_not_judged(reading, device_state, reason)

    def take_upload(self, buffered: BufferedReading, device_state: DeviceState, verdicts: list[Judged]) -> bool:
        """Open a gap before a reading; let it wait for the rest if it is uploaded. False if it is live, or a ticket."""
        self._kept.open_before(buffered.ts, device_state, self._clock.now, verdicts)
        device, late = device_state.device, device_state.late_readings
        if device is None or late is None or not self._is_uploaded(buffered, device_state):
            return False
        observation = self._stage.unordered(buffered.reading, buffered.at, device_state, device)
        for indexed in self._rules.at(observation.calendar_ts, device_state, self._stage.city).unordered:
            self._rules.ask(indexed, indexed.judge, observation, device_state, verdicts)
        self._wait(buffered, device_state, late, verdicts)
        return True

    def judge_due(self, most: int, verdicts: list[Judged]) -> None:
        """Judge what is due of the late readings of at most so many devices, each reading in its place."""
        now = self._clock.now
        while most and (device_state := self._timers.pop(now)) is not None:
            device_state.judge_again_at = 0
            late = device_state.late_readings
            if late is not None and 0 < late.due <= now:
                self._stage.change(device_state)
                device = self._stage.registered(device_state)
                newest = self._second.judge(device_state, device, late, verdicts)
                if device is not None and newest is not None:
                    observation = self._stage.unordered(newest, now, device_state, device)
                    self._rules.judged_again(observation, device_state, verdicts)
                most -= 1
            self.schedule(device_state)

    def schedule(self, device_state: DeviceState) -> None:
        """Keep one timer no later than the backlog is due; it is corrected when it fires."""
        self._timers.schedule(device_state)

    def forget_timers(self) -> None:
        """Begin without timers; `schedule` makes those of each device."""
        self._timers = AgainTimers()

    def _is_uploaded(self, buffered: BufferedReading, device_state: DeviceState) -> bool:
        """True if the device sent it long after it was measured, by its own clock. The first of a run only waited until
        the step of the clock was believed, and a clock that is not known yet may show any time.
        """
        if buffered.reading.device_id != device_state.device_id or device_state.judged_until == FORMER:
            return False
        if device_state.clock.doubtful:
            return False
        behind_ms = self._clock.now + AHEAD_MS - self._clock.order_limit(device_state.clock)
        return buffered.at - buffered.ts > max(behind_ms, 0) + _UPLOADED_MS

    def _wait(
        self, buffered: BufferedReading, device_state: DeviceState, late: LateReadings, verdicts: list[Judged]
    ) -> None:
        self._kept.wait(buffered, device_state, late, self._clock.now, verdicts)
        self.schedule(device_state)
