"""Device health: readings that never arrived, sequence resets, and the clock, from a device's numbers and times.

Gaps are exact within bounds: a gap is a number between two that arrived; a late arrival closes it, a repeat changes
nothing. A counter that falls back while device time goes on was reset and starts a new run; a late upload from before
the reset is recognised by its device time and belongs to the run before. A reading whose message cannot be read at all
stays a gap, although its bytes are among the dead letters.

Health is kept packed: a few hundred bytes a device, so that a large fleet's is written in little time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from struct import Struct, pack, unpack_from
from typing import Final

from devices.readings.models import MAX_AHEAD_MS

HealthSample = tuple[int | None, int | None, int]
"""seq, ts (device time, ms) and received_at (ms) of a reading; None where the device sent none that can be read."""

MAX_RANGES: Final = 32
"""Open gaps of one run. Older ones stay counted, but late arrivals no longer close them."""
MAX_JUMP: Final = 1_000_000
"""A longer jump forward is a reset: eleven days of a reading a second are not lost in one piece."""
SLOT_MS: Final = 300_000
"""Length of a slot. Only its smallest delay counts: the upload of a buffer ends with a fresh reading."""
MAX_SLOTS: Final = 24
_RECENT_SLOTS: Final = 9
"""The offset is their median: about the last three quarters of an hour in which the device sent."""
_DRIFT_SLOTS: Final = 12
_DRIFT_SPAN_MS: Final = 3_600_000
"""Over a shorter span network delays exceed the drift of a quartz."""
_HOUR_MS: Final = 3_600_000
_NONE: Final = -2
"""No number, no number before the first, and no time."""
_HEAD: Final = Struct("<12q")
_SLOT: Final = Struct("<2q")
_SLOT_AND_RUN: Final = Struct("<5q")
"""Part of the head: the open slot, and the run's first time, last number and newest time."""
_SLOT_AT: Final = 16
_GAP_SIZE: Final = 8
"""Bytes of one bound; a gap has two."""


@dataclass(slots=True)
class _Run:
    """The numbers from one reset to the next."""

    first_ts: int
    last: int
    newest_ts: int
    gaps: list[int] = field(default_factory=list)
    """Missing ranges in ascending order, flat: first, last, first, last, …"""

    def missing(self) -> int:
        return sum(self.gaps[1::2]) - sum(self.gaps[::2]) + len(self.gaps) // 2

    def close_gap(self, seq: int) -> bool:
        """Take a number out of the gaps; False if it is in none."""
        for at in range(0, len(self.gaps), 2):
            first, last = self.gaps[at], self.gaps[at + 1]
            if first <= seq <= last:
                left = [first, seq - 1] if first < seq else []
                right = [seq + 1, last] if seq < last else []
                self.gaps[at : at + 2] = left + right
                return True
        return False

    def advance(self, seq: int) -> None:
        """Go on to a later number; the numbers between are a gap."""
        if seq > self.last + 1:
            self.gaps += (self.last + 1, seq - 1)
        self.last = seq

    def drop_oldest_gaps(self) -> int:
        """Drop the gaps beyond the bound; return how many numbers were missing in them."""
        if len(self.gaps) <= 2 * MAX_RANGES:
            return 0
        before = self.missing()
        del self.gaps[: -2 * MAX_RANGES]
        return before - self.missing()


class DeviceHealth:
    """One device's health, unpacked."""

    def __init__(self, packed: bytes | None = None) -> None:
        self.resets = 0
        """How often its counter was set back, or far ahead."""
        self._gaps_dropped = 0
        self._slot_at = self._slot_delay = _NONE
        self._run: _Run | None = None
        self._past: _Run | None = None
        self._slots = b""
        if packed is not None:
            self._unpack(packed)

    @property
    def gaps(self) -> int:
        """Numbers that the device gave to readings and that have not arrived."""
        return self._gaps_dropped + sum(run.missing() for run in (self._run, self._past) if run is not None)

    @property
    def clock_offset_ms(self) -> int | None:
        """Receive time minus device time, median of recent slots; positive: its clock is behind; None before any."""
        delays = [delay for _, delay in self._all_slots()[-_RECENT_SLOTS:]]
        return _median(delays) if delays else None

    @property
    def clock_drift_ms_per_h(self) -> float | None:
        """How fast the offset grows; None before an hour and a dozen slots. A clock that was set shows here too."""
        slots = self._all_slots()
        if len(slots) < _DRIFT_SLOTS or slots[-1][0] - slots[0][0] < _DRIFT_SPAN_MS:
            return None
        third = len(slots) // 3
        (early_at, early), (late_at, late) = (
            (_median([at for at, _ in part]), _median([delay for _, delay in part]))
            for part in (slots[:third], slots[-third:])
        )
        return round((late - early) * _HOUR_MS / (late_at - early_at), 1) if late_at > early_at else None

    def update(self, samples: Iterable[HealthSample]) -> None:
        """Add samples in the order of the raw log."""
        for seq, ts, received_at in samples:
            if ts is not None:
                delay = received_at - ts
                if self._slot_at != _NONE and -SLOT_MS < received_at - self._slot_at < SLOT_MS:
                    self._slot_delay = min(self._slot_delay, delay)
                else:
                    self._next_slot(received_at, delay)
            if seq is not None:
                # A time in the future does not order readings.
                self._add_number(seq, None if ts is None or ts - received_at > MAX_AHEAD_MS else ts)

    def _add_number(self, seq: int, ts: int | None) -> None:
        run = self._run
        if run is None:
            if ts is not None:
                self._run = _Run(ts, seq, ts)
            return
        later = ts is not None and ts > run.newest_ts
        if ts is not None and ts < run.first_ts and self._past is not None:
            run = self._past
        if 0 < seq - run.last <= MAX_JUMP:
            run.advance(seq)
        elif not run.close_gap(seq) and later and ts is not None:
            self._start_run(seq, ts)
            return
        self._gaps_dropped += run.drop_oldest_gaps()
        if ts is not None:
            run.newest_ts = max(run.newest_ts, ts)

    def _start_run(self, seq: int, ts: int) -> None:
        self.resets += 1
        if self._past is not None:
            self._gaps_dropped += self._past.missing()
        self._past, self._run = self._run, _Run(ts, seq, ts)

    def _next_slot(self, received_at: int, delay: int) -> None:
        if self._slot_at != _NONE:
            kept = self._slots + _SLOT.pack(self._slot_at, self._slot_delay)
            self._slots = kept[-(MAX_SLOTS - 1) * _SLOT.size :]
        self._slot_at, self._slot_delay = received_at, delay

    def _all_slots(self) -> list[tuple[int, int]]:
        slots = [(at, delay) for at, delay in _SLOT.iter_unpack(self._slots)]
        return slots if self._slot_at == _NONE else [*slots, (self._slot_at, self._slot_delay)]

    def packed(self) -> bytes:
        run, past = self._run, self._past
        head = _HEAD.pack(
            *(self.resets, self._gaps_dropped, self._slot_at, self._slot_delay),
            *(_NONE, _NONE, _NONE, 0) if run is None else (run.first_ts, run.last, run.newest_ts, len(run.gaps)),
            *(_NONE, _NONE, _NONE, 0) if past is None else (past.first_ts, past.last, past.newest_ts, len(past.gaps)),
        )
        gaps = (run.gaps if run else []) + (past.gaps if past else [])
        return head + (pack(f"<{len(gaps)}q", *gaps) if gaps else b"") + self._slots

    def _unpack(self, packed: bytes) -> None:
        self.resets, self._gaps_dropped, self._slot_at, self._slot_delay, *runs = _HEAD.unpack_from(packed)
        at = _HEAD.size
        found: list[_Run | None] = []
        for first_ts, last, newest_ts, count in (runs[:4], runs[4:]):
            gaps = list(unpack_from(f"<{count}q", packed, at)) if count else []
            at += _GAP_SIZE * count
            found.append(None if last == _NONE else _Run(first_ts, last, newest_ts, gaps))
        self._run, self._past = found
        self._slots = packed[at:]


def updated_health(packed: bytes | None, samples: Sequence[HealthSample]) -> bytes:
    """Packed health after these samples; `packed` is not changed, so that a failed compaction changes nothing."""
    if packed is not None and (after := _updated_in_order(packed, samples)) is not None:
        return after
    health = DeviceHealth(packed)
    health.update(samples)
    return health.packed()


def _updated_in_order(packed: bytes, samples: Sequence[HealthSample]) -> bytes | None:
    """The same for consecutive numbers, as nearly all are, at a fifth of the price; None if any is out of order."""
    slot_at, slot_delay, first_ts, last, newest_ts = _SLOT_AND_RUN.unpack_from(packed, _SLOT_AT)
    if slot_at == _NONE:
        return None
    ended = b""
    for seq, ts, received_at in samples:
        if seq is None or seq != last + 1 or ts is None or ts < newest_ts:
            return None
        delay = received_at - ts
        if delay < -MAX_AHEAD_MS:
            return None
        last, newest_ts = seq, ts
        if not -SLOT_MS < received_at - slot_at < SLOT_MS:
            ended += _SLOT.pack(slot_at, slot_delay)
            slot_at, slot_delay = received_at, delay
        elif delay < slot_delay:
            slot_delay = delay
    after = bytearray(packed)
    _SLOT_AND_RUN.pack_into(after, _SLOT_AT, slot_at, slot_delay, first_ts, last, newest_ts)
    if ended:
        _append_slots(after, ended)
    return bytes(after)


def _append_slots(packed: bytearray, ended: bytes) -> None:
    """Append slots to packed health, and remove the oldest when there are too many."""
    *_, run_gaps, _, _, _, past_gaps = _HEAD.unpack_from(packed)
    packed += ended
    slots_at = _HEAD.size + _GAP_SIZE * (run_gaps + past_gaps)
    excess = len(packed) - slots_at - (MAX_SLOTS - 1) * _SLOT.size
    if excess > 0:
        del packed[slots_at : slots_at + excess]


def _median(values: list[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]
