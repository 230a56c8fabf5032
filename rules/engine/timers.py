"""What is to be looked at when fleet time gets there: a queue of dossiers, in the order of time and device."""

from bisect import insort
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from rules.engine.device_state import DeviceState

_SLOT_MS: Final = 1_000

_Entry = tuple[int, str, int, DeviceState]
"""When, whose, and a number that no two share, so that dossiers are never compared."""


class Timers:
    """A dossier comes up once, at the time it says itself; one that says another time by then is passed over.

    Entries wait in slots of a second, unsorted, until fleet time reaches the slot: one heap of a large city's entries
    costs seventeen places of cold memory at each step.
    """

    def __init__(self, due: Callable[[DeviceState], int]) -> None:
        """`due`: the fleet time, ms, at which a dossier wants to come up; 0 if it does not."""
        self._due = due
        self._slots: dict[int, list[DeviceState]] = {}
        self._closed: list[int] = []
        """Keys of the slots, as a heap."""
        self._open: list[_Entry] = []
        """Entries before `_open_until`, in order; those before `_next` have come up."""
        self._next = 0
        self._open_until = 0

    def add(self, known: DeviceState) -> None:
        """Have it come up at the time it says now."""
        due = self._due(known)
        if due < self._open_until:
            insort(self._open, (due, known.device_id, len(self._open), known), lo=self._next)
            return
        slot = due // _SLOT_MS
        entries = self._slots.get(slot)
        if entries is None:
            self._slots[slot] = [known]
            heappush(self._closed, slot)
        else:
            entries.append(known)

    def pop(self, until: int) -> DeviceState | None:
        """The next one whose time is `until` or before; None when there is none."""
        while True:
            while self._next < len(self._open):
                due, _, _, known = self._open[self._next]
                if due > until:
                    return None
                self._next += 1
                if self._due(known) == due:
                    return known
            self._open, self._next = [], 0
            if not self._closed or self._closed[0] * _SLOT_MS > until:
                return None
            self._open_slot(heappop(self._closed))

    def _open_slot(self, slot: int) -> None:
        """Those that were added more than once for this slot come up as often, and are passed over after the first."""
        self._open_until = (slot + 1) * _SLOT_MS
        entries: list[_Entry] = []
        for known in self._slots.pop(slot):
            due = self._due(known)
            if due // _SLOT_MS == slot:
                entries.append((due, known.device_id, len(entries), known))
        entries.sort()
        self._open, self._next = entries, 0
