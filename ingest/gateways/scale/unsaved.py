"""What the ticket book is to take, in order; what the disk does not take now waits in memory. Pure.

A truck that was weighed while the disk is full is not lost as long as the process lives. It is not published either: a
ticket's number must be on disk first, or it could come twice.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest.gateways.scale.passes import Settled, Weighed
from ingest.gateways.scale.plates import PlateRead
from ingest.gateways.scale.ticket_book import TicketBookFailed

MAX_UNSAVED: Final = 10_000
"""Weighings in memory: a month of a busy bridge, some 10 MB. The newest beyond it are lost, and counted."""


@dataclass(frozen=True, slots=True)
class Forget:
    """The truck has left, and gets no ticket."""


@dataclass(frozen=True, slots=True)
class Issue:
    """A ticket is to be numbered."""

    weighed: Weighed
    read: PlateRead | None


Entry = Settled | Forget | Issue


class Unsaved:
    """Entries that are to be carried out in the order in which they came."""

    def __init__(self, carry_out: Callable[[Entry], None]) -> None:
        """`carry_out` raises TicketBookFailed where the disk does not take the entry, which then changed nothing."""
        self._carry_out = carry_out
        self._waiting: deque[Entry] = deque()
        self.lost = 0
        """Weighings for which there was no room in memory either."""
        self.trouble: TicketBookFailed | None = None
        """Why the newest attempt failed; None: nothing waits."""

    def add(self, entry: Entry) -> None:
        """Carry it out, or keep it behind what waits already."""
        self._put(entry)
        self.retry()

    def retry(self) -> None:
        """Carry out what waits, until the disk refuses one."""
        self.trouble = None
        while self._waiting:
            try:
                self._carry_out(self._waiting[0])
            except TicketBookFailed as exc:
                self.trouble = exc
                return
            self._waiting.popleft()

    def weighings(self) -> list[Weighed]:
        """Weighings that are in memory only."""
        return [entry.weighed for entry in self._waiting if isinstance(entry, Issue)]

    def _put(self, entry: Entry) -> None:
        while self._waiting and not isinstance(self._waiting[-1], Issue):
            self._waiting.pop()  # the platform's newest state replaces the one before; a ticket clears it too
        if isinstance(entry, Issue) and len(self._waiting) >= MAX_UNSAVED:
            self.lost += 1
            return
        self._waiting.append(entry)
