"""The gaps kept of all devices, within bounds: a day, so many readings a device, so many bytes over all devices."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from devices.readings.models import Reading
from rules.engine.device_state import FORMER, DeviceState
from rules.engine.late.late_readings import KEPT_MS, MAX_BYTES, MAX_READINGS, Gap, LateReadings
from rules.engine.late.late_verdicts import GapsKept, Judged
from rules.engine.late.reading_pack import ReadingPack
from rules.engine.late.state_codec import StateCodec
from rules.engine.not_judged import NotJudged
from rules.engine.reorder_buffer import SESSION_DIGITS, BufferedReading, is_status, order_key

_KEPT_STATUSES: Final = 4
"""Statuses of a device that are known again although no gap is kept."""

_KEPT_RETAINED: Final = 8
"""Replayed readings of a device that are known again; the broker retains one a topic."""


class KeptGaps:
    """Opens gaps and forgets them. What it forgets is passed to the fleet stage, what waited for it is counted."""

    def __init__(self, codec: StateCodec, change: Callable[[DeviceState], None]) -> None:
        """`change`: called for a device whose state changes although nothing of it is being judged."""
        self._codec, self._change = codec, change
        self._opened: OrderedDict[tuple[int, str, int], DeviceState] = OrderedDict()
        """Devices by fleet time of opening, id and start, in the order of opening: at most `MAX_GAPS` of a device."""
        self._bytes = 0
        """Size of all that is kept."""

    def restore(self, devices: Iterable[DeviceState]) -> None:
        """Take over what the states of these devices keep."""
        kept = [(state, state.late_readings) for state in devices if state.late_readings is not None]
        self._bytes = sum(late.size for _, late in kept)
        opened = {(gap.opened_at, state.device_id, gap.start): state for state, late in kept for gap in late.gaps}
        self._opened = OrderedDict(sorted(opened.items(), key=lambda gap: gap[0]))

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
        grown = late.judged.add(buffered)
        self._bytes += grown
        if grown < 0 or self._bytes > MAX_BYTES:  # a part was made: often enough for the bound of a device
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
            device_state.statuses = [*statuses[1 - _KEPT_STATUSES :], key]
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
            was_heard = reading.ts <= max([device_state.judged_until, *waiting])
        if not was_heard:
            device_state.retained = [*device_state.retained[1 - _KEPT_RETAINED :], key]
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
        self._bytes += late.backlog.add(buffered)
        late.await_more(now)
        self._stay_in_bounds(device_state, verdicts)

    def resized(self, device_state: DeviceState, late: LateReadings, former_size: int, verdicts: list[Judged]) -> None:
        """Note that what is kept of a device was replaced."""
        self._bytes += late.size - former_size
        self._stay_in_bounds(device_state, verdicts)

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
            dropped = late.keep(gap)
            if dropped is not None:
                self._opened.pop((dropped.opened_at, device_state.device_id, dropped.start), None)
        self._opened[now, device_state.device_id, start] = device_state
        if start:
            verdicts.append(GapsKept(device_state.device_id, tuple(kept.start for kept in late.gaps), is_new=True))
        self.resized(device_state, late, former_size, verdicts)

    def _expire(self, now: int, verdicts: list[Judged]) -> None:
        """Forget the gaps that were opened more than a day before `now`, ms, of all devices."""
        while self._opened and next(iter(self._opened))[0] < now - KEPT_MS:
            self._forget_oldest(verdicts, is_bound=False)

    def _stay_in_bounds(self, device_state: DeviceState, verdicts: list[Judged]) -> None:
        late = device_state.late_readings
        while late is not None and late.judged.count + late.backlog.count > MAX_READINGS:
            self._forget(device_state, late, late.start, verdicts, is_bound=True)
            late = device_state.late_readings
        while self._bytes > MAX_BYTES and self._opened:
            self._forget_oldest(verdicts, is_bound=True)

    def _forget_oldest(self, verdicts: list[Judged], *, is_bound: bool) -> None:
        """Forget the gap that was opened first, of all devices."""
        (_, _, start), device_state = self._opened.popitem(last=False)
        late = device_state.late_readings
        if late is not None and late.start <= start:
            self._forget(device_state, late, start, verdicts, is_bound=is_bound)

    def _forget(
        self, device_state: DeviceState, late: LateReadings, start: int, verdicts: list[Judged], *, is_bound: bool
    ) -> None:
        """Forget a gap and those before it, the readings since that no other covers, and what waited for it."""
        self._change(device_state)
        former_size = late.size
        gaps = [gap for gap in late.gaps if gap.start > start]
        for gap in late.gaps[: len(late.gaps) - len(gaps)]:
            self._opened.pop((gap.opened_at, device_state.device_id, gap.start), None)
        covered_from = gaps[0].start if gaps else device_state.judged_until
        if is_bound:
            device_state.given_up = max(device_state.given_up, covered_from)
        waiting, late.backlog = late.backlog.after(0), ReadingPack()
        for buffered in waiting:
            if gaps and buffered.ts > covered_from:
                late.backlog.add(buffered)
            else:
                reason = NotJudged.OVER_BOUND if is_bound else NotJudged.TOO_LATE
                count_not_judged(buffered.reading, device_state, reason)
        if gaps:
            late.gaps = gaps
            late.judged.drop_until(covered_from)
            if not late.backlog.count:
                late.backlog_since = late.due = 0
            self._bytes += late.size - former_size
        else:
            device_state.late_readings = None
            self._bytes -= former_size
        verdicts.append(GapsKept(device_state.device_id, tuple(gap.start for gap in gaps), is_new=False))


def _status_key(status: Reading) -> tuple[int, str]:
    ts, _, _, part = order_key(status)
    return ts, part


def count_not_judged(reading: Reading, device_state: DeviceState, reason: NotJudged) -> None:
    """Count a reading of the device itself; what another one measured counts there."""
    if reading.device_id == device_state.device_id:
        device_state.not_judged[reason.value] = device_state.not_judged.get(reason.value, 0) + 1
