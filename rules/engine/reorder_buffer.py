"""Reordering: the readings of one device in the order of device time, whatever order they arrive in."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from devices.readings.models import Position, Reading, Status, Throughput
from devices.readings.series import part_of

WINDOW_MS: Final = 30_000
"""How much older than the device's newest reading another may be and still be put in order."""

HOLD_MS: Final = 2 * WINDOW_MS
"""What compares devices waits until fleet time is this far past it. By then, readings that arrived at most `WINDOW_MS`
after newer ones of the fleet have left every buffer."""

MAX_WAITING: Final = 4_096
"""Readings of one device that wait, about 1 MB: a hundred a second over the window, as many as a device may send as
single messages. Half of it for what others measured about the device: a weighbridge must not shut out a truck."""

SESSION_DIGITS: Final = 16

UNNUMBERED: Final = -2
"""No number comes after it."""
_LOOKS_AT: Final = 64
"""Readings that wait and are looked at for the next number: one device must not make others wait."""

_STATUS: Final = Status  # compiled, the name of a class that is not is looked up each time, a constant is not
_POSITION: Final = Position
_THROUGHPUT: Final = Throughput

OrderKey = tuple[int, str, str, str]


def order_key(reading: Reading) -> OrderKey:
    """Device time first; then everything that can be measured at one instant, in a fixed order."""
    part = part_of(reading)
    if type(reading) is Status:  # a device that connects again within its clock's second has another session
        part = f"{part} {reading.session:0{SESSION_DIGITS}}"
    return reading.ts, reading.kind, reading.device_id, part


@dataclass(init=False, slots=True)
class BufferedReading:
    """A reading that waits for judgement. Never changed; one is made for every reading (see
    `rules.contract.observation`).
    """

    ts: int
    at: int
    """Device time, ms, at which the fleet received it: its own; if it came later than the window allows, fleet time
    less the window."""
    reading: Reading

    def __init__(self, ts: int, at: int, reading: Reading) -> None:
        self.ts = ts
        self.at = at
        self.reading = reading


@dataclass(slots=True)
class ReorderBuffer:
    """The readings of one device that wait for judgement.

    A reading is released when the device's newest one is more than the window ahead of it, or when fleet time shows
    that nothing older can still come; or at once, where the numbers of the device (`seq`) show that none is missing
    before it. Of readings with the same order key the first that arrived is judged, which the recorder stores; a second
    one is a duplicate or a conflict there.
    """

    device_id: str
    newest: int = 0
    """Newest device time of the device itself, ms."""
    open_from: int = 0
    """Readings before this device time come too late to be put in order."""
    due: int = 0
    """Fleet time at which what waits is released, `WINDOW_MS` after its newest measurement; 0 when nothing waits."""
    waiting: list[BufferedReading] = field(default_factory=list)
    """In order."""
    sequence: int = UNNUMBERED
    """`seq` of the device's reading up to which none is missing; `UNNUMBERED` while that is not known."""

    def arrive(
        self, reading: Reading, fleet_now: int, limit: int, *, at_once: bool = False
    ) -> Sequence[BufferedReading] | None:
        """Take a reading and return those that may be judged now, in order; None when it came too late.

        A reading that another device measured about this one (a ticket) does not move the device's time on. A status
        moves it on, but says nothing about the measurements that are still to come. A reading beyond `limit` (device
        time, ms) moves it no further than there: by its own clock that time has not come yet. `at_once`: what is
        complete by its numbers does not wait.
        """
        ts = reading.ts
        own = reading.device_id == self.device_id
        if own:
            self._move_on(reading, limit)
        if ts < self.open_from:
            return None
        waiting = self.waiting
        at = max(ts, fleet_now - WINDOW_MS)
        arrived = BufferedReading(ts, at, reading)
        if not waiting or ts > waiting[-1].ts:
            waiting.append(arrived)
        elif not self._insert(arrived):
            return ()  # sent before: it must not put off what waits
        if at_once and own and reading.seq is not None:
            self._pass_complete(limit)
        released: Sequence[BufferedReading] = ()
        count = 0
        while count < len(waiting) and waiting[count].ts < self.open_from:
            count += 1
        if count:
            released = waiting[:count]
            del waiting[:count]
            self._note_sequence(released)
            if not waiting:
                self.due = 0
                return released
        # A device that lags behind the fleet, or uploads what it buffered, is due after its last arrival instead. `due`
        # never moves to an earlier time: the caller's timer looks at the time it was set to first. A status does not
        # put it off: a device may send statuses for ever, and what waits would never be judged.
        if not self.due or not is_status(reading):
            newest = waiting[-1].ts
            self.due = max(self.due, (newest if fleet_now < newest + WINDOW_MS else fleet_now) + WINDOW_MS)
        return released

    def has_room(self, reading: Reading, limit: int) -> bool:
        """False if so many readings wait that this one cannot: it would neither release others nor repeat one."""
        own, waiting = reading.device_id == self.device_id, self.waiting
        if len(waiting) < (MAX_WAITING if own else MAX_WAITING // 2):
            return True
        if own and min(reading.ts, limit) - WINDOW_MS > waiting[0].ts and not is_status(reading):
            return True
        index, key = self._find(reading)
        return index < len(waiting) and order_key(waiting[index].reading) == key

    def flush(self, fleet_now: int) -> Sequence[BufferedReading]:
        """Release what waits, once fleet time has reached `due`; else nothing.

        Statuses of the last `WINDOW_MS` stay: older measurements of theirs may still come.
        """
        if not self.due or fleet_now < self.due:
            return ()
        waiting, count = self.waiting, len(self.waiting)
        while count and is_status(waiting[count - 1].reading) and waiting[count - 1].ts > fleet_now - WINDOW_MS:
            count -= 1
        released, self.waiting = waiting[:count], waiting[count:]
        self._note_sequence(released)
        for last in reversed(released):
            if not is_status(last.reading):
                self.open_from = max(self.open_from, last.ts + 1)
                break
        self.due = self.waiting[0].ts + WINDOW_MS if self.waiting else 0
        return released

    def time_was_set(self, fleet_now: int, heard_after: int) -> None:
        """Note that fleet time was wrong from `heard_after` on, ms: what arrived then counts as if it arrived now."""
        self.due = min(self.due, fleet_now + WINDOW_MS)
        at = fleet_now - WINDOW_MS
        self.waiting = [
            BufferedReading(entry.ts, max(entry.ts, at), entry.reading) if entry.at > heard_after else entry
            for entry in self.waiting
        ]

    def _move_on(self, reading: Reading, limit: int) -> None:
        """Move the time of the device on by a reading of its own."""
        ts = reading.ts
        self.newest = max(self.newest, ts)
        until = min(ts, limit) - WINDOW_MS
        if until > self.open_from and not is_status(reading):
            self.open_from = until
        if ts < self.open_from and reading.seq is not None and reading.seq == self.sequence + 1:
            self.sequence = reading.seq  # late, not missing

    def _pass_complete(self, limit: int) -> None:
        """Open the order from behind the newest measurement before which no number is missing.

        Only of kinds of which a device has one reading an instant: others of the same instant may still come.
        """
        for index in range(min(len(self.waiting), _LOOKS_AT)):
            entry = self.waiting[index]
            reading = entry.reading
            if reading.seq is None or reading.seq <= self.sequence or reading.device_id != self.device_id:
                continue
            if reading.seq != self.sequence + 1 or entry.ts > limit:
                return
            self.sequence = reading.seq
            kind = type(reading)
            if kind is _POSITION or kind is _THROUGHPUT:
                self.open_from = max(self.open_from, entry.ts + 1)

    def _note_sequence(self, released: Sequence[BufferedReading]) -> None:
        """Count on from the newest measurement that was released: what is missing before it would come too late."""
        for entry in reversed(released):
            reading = entry.reading
            if type(reading) is not _STATUS and reading.device_id == self.device_id:
                self.sequence = UNNUMBERED if reading.seq is None else reading.seq
                return

    def _insert(self, arrived: BufferedReading) -> bool:
        """Insert in order; False if one with the same order key is there."""
        index, key = self._find(arrived.reading)
        if index < len(self.waiting) and order_key(self.waiting[index].reading) == key:
            return False
        self.waiting.insert(index, arrived)
        return True

    def _find(self, reading: Reading) -> tuple[int, OrderKey]:
        key = order_key(reading)
        return bisect_left(self.waiting, key, key=lambda buffered: order_key(buffered.reading)), key


def is_status(reading: Reading) -> bool:
    return type(reading) is _STATUS
