"""The k-th highest of many numbers that seldom change."""

from bisect import bisect_left, insort
from typing import Final

_SLOT_MS: Final = 1_000
"""Offsets are counted by the second: a fleet has some hundred different ones, however large it is."""


class Quorum:
    """The k-th highest offset of all devices: k is a third of them, but three, and a majority of fewer than five.

    Fewer than k clocks that run ahead do not lead it.
    """

    def __init__(self) -> None:
        self.devices = 0
        self.k = 1
        self._counts: dict[int, int] = {}
        """Devices by offset in seconds."""
        self._slots: list[int] = []
        """Offsets that some device has, in order."""
        self._slot = 0
        """The k-th highest."""
        self._above = 0
        """Devices with a higher one."""

    @property
    def offset(self) -> int:
        """The k-th highest offset, ms, rounded down to a second."""
        return self._slot * _SLOT_MS

    def add(self, offset: int) -> None:
        """Count one more device."""
        self._count(1)
        slot = offset // _SLOT_MS
        if self.devices == 1:
            self._slot, self._above = slot, 0
        self._put(slot)
        self._settle()

    def remove(self, offset: int) -> None:
        """Count one device less, which has this offset."""
        self._count(-1)
        self._take(offset // _SLOT_MS)
        self._settle()

    def move(self, former: int, offset: int) -> None:
        """Note that a device has another offset."""
        taken, slot = former // _SLOT_MS, offset // _SLOT_MS
        if taken != slot:
            self._put(slot)
            self._take(taken)
            self._settle()

    def _count(self, more: int) -> None:
        self.devices += more
        self.k = max(min(3, (self.devices + 1) // 2), self.devices // 3)

    def _take(self, slot: int) -> None:
        count = self._counts[slot] - 1
        if count:
            self._counts[slot] = count
        else:
            del self._counts[slot]
            del self._slots[bisect_left(self._slots, slot)]
        if slot > self._slot:
            self._above -= 1

    def _put(self, slot: int) -> None:
        count = self._counts.get(slot, 0)
        self._counts[slot] = count + 1
        if not count:
            insort(self._slots, slot)
        if slot > self._slot:
            self._above += 1

    def _settle(self) -> None:
        """Go to the slot with less than k devices above it, and at least k with its own."""
        if not self.devices:
            return
        while self._above >= self.k:
            self._slot = self._slots[bisect_left(self._slots, self._slot + 1)]
            self._above -= self._counts[self._slot]
        while self._above + self._counts.get(self._slot, 0) < self.k:
            self._above += self._counts.get(self._slot, 0)
            self._slot = self._slots[bisect_left(self._slots, self._slot) - 1]
