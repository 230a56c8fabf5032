"""Timers in fleet time: devices fire in the order of time and device id.

A class for each of the due times that a device holds: compiled, a method is called in a tenth of the time of a function
that is handed in.
"""

from bisect import insort
from heapq import heappop, heappush
from typing import Final

from rules.engine.device_state import DeviceState

END_OF_TIME: Final = 1 << 60
"""No fleet time, ms, is later."""
_SLOT_MS: Final = 1_000

_Entry = tuple[int, str, int, DeviceState]
"""Due time, device id, and a number that no two entries share, so that device states are never compared."""


class Timers:
    """One timer a device. A device fires once, at the due time it holds itself; an entry whose time is no longer the
    device's due time is skipped.

    Entries wait in slots of a second, unsorted, until fleet time reaches the slot: one heap of a large city's entries
    costs seventeen accesses to cold memory at each step.
    """

    def __init__(self) -> None:
        self._slots: dict[int, list[DeviceState]] = {}
        self._closed: list[int] = []
        """Keys of the slots (fleet time, ms, at which each begins), as a heap."""
        self._open: list[_Entry] = []
        """Entries before `_open_until`, in order; those before `_next` have fired."""
        self._next = 0
        self._open_until = 0

    def due(self, device_state: DeviceState) -> int:
        """Fleet time, ms, at which a device is to fire; 0 if it is not."""
        raise NotImplementedError

    def add(self, device_state: DeviceState) -> None:
        """Let the device fire at its present due time."""
        due = self.due(device_state)
        if due < self._open_until:
            insort(self._open, (due, device_state.device_id, len(self._open), device_state), lo=self._next)
            return
        slot = due - due % _SLOT_MS
        entries = self._slots.get(slot)
        if entries is None:
            self._slots[slot] = [device_state]
            heappush(self._closed, slot)
        else:
            entries.append(device_state)

    def pop(self, until: int) -> DeviceState | None:
        """The next device whose due time is `until` or before; None when there is none."""
        while True:
            while self._next < len(self._open):
                due, _, _, device_state = self._open[self._next]
                if due > until:
                    return None
                self._next += 1
                if self.due(device_state) == due:
                    return device_state
            if self._open:
                self._open, self._next = [], 0
            if not self._closed or self._closed[0] > until:
                return None
            self._open_slot(heappop(self._closed))

    def _open_slot(self, slot: int) -> None:
        """Sort a slot's entries. A device added more than once has as many entries; all but the first are skipped."""
        self._open_until = slot + _SLOT_MS
        entries: list[_Entry] = []
        for device_state in self._slots.pop(slot):
            due = self.due(device_state)
            if slot <= due < self._open_until:
                entries.append((due, device_state.device_id, len(entries), device_state))
        entries.sort()
        self._open, self._next = entries, 0


class FlushTimers(Timers):
    """When a reorder buffer is due."""

    def due(self, device_state: DeviceState) -> int:
        return device_state.flush_at

    def schedule(self, device_state: DeviceState) -> None:
        """Keep one timer no later than the buffer is due, or none while nothing waits."""
        device_state.flush_at = device_state.buffer.due
        if device_state.flush_at:
            self.add(device_state)


class AgainTimers(Timers):
    """When late readings are judged."""

    def due(self, device_state: DeviceState) -> int:
        return device_state.judge_again_at

    def schedule(self, device_state: DeviceState) -> None:
        """Keep one timer no later than the backlog is due; it is corrected when it fires."""
        due = device_state.late_readings.due if device_state.late_readings is not None else 0
        if due and (not device_state.judge_again_at or due < device_state.judge_again_at):
            device_state.judge_again_at = due
            self.add(device_state)


class WakeTimers(Timers):
    """When silence is judged."""

    def due(self, device_state: DeviceState) -> int:
        return device_state.wake_at


class CandidateTimers(Timers):
    """When candidates of a stepped clock are given up."""

    def due(self, device_state: DeviceState) -> int:
        return device_state.candidates_at


class DoubtTimers(Timers):
    """When no more is awaited of a device whose clock is doubtful."""

    def due(self, device_state: DeviceState) -> int:
        return device_state.doubt_at


class GapTimers(Timers):
    """When the gap of a device ends that was opened first."""

    def due(self, device_state: DeviceState) -> int:
        return device_state.gaps_end_at
