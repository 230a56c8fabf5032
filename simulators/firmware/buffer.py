"""Readings not yet acknowledged: a bounded ring, uploaded in arrays, interleaved with live ones."""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.readings.models import Kind

_LARGEST_ARRAY: Final = 200
"""Readings per upload: some 40 KB of positions."""


@dataclass(frozen=True, slots=True)
class Held:
    """A reading as it will be sent."""

    kind: Kind
    payload: bytes
    session: int | None = None
    """Of a status: which session it speaks for."""


class Buffer:
    """Readings taken online wait in one row, those taken offline in another; sending takes turns between the rows.

    What `next_batch` gives stays in the buffer until `delivered` is called with it.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._live: deque[Held] = deque()
        self._stored: deque[Held] = deque()
        self._live_turn = False

    def __len__(self) -> int:
        return len(self._live) + len(self._stored)

    def add(self, held: Held, *, online: bool) -> bool:
        """Take a reading; False if the oldest one had to go for it."""
        (self._live if online else self._stored).append(held)
        if len(self) <= self._capacity:
            return True
        (self._stored or self._live).popleft()
        return False

    def went_offline(self) -> None:
        """What was to be sent live is history now."""
        self._stored.extend(self._live)
        self._live.clear()

    def next_batch(self) -> tuple[Held, ...]:
        """What to send next: one live reading, or a run of stored ones of a kind that fits one payload; or nothing."""
        if self._live and (self._live_turn or not self._stored):
            return (self._live[0],)
        return self._stored_run()

    def delivered(self, batch: tuple[Held, ...]) -> None:
        """These are acknowledged. One that was pushed out or became history while it was sent is found as well."""
        for held in batch:
            self._live_turn = not (self._live and self._live[0] is held)
            row = self._stored if self._live_turn else self._live
            with suppress(ValueError):
                row.remove(held)

    def clear(self) -> int:
        """The power is cut: forget everything; returns how many readings that were."""
        forgotten = len(self)
        self._live.clear()
        self._stored.clear()
        return forgotten

    def _stored_run(self) -> tuple[Held, ...]:
        if not self._stored:
            return ()
        kind = self._stored[0].kind
        if kind is Kind.STATUS:  # retained, so never in an array
            return (self._stored[0],)
        run: list[Held] = []
        size = 1
        for held in takewhile(lambda held: held.kind is kind, self._stored):
            size += len(held.payload) + 1
            if size > MAX_PAYLOAD_BYTES or len(run) == _LARGEST_ARRAY:
                break
            run.append(held)
        return tuple(run)
