"""Judges the readings of a device again, with those that came late in their place."""

from bisect import bisect_right
from collections.abc import Container, Mapping, Sequence
from typing import Final, Protocol

from devices.city.model import Device
from devices.readings.models import Reading
from rules.engine.device_state import DeviceState
from rules.engine.late.kept_gaps import KeptGaps, count_not_judged
from rules.engine.late.late_readings import Gap, LateReadings
from rules.engine.late.late_verdicts import Again, GapPassed, Judged, JudgedAgain
from rules.engine.late.state_codec import StateCodec
from rules.engine.not_judged import NotJudged
from rules.engine.reorder_buffer import BufferedReading, OrderKey
from rules.engine.tracker_set import IndexedTracker, TrackerSet

_NEAR_MS: Final = 150_000
"""Of what comes late without a gap, most is late by less, and more of it will come."""
_WORTH: Final = 16
"""A state is kept where it lets at least so many readings rest the next time."""


class JudgeReading(Protocol):
    """Takes one reading into trackers and rules, `again`: into those that are ordered; False if one of them raised."""

    def __call__(
        self,
        buffered: BufferedReading,
        device: Device,
        device_state: DeviceState,
        trackers: list[IndexedTracker],
        verdicts: list[Again],
        *,
        again: bool,
    ) -> bool: ...


class SecondJudgement:
    """From the state before a gap on."""

    def __init__(self, codec: StateCodec, kept: KeptGaps, trackers: TrackerSet, judge_reading: JudgeReading) -> None:
        self._codec, self._kept, self._trackers = codec, kept, trackers
        self._judge_reading = judge_reading

    def judge(
        self,
        device_state: DeviceState,
        device: Device | None,
        late: LateReadings,
        verdicts: list[Judged],
        *,
        everything: bool = False,
    ) -> Reading | None:
        """Judge everything from the gap on that the backlog falls into, each reading in its place.

        `everything`: all that is kept, because it is judged otherwise now. Return the newest reading judged; None if
        nothing was.
        """
        former_size, newest = late.size, None
        index, readings, added = late.merge_backlog(from_first=everything)
        if device is None:
            for key in sorted(added):
                count_not_judged(readings[key].reading, device_state, NotJudged.NOT_VALID)
        elif added or (everything and readings):
            newest = self._judge_since(index, readings, added, device, device_state, late, verdicts)
        self._kept.resized(device_state, late, former_size, verdicts)
        return newest

    def _judge_since(
        self,
        index: int,
        readings: Mapping[OrderKey, BufferedReading],
        added: Container[OrderKey],
        device: Device,
        device_state: DeviceState,
        late: LateReadings,
        verdicts: list[Judged],
    ) -> Reading:
        """Judge these readings from the state at a gap on; `added` are judged for the first time. Return the newest."""
        trackers = self._trackers.of_role[device.role]
        gap, later, given = late.gaps[index], late.gaps[index + 1 :], list[Again]()
        late.judged.drop_after(gap.start)
        self._codec.unpack(gap.states, device_state.tracker_states, device_state.rule_states)
        keys = sorted(readings)
        keep_at = _place_of_state(keys, late.gaps[-1].start) if self._kept.has_room else -1
        for n, key in enumerate(keys):
            buffered = readings[key]
            if n == keep_at:
                index = self._keep_state(keys[n - 1][0], buffered.at, late, device_state, given)
            while later and later[0].start < buffered.ts:
                index = self._pass_gap(index + 1, late, device_state, given)
                del later[0]
            late.judged.add(buffered)
            judged = device.validity.covers(buffered.ts) and self._judge_reading(
                buffered, device, device_state, trackers, given, again=True
            )
            if key in added:
                _count(buffered.reading, device, device_state, judged=judged)
        while index + 1 < len(late.gaps):
            index = self._pass_gap(index + 1, late, device_state, given)
        newest = readings[keys[-1]].reading
        device_state.judged_until = max(device_state.judged_until, newest.ts)
        verdicts.append(JudgedAgain(device_state.device_id, gap.start, device_state.judged_until, given))
        if keep_at > 0:
            self._kept.note_gaps(device_state, late, verdicts)
        return newest

    def _keep_state(
        self, start: int, at: int, late: LateReadings, device_state: DeviceState, given: list[Again]
    ) -> int:
        """Keep one more state, the one after `start`, as if there were a gap; return its index."""
        states = self._codec.pack(device_state.tracker_states, device_state.rule_states)
        late.keep(Gap(start, max(at, *(gap.opened_at for gap in late.gaps)), states))
        given.append(GapPassed(start))
        return len(late.gaps) - 1

    def _pass_gap(self, index: int, late: LateReadings, device_state: DeviceState, given: list[Again]) -> int:
        """Keep the state that the second judgement has at a gap; return its index."""
        gap = late.gaps[index]
        states = self._codec.pack(device_state.tracker_states, device_state.rule_states)
        late.gaps[index] = Gap(gap.start, gap.opened_at, states)
        given.append(GapPassed(gap.start))
        return index


def _count(reading: Reading, device: Device, device_state: DeviceState, *, judged: bool) -> None:
    """Count a reading that was judged for the first time, or was to be."""
    if not judged:
        reason = NotJudged.FAILED if device.validity.covers(reading.ts) else NotJudged.NOT_VALID
        count_not_judged(reading, device_state, reason)
    elif reading.device_id == device_state.device_id:
        device_state.count_judged(reading)


def _place_of_state(keys: Sequence[OrderKey], newest_gap: int) -> int:
    """Index of the reading before which one more state is worth keeping; -1 if none is."""
    place = bisect_right(keys, keys[-1][0] - _NEAR_MS, key=lambda key: key[0])
    rests = place - bisect_right(keys, newest_gap, key=lambda key: key[0])
    return place if rests >= _WORTH else -1
