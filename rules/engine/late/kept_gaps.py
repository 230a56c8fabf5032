"""The gaps kept of all devices, within bounds: a day, so many readings a device, so many bytes over all devices."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final

from devices.readings.models import Reading
from rules.engine.device_state import FORMER, DeviceState
from rules.engine.late.late_readings import KEPT_MS, MAX_BYTES, MAX_READINGS, Gap, LateReadings
from rules.engine.late.late_verdicts import GapsKept, Judged
from rules.engine.late.state_codec import StateCodec
from rules.engine.not_judged import NotJudged
from rules.engine.reorder_buffer import SESSION_DIGITS, BufferedReading, is_status, order_key
from rules.engine.timers import END_OF_TIME, GapTimers

_KEPT_STATUSES: Final = 4
"""Statuses of a device that are known again although no gap is kept."""

_KEPT_RETAINED: Final = 8
"""Replayed readings of a device that are known again; the broker retains one a topic."""

_LOOK_EVERY: Final = 16
"""Of the readings of a device that are kept: so often it is asked whether gaps end, and whether they are too many."""


class KeptGaps:
    """Opens gaps and forgets them. What it forgets is passed to the fleet stage, what waited for it is counted."""

    def __init__(self, codec: StateCodec, change: Callable[[DeviceState], None]) -> None:
        """`change`: called for a device whose state changes although nothing of it is being judged."""
        self._codec, self._change = codec, change
        self._ends = GapTimers()
        self._bytes = 0
        """Size of all that is kept."""

    @property
    def has_room(self) -> bool:
        """True if states may be kept that only save work: never in place of a day's readings of some device."""
        return self._bytes < MAX_BYTES // 2

    def restore(self, devices: Iterable[DeviceState]) -> None:
        """Take over what the states of these devices keep."""
        kept = [(state, state.late_readings) for state in devices if state.late_readings is not None]
        self._bytes = sum(late.size for _, late in kept)
        self._ends = GapTimers()
        for state, late in kept:
            self._schedule(state, late)

    def place_of(self, ts: int, device_state: DeviceState, now: int, verdicts: list[Judged]) -> LateReadings | None:
        """What is kept of the device if a late reading of this time has a place in it; else None.

        The present state has no later reading in it if the device was not judged so far: then a gap is opened.
        """
        late = device_state.late_readings
        if late is None and device_state.judged_until != FORMER and device_state.judged_until < ts:
            self._open(device_state, device_state.judged_until, now, verdicts)
            late = device_state.late_readings
        return late if late is not None and ts > late.start else None

    def open_before(self, ts: int, device_state: DeviceState, now: int, verdicts: list[Judged]) -> None:
        """Open a gap before a reading that comes long after the one before it, or a ticket of a truck that is offline.

        A status of the device itself is no measurement and opens none.
        """
        until = device_state.judged_until
        self._open(device_state, until if until != FORMER else ts - 1, now, verdicts)

    def record(
        self, buffered: BufferedReading, device_state: DeviceState, late: LateReadings, verdicts: list[Judged]
    ) -> None:
        """Keep a reading that is judged in order."""
        self._bytes += late.judged.add(buffered)
        if not late.judged.count % _LOOK_EVERY or self._bytes > MAX_BYTES:
            self._expire(buffered.at, verdicts)
            self._stay_in_bounds(device_state, verdicts)

    def take_status(self, buffered: BufferedReading, device_state: DeviceState, verdicts: list[Judged]) -> None:
        """Count a status that came late, unless it was sent before. No ordered rule waits for it."""
        late, is_repeated = device_state.late_readings, self.is_repeated(buffered.reading, device_state)
        if not is_repeated:
            device_state.judged += buffered.reading.device_id == device_state.device_id
            if late is not None and buffered.ts > late.start:
                self.record(buffered, device_state, late, verdicts)

    def is_repeated(self, status: Reading, device_state: DeviceState) -> bool:
        """True if this status was judged before, as far back as readings are kept.

        Measurements sent again come late and meet what is kept of the gap; statuses have an order of their own.
        """
        statuses, key = device_state.statuses, _status_key(status)
        if not statuses or key > statuses[-1]:
            device_state.statuses = (*statuses[1 - _KEPT_STATUSES :], key)
            return False
        late = device_state.late_readings
        if late is not None and status.ts > late.start and late.judged.holds(status):
            return True
        ending = key[1][:-SESSION_DIGITS]
        return any(ts == key[0] and part[:-SESSION_DIGITS] == ending and part >= key[1] for ts, part in statuses)

    def is_new_retained(self, reading: Reading, device_state: DeviceState) -> bool:
        """True the first time that the broker replays a reading which the device was not heard with."""
        ts, kind, _, part = order_key(reading)
        key = ts, str(kind), part
        if key in device_state.retained:
            return False
        if is_status(reading):
            was_heard = bool(device_state.statuses) and _status_key(reading) <= device_state.statuses[-1]
        else:
            waiting = [entry.ts for entry in device_state.buffer.waiting if not is_status(entry.reading)]
            late, candidates = device_state.late_readings, [one.ts for one in device_state.candidates]
            uploaded = late.backlog.newest if late is not None and late.backlog is not None else 0
            was_heard = reading.ts <= max([device_state.judged_until, uploaded, *waiting, *candidates])
        if not was_heard:
            device_state.retained = (*device_state.retained[1 - _KEPT_RETAINED :], key)
        return not was_heard

    def wait(
        self,
        buffered: BufferedReading,
        device_state: DeviceState,
        late: LateReadings,
        now: int,
        verdicts: list[Judged],
    ) -> None:
        """Keep a late reading until its backlog is judged."""
        self._bytes += late.wait(buffered, now)
        self._stay_in_bounds(device_state, verdicts)

    def resized(self, device_state: DeviceState, late: LateReadings, former_size: int, verdicts: list[Judged]) -> None:
        """Note that what is kept of a device was replaced."""
        self._bytes += late.size - former_size
        self._stay_in_bounds(device_state, verdicts)

    def note_gaps(self, device_state: DeviceState, late: LateReadings, verdicts: list[Judged]) -> None:
        """Note that another state is kept of a device, perhaps in place of a former one."""
        self._schedule(device_state, late)
        verdicts.append(GapsKept(device_state.device_id, tuple(gap.start for gap in late.gaps), is_new=False))

    def drop_rules(self, device_state: DeviceState, rules: Collection[int]) -> bool:
        """Forget the states of these rules (indexes) at the gaps of a device; False if there were none."""
        late = device_state.late_readings
        if late is None:
            return False
        former = late.gaps, late.size
        late.gaps = [replace(gap, states=self._codec.without(rules, gap.states)) for gap in late.gaps]
        self._bytes += late.size - former[1]
        return late.gaps != former[0]

    def close(self, device_state: DeviceState, verdicts: list[Judged]) -> None:
        """Keep no gap of the device any more; nothing waits in them."""
        late = device_state.late_readings
        if late is not None:
            self._forget(device_state, late, late.gaps[-1].start, verdicts, is_bound=False)

    def _open(self, device_state: DeviceState, start: int, now: int, verdicts: list[Judged]) -> None:
        """Keep the device's present state, which is the one after `start`."""
        self._expire(now, verdicts)
        late = device_state.late_readings
        if late is not None and late.gaps[-1].start >= start:
            return
        gap = Gap(start, now, self._codec.pack(device_state.tracker_states, device_state.rule_states))
        if late is None:
            late, former_size = LateReadings([gap]), 0
            device_state.late_readings = late
        else:
            former_size = late.size
            late.keep(gap)
        self._schedule(device_state, late)
        if start:
            verdicts.append(GapsKept(device_state.device_id, tuple(kept.start for kept in late.gaps), is_new=True))
        self.resized(device_state, late, former_size, verdicts)

    def _expire(self, now: int, verdicts: list[Judged]) -> None:
        """Forget the gaps of all devices that end by `now`, ms."""
        while (device_state := self._ends.pop(now)) is not None:
            self._forget_first(device_state, verdicts, is_bound=False)

    def _stay_in_bounds(self, device_state: DeviceState, verdicts: list[Judged]) -> None:
        late = device_state.late_readings
        while late is not None and late.count > MAX_READINGS:
            self._forget(device_state, late, late.start, verdicts, is_bound=True)
            late = device_state.late_readings
        while self._bytes > MAX_BYTES and (first := self._ends.pop(END_OF_TIME)) is not None:
            self._forget_first(first, verdicts, is_bound=True)

    def _forget_first(self, device_state: DeviceState, verdicts: list[Judged], *, is_bound: bool) -> None:
        """Forget the gap of the device that was opened first, and those that lie before it."""
        late, device_state.gaps_end_at = device_state.late_readings, 0  # the timer has fired
        if late is not None:
            first = min(late.gaps, key=lambda gap: gap.opened_at)
            self._forget(device_state, late, first.start, verdicts, is_bound=is_bound)

    def _schedule(self, device_state: DeviceState, late: LateReadings | None) -> None:
        """Keep the timer of the gap that was opened first."""
        ends_at = min(gap.opened_at for gap in late.gaps) + KEPT_MS + 1 if late is not None else 0
        if ends_at != device_state.gaps_end_at:
            device_state.gaps_end_at = ends_at
            if ends_at:
                self._ends.add(device_state)

    def _forget(
        self, device_state: DeviceState, late: LateReadings, start: int, verdicts: list[Judged], *, is_bound: bool
    ) -> None:
        """Forget a gap and those before it, the readings since that no other covers, and what waited for it."""
        self._change(device_state)
        former_size = late.size
        gaps = [gap for gap in late.gaps if gap.start > start]
        covered_from = gaps[0].start if gaps else device_state.judged_until
        if is_bound:
            device_state.given_up = max(device_state.given_up, covered_from)
        since, due = late.backlog_since, late.due
        for buffered in late.take_backlog():
            if gaps and buffered.ts > covered_from:
                late.wait(buffered, since)
            else:
                reason = NotJudged.OVER_BOUND if is_bound else NotJudged.TOO_LATE
                count_not_judged(buffered.reading, device_state, reason)
        if gaps:
            late.gaps = gaps
            late.judged.drop_until(covered_from)
            if late.backlog is not None:
                late.due = due
            self._bytes += late.size - former_size
        else:
            device_state.late_readings = None
            self._bytes -= former_size
        self._schedule(device_state, device_state.late_readings)
        verdicts.append(GapsKept(device_state.device_id, tuple(gap.start for gap in gaps), is_new=False))


def _status_key(status: Reading) -> tuple[int, str]:
    ts, _, _, part = order_key(status)
    return ts, part


def count_not_judged(reading: Reading, device_state: DeviceState, reason: NotJudged) -> None:
    """Count a reading of the device itself; what another one measured counts there."""
    if reading.device_id == device_state.device_id:
        device_state.not_judged[reason.value] = device_state.not_judged.get(reason.value, 0) + 1
