"""The buffer of readings not yet acknowledged: bounded; stored readings go out in arrays, between live ones."""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.readings.models import Kind

_LARGEST_ARRAY: Final = 200
"""Readings per array: some 40 KB of positions."""


@dataclass(frozen=True, slots=True)
class PendingReading:
    """A reading as it will be sent."""

    kind: Kind
    payload: bytes
    session: int | None = None
    """For a status: the session it reports."""


class Buffer:
    """Two queues: live readings, taken online, and stored ones, taken offline. Sending takes turns between them.

    A batch from `next_batch` stays in the buffer until `delivered` is called with it.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._live: deque[PendingReading] = deque()
        self._stored: deque[PendingReading] = deque()
        self._live_turn = False

    def __len__(self) -> int:
        return len(self._live) + len(self._stored)

    def add(self, pending: PendingReading, *, online: bool) -> bool:
        """Add a reading; False if the oldest one was dropped to make room."""
        (self._live if online else self._stored).append(pending)
        if len(self) <= self._capacity:
            return True
        (self._stored or self._live).popleft()
        return False

    def went_offline(self) -> None:
        """Move live readings to the stored ones: they will be sent as history."""
        self._stored.extend(self._live)
        self._live.clear()

    def next_batch(self) -> tuple[PendingReading, ...]:
        """The next batch: one live reading, or stored ones of one kind that fit one payload; empty if none wait."""
        if self._live and (self._live_turn or not self._stored):
            return (self._live[0],)
        return self._stored_run()

    def delivered(self, batch: tuple[PendingReading, ...]) -> None:
        """Remove acknowledged readings, also those that moved or were dropped while they were sent."""
        for pending in batch:
            self._live_turn = not (self._live and self._live[0] is pending)
            queue = self._stored if self._live_turn else self._live
            with suppress(ValueError):
                queue.remove(pending)

    def clear(self) -> int:
        """Drop all readings, as a power cut does; returns how many they were."""
        dropped = len(self)
        self._live.clear()
        self._stored.clear()
        return dropped

    def _stored_run(self) -> tuple[PendingReading, ...]:
        if not self._stored:
            return ()
        kind = self._stored[0].kind
        if kind is Kind.STATUS:  # retained, so never sent in an array
            return (self._stored[0],)
        run: list[PendingReading] = []
        size = 1
        for pending in takewhile(lambda pending: pending.kind is kind, self._stored):
            size += len(pending.payload) + 1
            if size > MAX_PAYLOAD_BYTES or len(run) == _LARGEST_ARRAY:
                break
            run.append(pending)
        return tuple(run)
