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
    AGREE_MS,
    BELIEVED_MS,
    BELIEVED_READINGS,
    DOUBTED_READINGS,
    STEADY_MS,
    DeviceClock,
)
from rules.engine.clocks.quorum import Quorum

STEP_MS: Final = 60_000
"""A longer step of receive time between two records is a leap. While the collector listens, a tick comes each 10 s."""
LEAP_WAIT_MS: Final = 120_000
"""So long after a leap a quorum may confirm it. Then most of the devices heard since decide: of the others nothing is
known."""
COME_BACK_MS: Final = 60_000
"""Fleet time stands until the quorum has caught up, if it is no more than this ahead of it; else it goes back."""
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
    """Paced receive time of the last one, ms."""
    confirmed: int = 0
    """Devices heard since it whose clocks went on as far as it."""
    denied: int = 0
    """Devices heard since it whose clocks did not."""


class FleetClock:
    """Keeps the watermark, and watches the clock of each device."""

    def __init__(self, watermark: FleetWatermark | None = None) -> None:
        self.watermark: FleetWatermark = watermark or FleetWatermark()
        self.quorum = Quorum()
        self.went_back = False
        """Fleet time went back; who passes it on takes the note away."""

    @property
    def now(self) -> int:
        """Fleet time, ms; 0 before the first reading."""
        return self.watermark.now

    def restore(self, clocks: Iterable[tuple[DeviceClock, bool]]) -> None:
        """Count the devices in: the clock of each, and whether it was heard.

        Former rows have no clocks: each device is then taken to show the fleet time they have.
        """
        row, found = self.watermark, list(clocks)
        if not any(clock.votes for clock, _ in found):
            row.pace = row.pace or row.received_at or row.now
            for clock, was_heard in found:
                clock.offset = clock.last = row.now - row.pace
                clock.votes = was_heard
        for clock, _ in found:
            if clock.votes:
                self.quorum.add(clock.offset)

    def receive(self, received_at: int) -> None:
        """Note the receive time of the next record, ms."""
        row = self.watermark
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
            row.leaps, row.leap_at, row.confirmed, row.denied = row.leaps + 1, row.pace, 0, 0
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

    def heard(self, clock: DeviceClock, reading: Reading) -> bool:
        """Note that a reading arrived; False unless it agrees with what is believed of its device's clock."""
        apart = reading.ts - self.watermark.pace - clock.offset
        if clock.steady and clock.leap == self.watermark.leaps and -STEADY_MS <= apart <= STEADY_MS:
            return True
        return self._look(clock, reading.ts, reading)

    def refused(self, clock: DeviceClock, ts: int) -> None:
        """Note that a reading of this device time, ms, arrived that is refused because of its time."""
        self._look(clock, ts, None)

    def order_limit(self, clock: DeviceClock) -> int:
        """Device time, ms, beyond which a reading does not move the order of its device."""
        if clock.believed:
            return self.watermark.pace + clock.offset + AHEAD_MS
        return self.watermark.now + AHEAD_MS

    def _look(self, clock: DeviceClock, ts: int, reading: Reading | None) -> bool:
        if reading is not None and isinstance(reading, Status) and reading.cause == "will":
            return True  # dated by the connection, sent by the broker
        row = self.watermark
        offset = ts - row.pace
        if not clock.votes:
            if row.leap and self.quorum.devices:
                offset -= self._leaped_over(clock, offset, self.quorum.offset)
            clock.votes, clock.leap = True, row.leaps
            clock.offset = clock.last = offset
            self.quorum.add(offset)
            self._note_other(clock, offset)
            self._pass()
            return False
        if row.leap:
            offset -= self._leaped_over(clock, offset, clock.offset if clock.believed else clock.last)
        else:
            clock.leap = row.leaps
        agrees = self._compare(clock, offset)
        clock.last = offset
        self._pass()
        return agrees

    def _leaped_over(self, clock: DeviceClock, offset: int, former: int) -> int:
        """The present leap of receive time, ms, if the device's clock went on as far from its former offset; else 0."""
        row = self.watermark
        leap, is_new = row.leap, clock.leap != row.leaps
        if is_new:
            clock.leap, clock.leaped = row.leaps, False
            row.denied += 1
        if not clock.leaped:
            if not -AGREE_MS <= offset - leap - former <= AGREE_MS:
                return 0
            clock.leaped = True
            row.denied -= 1
            row.confirmed += 1
        if row.confirmed >= self.quorum.k:
            self._follow_leap()
        return leap

    def _follow_leap(self) -> None:
        row = self.watermark
        row.pace += row.leap
        row.leap = 0

    def _compare(self, clock: DeviceClock, offset: int) -> bool:
        apart = offset - clock.offset
        if clock.believed and -AGREE_MS <= apart <= AGREE_MS:
            clock.steady, clock.others, clock.apart = True, 0, 0
            if not -STEADY_MS <= apart <= STEADY_MS:
                self._vote(clock, clock.offset + (1_000 if apart > 0 else -1_000))
            return True
        clock.steady = False
        if self._note_other(clock, offset):
            clock.believed = clock.steady = True
            self._vote(clock, clock.other)
            clock.others = clock.apart = 0
            return True
        if clock.believed:
            clock.apart += 1
            clock.believed = clock.apart < DOUBTED_READINGS
        elif offset > clock.offset:
            # A leap counts once another reading bears it out.
            self._vote(clock, max(clock.offset, offset if offset - clock.last <= AGREE_MS else clock.last))
        return False

    def _note_other(self, clock: DeviceClock, offset: int) -> bool:
        """Note a reading that is by no believed clock; True if it and those before it are one to be believed."""
        if not clock.others or not -AGREE_MS <= offset - clock.other <= AGREE_MS:
            clock.other, clock.others, clock.others_since = offset, 1, self.watermark.pace
            return False
        clock.others += 1
        clock.other += (offset - clock.other) // clock.others
        return clock.others >= BELIEVED_READINGS and self.watermark.pace - clock.others_since >= BELIEVED_MS

    def _vote(self, clock: DeviceClock, offset: int) -> None:
        self.quorum.move(clock.offset, offset)
        clock.offset = offset

    def _pass(self) -> None:
        """Let fleet time be that of the quorum."""
        row = self.watermark
        if row.leap and row.pace - row.leap_at > LEAP_WAIT_MS and row.confirmed + row.denied:
            if row.confirmed > row.denied:
                self._follow_leap()
            row.leap = 0
        if not self.quorum.devices:
            return
        now = row.pace + self.quorum.offset
        if now >= row.now:
            row.now = now
        elif row.now - now > COME_BACK_MS:
            row.now = now
            self.went_back = True
