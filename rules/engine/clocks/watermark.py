"""The watermark: fleet time, from the pace of receive time and the clocks of the devices.

    fleet time = paced receive time + the offset that a quorum of device clocks has

Paced receive time follows the receive times of records in short steps and passes over leaps, so this machine's clock
may be set without leading fleet time. The offset is the k-th highest of all devices (`quorum.Quorum`), so fewer than k
clocks that run ahead do not lead it either.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.readings.models import Reading, Status
from rules.engine.clocks.device_clock import (
    AGAIN,
    AGREE_MS,
    APART,
    APART_ANEW,
    AS_BELIEVED,
    BELIEVED,
    BELIEVED_MS,
    BELIEVED_READINGS,
    CONFIRMS,
    DENIES,
    DOUBTED_READINGS,
    NOTHING,
    OFF_MS,
    ONCE_MS,
    STEADY_MS,
    DeviceClock,
)
from rules.engine.clocks.quorum import Quorum

STEP_MS: Final = 60_000
"""A longer step of receive time between two records is a leap. While the collector listens, a tick comes each 10 s."""
LEAP_WAIT_MS: Final = 120_000
"""So long after a leap a quorum may confirm it. Then most of the devices whose clocks say anything decide."""
LEAP_LIMIT_MS: Final = 600_000
"""A leap that no clock says anything of is dropped."""
DENY_MS: Final = 60_000
"""A clock that still shows the former time so long after a leap speaks against it. An upload of what was buffered
begins with that time too, but soon runs ahead of it."""
COME_BACK_MS: Final = 60_000
"""Fleet time stands until the quorum has caught up, if it is no more than this ahead of it; else it goes back."""
SET_MS: Final = 3_600_000
"""Fleet time that goes on by more at once was wrong before: no device was silent so long."""
_ENOUGH: Final = 3
"""So many clocks that are believed are trusted more than this machine's."""
_APART_MS: Final = OFF_MS + AGREE_MS
"""Readings by one clock differ by less from receive time, however long they are under way."""
_BUFFERED_MS: Final = 25 * 3_600_000
"""No terminal buffers for longer (`rules.engine.late.late_readings.KEPT_MS`)."""
AHEAD_MS: Final = 5_000
"""A reading moves the order of its device at most this far beyond the device's believed clock, or fleet time."""


@dataclass(slots=True)
class FleetWatermark:
    """Fleet time. Rows on disk hold it by these field names."""

    now: int = 0
    """Fleet time, ms; 0 before the first reading."""
    received_at: int = 0
    """Newest receive time of a record, ms of the collector's clock; 0 before the first."""
    pace: int = 0
    """Paced receive time, ms: as receive time, without its leaps."""
    leap: int = 0
    """Receive time less its pace, ms, while it is not decided whether that time has passed: nobody listened, or this
    machine's clock was set."""
    leaps: int = 0
    """Number of leaps so far."""
    leap_at: int = 0
    """Paced receive time of the first reading after the last one, ms; of a former one before that."""
    heard: int = 0
    """Devices heard since it."""
    confirmed: int = 0
    """Devices heard since it whose clocks went on as far as it."""
    denied: int = 0
    """Devices whose clocks still show the time before it."""
    followed: int = 0
    """Sum of the leaps that paced receive time followed, ms, without the first minute of each."""

    @property
    def listened(self) -> int:
        """Paced receive time, ms, without those leaps: how long readings agree is measured in it."""
        return self.pace - self.followed


class FleetClock:
    """Keeps the watermark, and watches the clock of each device."""

    def __init__(self, *, begins_by_receive_time: bool = False) -> None:
        """`begins_by_receive_time`: before the first reading, paced receive time is fleet time: in a partition of which
        no device was ever heard they all are missed all the same.
        """
        self.watermark = FleetWatermark()
        self._begins_by_receive_time = begins_by_receive_time
        self.quorum = Quorum()
        """Offsets of all devices that were heard."""
        self.believed = Quorum()
        """Of those whose clocks are believed: what others upload long after it was measured does not hold it back."""
        self._judged_by = 0
        """The reference by which clocks were judged last."""
        self.reference_moved = False
        """All clocks are to be judged again; who does it takes the note away."""
        self.set_by = 0
        """By how much fleet time was set, ms, negative if back; who passes it on takes the note away."""
        self.leaped_from = 0
        """Fleet time before a leap was followed, ms, else 0; who passes it on takes the note away."""

    @property
    def now(self) -> int:
        """Fleet time, ms; 0 before the first reading."""
        return self.watermark.now

    def restore(self, watermark: FleetWatermark, clocks: Iterable[tuple[DeviceClock, bool]]) -> None:
        """Go on from this watermark and these devices: the clock of each, and whether it was heard.

        Former rows have no clocks: each device is then taken to show the fleet time they have.
        """
        self.watermark = row = watermark
        self.quorum, self.believed, found = Quorum(), Quorum(), list(clocks)
        if not any(clock.votes or clock.others or clock.believed for clock, _ in found):
            row.pace = row.pace or row.received_at or row.now
            for clock, was_heard in found:
                clock.offset = clock.last = clock.vote = row.now - row.pace
                clock.votes = was_heard
                clock.settled = was_heard
        for clock, _ in found:
            clock.settled = clock.settled or clock.believed  # a former row does not say
            if clock.votes:
                self.quorum.add(clock.vote)
                if clock.believed:
                    self.believed.add(clock.vote)
        self._judged_by = self.reference

    def receive(self, received_at: int) -> None:
        """Note the receive time of the next record, ms."""
        row = self.watermark
        if self._begins_by_receive_time and not self.quorum.devices:
            row.pace = row.received_at = received_at  # nobody's clock says anything of a leap
            self._pass()
            return
        step = received_at - row.received_at
        if 0 <= step <= STEP_MS:
            row.pace += step
            row.received_at = received_at
        elif not row.received_at:
            row.pace = max(row.pace, received_at)
            row.received_at = received_at
        elif step > STEP_MS or step < -STEP_MS:
            row.leap += step
            row.received_at = received_at
            row.leaps, row.heard, row.confirmed, row.denied = row.leaps + 1, 0, 0, 0
            if -STEP_MS <= row.leap <= STEP_MS:  # it was set back
                row.pace += max(row.leap, 0)
                row.received_at -= min(row.leap, 0)
                row.leap = 0
        self._pass()

    def quiet(self, quiet_ms: int) -> None:
        """Pass `quiet_ms` in which no device was heard."""
        self.watermark.pace += quiet_ms
        if self.watermark.received_at:
            self.watermark.received_at += quiet_ms
        self._pass()

    def heard(self, clock: DeviceClock, reading: Reading) -> int:
        """Note that a reading arrived; return what it says of its device's clock (`device_clock.AS_BELIEVED` …)."""
        apart = reading.ts - self.watermark.pace - clock.offset
        if clock.steady and not self.watermark.leap and -STEADY_MS <= apart <= STEADY_MS:
            return AS_BELIEVED
        return self._look(clock, reading.ts, reading)

    def refused(self, clock: DeviceClock, ts: int) -> int:
        """As `heard`, of a reading of this device time, ms, that is refused because of it. It does not vote."""
        return self._look(clock, ts, None)

    def correct(self, clock: DeviceClock, by_ms: int) -> None:
        """Expect the device's times so much later from now on, because they are corrected otherwise."""
        clock.steady = False
        if clock.votes or clock.believed or clock.others:
            clock.others = clock.apart = clock.stepped = 0
            clock.last += by_ms
            clock.former += by_ms
            clock.lowest += by_ms
            self._move(clock, clock.offset + by_ms, votes=True)
            self._compare_reference()

    def order_limit(self, clock: DeviceClock) -> int:
        """Device time, ms, beyond which a reading does not move the order of its device."""
        if clock.believed:
            return self.watermark.pace + clock.offset + AHEAD_MS
        return self.watermark.now + AHEAD_MS

    @property
    def reference(self) -> int:
        """Offset, ms, of a clock that is right: this machine's, unless a quorum of clocks shows that this is wrong.

        A quorum is the upper third: by it, the lower clocks of a fleet that differs by ± 90 s would be wrong.
        """
        offset = self.believed.offset if self.believed.devices >= _ENOUGH else 0
        return offset if abs(offset) > OFF_MS else 0

    def off_ms(self, clock: DeviceClock, ts: int) -> int:
        """Device time `ts`, ms, less the time by which the calendar is asked; 0 for a clock that is right.

        A clock that is no longer behind, and not believed to be right yet, shows no time that is still to come. Receive
        time is asked where a clock is not known yet, and shows what nobody can have buffered.
        """
        if not (clock.off or clock.doubtful):
            return 0
        since_ms = ts - self.watermark.pace - self.reference
        if clock.doubtful:
            return since_ms if since_ms < -_BUFFERED_MS else 0
        return max(clock.off, since_ms)

    @property
    def _offset(self) -> int:
        """Fleet time less paced receive time, ms."""
        if not self.believed.devices:
            return self.quorum.offset
        return max(self.quorum.offset, self.believed.offset)

    def _look(self, clock: DeviceClock, ts: int, reading: Reading | None) -> int:
        if reading is not None and isinstance(reading, Status) and reading.cause == "will":
            return AS_BELIEVED  # dated by the connection, sent by the broker
        row = self.watermark
        offset = ts - row.pace
        if not clock.votes and reading is not None:
            if row.leap and self.quorum.devices:
                offset -= self._leaped_over(clock, offset, self._offset)
            clock.votes, clock.leap = True, row.leaps
            clock.offset = clock.last = clock.vote = offset
            # What was believed is by refused readings.
            clock.believed = clock.steady = clock.settled = clock.buffered = False
            clock.off = 0
            self.quorum.add(offset)
            clock.lowest = offset
            self._note_other(clock, offset)
            self._pass()
            self._doubt(clock, offset)
            return APART_ANEW
        if row.leap:
            offset -= self._leaped_over(clock, offset, clock.offset if clock.believed else clock.last)
            if self.believed.devices and clock.says == NOTHING and not -AGREE_MS <= offset - clock.former <= AGREE_MS:
                self._pass()
                return APART  # between the two times: it uploads what was buffered
        found = self._compare(clock, offset, votes=reading is not None)
        clock.last = offset
        self._pass()
        self._compare_reference()
        if clock.votes:
            self._doubt(clock, offset if reading is not None else clock.vote)
        return found

    def _doubt(self, clock: DeviceClock, offset: int) -> None:
        """Note whether a clock that was never believed may be so wrong that no calendar can be asked by it.

        It may if it agrees neither with the reference nor with the fleet. Readings that are far apart are an upload of
        what was buffered within a day: their times are right until the clock is believed to be another. A reading that
        is refused because of its time was not buffered: `offset` and the vote are by accepted ones. A clock that agreed
        once is not doubted again: a second judgement would take back what rules found by it.
        """
        row = self.watermark
        if row.leap or not row.received_at:
            return
        clock.lowest = min(clock.lowest, offset)
        off_ms = abs(clock.vote - self.reference)
        is_of_fleet = self.quorum.k > 1 and abs(clock.vote - self._offset) <= OFF_MS
        if max(clock.vote, offset) - clock.lowest > _APART_MS:
            self.trust_buffered(clock)
        clock.agreed |= off_ms <= OFF_MS or is_of_fleet
        clock.doubtful = not (clock.agreed or clock.believed or clock.settled or clock.buffered)

    def trust_buffered(self, clock: DeviceClock) -> None:
        """Let the times of a device count that uploaded what it buffered, if it can have buffered for so long."""
        clock.buffered = abs(clock.vote - self.reference) <= _BUFFERED_MS
        clock.doubtful = not clock.buffered

    def _compare_reference(self) -> None:
        if not -AGREE_MS <= self.reference - self._judged_by <= AGREE_MS:
            self._judged_by = self.reference
            self.reference_moved = True

    def _leaped_over(self, clock: DeviceClock, offset: int, former: int) -> int:
        """The present leap of receive time, ms, if the device's clock went on as far from its former offset; else 0."""
        row = self.watermark
        leap = row.leap
        if clock.leap != row.leaps:
            clock.leap, clock.former, clock.says = row.leaps, former, NOTHING
            row.leap_at = row.leap_at if row.heard else row.pace
            row.heard += 1
        if clock.says != CONFIRMS:
            if -AGREE_MS <= offset - leap - clock.former <= AGREE_MS:
                says = CONFIRMS
            elif -AGREE_MS <= offset - clock.former <= AGREE_MS and row.pace - row.leap_at >= DENY_MS:
                says = DENIES
            else:
                says = NOTHING
            if says == CONFIRMS and clock.votes and clock.vote > clock.former:
                self._move(clock, clock.former, votes=True)  # it followed an upload that began before the leap was seen
            row.confirmed += says == CONFIRMS
            row.denied += (says == DENIES) - (clock.says == DENIES)
            clock.says = says
        if row.confirmed >= self.quorum.k:
            self._follow_leap()
        return leap if clock.says == CONFIRMS else 0

    def _follow_leap(self) -> None:
        row = self.watermark
        row.pace += row.leap
        row.followed += row.leap - min(row.leap, STEP_MS)
        self.leaped_from = row.now
        row.now = max(row.now, row.pace + self._offset)
        row.leap = 0

    def _compare(self, clock: DeviceClock, offset: int, *, votes: bool) -> int:
        apart = offset - clock.offset
        if clock.believed and -AGREE_MS <= apart <= AGREE_MS:
            was_apart = clock.others > 0
            clock.steady, clock.others, clock.apart = True, 0, 0
            if not -STEADY_MS <= apart <= STEADY_MS:
                self._move(clock, clock.offset + (1_000 if apart > 0 else -1_000), votes=votes)
            return AGAIN if was_apart else AS_BELIEVED
        clock.steady = False
        is_of_upload = self.watermark.listened - clock.others_until < ONCE_MS
        is_anew = self._note_other(clock, offset)
        if clock.others >= BELIEVED_READINGS and self.watermark.listened - clock.others_since >= BELIEVED_MS:
            clock.stepped = clock.other - clock.offset if clock.believed else 0
            if not clock.believed and clock.votes:
                self.believed.add(clock.vote)
            clock.believed = clock.steady = True
            self._move(clock, clock.other, votes=votes)
            clock.apart = 0
            return BELIEVED
        if clock.believed:
            clock.apart += not is_of_upload
            if clock.apart >= DOUBTED_READINGS:
                clock.believed = False
                if clock.votes:
                    self.believed.remove(clock.vote)
        elif offset > clock.offset:
            # A leap counts once another reading bears it out.
            ahead = max(clock.offset, offset if offset - clock.last <= AGREE_MS else clock.last)
            self._move(clock, ahead, votes=votes)
        return APART_ANEW if is_anew else APART

    def _note_other(self, clock: DeviceClock, offset: int) -> bool:
        """Note a reading that is by no believed clock; True unless it agrees with those before it."""
        now = self.watermark.listened
        if not clock.others or not -AGREE_MS <= offset - clock.other <= AGREE_MS:
            clock.other, clock.others, clock.others_since = offset, 1, now
            clock.others_until = now
            return True
        if now - clock.others_until < ONCE_MS:
            return False
        clock.others_until = now
        clock.others += 1
        clock.other += (offset - clock.other) // clock.others
        return False

    def _move(self, clock: DeviceClock, offset: int, *, votes: bool) -> None:
        clock.offset = offset
        if votes and clock.votes:
            self.quorum.move(clock.vote, offset)
            if clock.believed:
                self.believed.move(clock.vote, offset)
            clock.vote = offset

    def _pass(self) -> None:
        """Let fleet time be that of the quorum."""
        row = self.watermark
        if (
            row.leap
            and row.heard
            and row.pace - row.leap_at > (LEAP_WAIT_MS if row.confirmed + row.denied else LEAP_LIMIT_MS)
        ):
            if row.confirmed > row.denied:
                self._follow_leap()
            row.leap = 0
        if not self.quorum.devices:
            if self._begins_by_receive_time:
                row.now = max(row.now, row.pace)
            return
        now = row.pace + self._offset
        gone_ms = now - row.now
        if gone_ms < 0 and -gone_ms <= COME_BACK_MS:
            return
        if row.now and not -COME_BACK_MS <= gone_ms <= SET_MS:
            self.set_by += gone_ms
        row.now = now
