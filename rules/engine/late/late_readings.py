"""What is kept of one device so that readings which come too late are judged in their place after all.

A device that was offline sends a status or a live fix and then what it buffered. So the state of the device before each
gap in its readings is kept, and its readings since. What falls into a gap is judged again with all that follows it.
"""

from dataclasses import dataclass, field
from typing import Final

from rules.engine.late.reading_pack import ReadingPack
from rules.engine.reorder_buffer import WINDOW_MS, BufferedReading, OrderKey, order_key

GAP_INTERVALS: Final = 3.5
"""Between two readings of a device there is a gap if they are more than so many of its intervals apart, and more than
the reorder window: one or two lost readings leave none."""
KEPT_MS: Final = 25 * 3_600_000
"""A gap is kept this long in fleet time: a terminal buffers no more than a day, and what it uploads may wait until it
is known that its clock did not step back (`rules.engine.clocks.candidates`).
"""
MAX_GAPS: Final = 8
"""States kept a device; the oldest one covers everything since."""
MAX_READINGS: Final = 9_000
"""Readings kept a device: 25 hours at one each 10 s, about 300 KB. Beyond that the oldest gap is given up."""
MAX_BYTES: Final = 64 * 1024 * 1024
"""Kept over all devices. Beyond that the gap that was opened first is given up."""
BACKLOG: Final = 2_160
"""So many late readings are judged at once, without waiting for the end of the upload."""
LONGEST_WAIT_MS: Final = 5 * 60_000
"""An upload that never pauses is judged this often, in fleet time."""
_OVERHEAD_BYTES: Final = 600


@dataclass(slots=True)
class Gap:
    """A stretch without readings. Never changed."""

    start: int
    """Newest device time judged before it, ms; 0 if nothing was."""
    opened_at: int
    """Fleet time, ms."""
    states: bytes
    """States of trackers and ordered rules before it (`rules.engine.late.state_codec`)."""


@dataclass(slots=True)
class LateReadings:
    """The gaps kept of a device, the readings judged since the oldest one, and those that wait to be judged in it."""

    gaps: list[Gap]
    """By `start`, oldest first; never empty."""
    judged: ReadingPack = field(default_factory=ReadingPack)
    backlog: ReadingPack | None = None
    """None while nothing waits."""
    backlog_since: int = 0
    """Fleet time, ms, at which its first reading came; 0 while it is empty."""
    due: int = 0
    """Fleet time, ms, at which the backlog is judged; 0 while it is empty."""

    @property
    def start(self) -> int:
        """Only what is newer than this can be put in its place."""
        return self.gaps[0].start

    @property
    def size(self) -> int:
        states = sum(len(gap.states) for gap in self.gaps)
        return _OVERHEAD_BYTES + states + self.judged.size + (self.backlog.size if self.backlog is not None else 0)

    @property
    def count(self) -> int:
        """Readings kept."""
        return self.judged.count + (self.backlog.count if self.backlog is not None else 0)

    def wait(self, buffered: BufferedReading, fleet_now: int) -> int:
        """Let a late reading wait; return by how many bytes what is kept grew."""
        if self.backlog is None:
            self.backlog, self.backlog_since = ReadingPack(), fleet_now
        grown = self.backlog.add(buffered)
        self._await_more(self.backlog.count, fleet_now)
        return grown

    def take_backlog(self) -> list[BufferedReading]:
        """What waits, in the order of arrival; nothing waits any more."""
        waiting = self.backlog.after(0) if self.backlog is not None else []
        self.backlog, self.backlog_since, self.due = None, 0, 0
        return waiting

    def time_was_set(self, fleet_now: int) -> None:
        """Note that fleet time went back: the backlog waits as if it had begun now."""
        self.backlog_since = min(self.backlog_since, fleet_now)
        self.due = min(self.due, fleet_now + WINDOW_MS)

    def keep(self, gap: Gap) -> Gap | None:
        """Keep one more gap. Of too many, the one is forgotten, and returned, whose neighbours are closest: never the
        oldest.
        """
        self.gaps.append(gap)
        if len(self.gaps) <= MAX_GAPS:
            return None
        apart = [(self.gaps[n + 1].start - self.gaps[n - 1].start, n) for n in range(1, len(self.gaps) - 1)]
        return self.gaps.pop(min(apart)[1])

    def merge_backlog(self, *, from_first: bool = False) -> tuple[int, dict[OrderKey, BufferedReading], set[OrderKey]]:
        """Empty the backlog. Return the index of the gap it falls into, the readings since, and which of them are new.

        `from_first`: since the first gap, whatever there is in the backlog.
        Of readings with one order key the first that arrived is taken, as the recorder stores that one.
        """
        backlog = self.take_backlog()
        first = 0 if from_first else min(buffered.ts for buffered in backlog)
        index = max(index for index, gap in enumerate(self.gaps) if gap.start < first or index == 0)
        readings = {order_key(buffered.reading): buffered for buffered in self.judged.after(self.gaps[index].start)}
        added: set[OrderKey] = set()
        for buffered in backlog:
            key = order_key(buffered.reading)
            if key not in readings:
                readings[key] = buffered
                added.add(key)
        return index, readings, added

    def _await_more(self, waiting: int, fleet_now: int) -> None:
        """The backlog grew: judge it once nothing more has come for the reorder window."""
        if waiting >= BACKLOG:
            self.due = fleet_now
        else:
            self.due = max(self.due, min(fleet_now + WINDOW_MS, self.backlog_since + LONGEST_WAIT_MS))
