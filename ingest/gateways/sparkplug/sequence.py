"""The order of the messages of one edge node, by their numbers. Pure: time is an argument."""

from enum import Enum
from typing import Final, Generic, TypeVar

SEQ_MODULUS: Final = 256
REPEATS: Final = 16
"""A number up to so far back is a message that came before. Further back it is a gap of many messages."""
MAX_PENDING_BYTES: Final = 1 << 20
"""Of messages that came before their turn."""

_Item = TypeVar("_Item")


class Fault(Enum):
    """Why a message is not taken."""

    NO_SEQ = "no_seq"
    REPEATED = "repeated"


class Sequence(Generic[_Item]):
    """Messages that come before their turn wait for those that are missing."""

    def __init__(self, next_seq: int) -> None:
        self._next = next_seq % SEQ_MODULUS
        self._pending: dict[int, tuple[_Item, int]] = {}
        self._pending_bytes = 0
        self.gap_since: int | None = None
        """When the first message came before its turn, ms; None: none is missing."""

    @property
    def last(self) -> int:
        """The number up to which none is missing."""
        return (self._next - 1) % SEQ_MODULUS

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._pending)

    @property
    def first_waiting(self) -> int:
        """The number of the message that waits and comes first. Only where one waits."""
        return min(self._pending, key=lambda seq: (seq - self._next) % SEQ_MODULUS)

    @property
    def is_full(self) -> bool:
        """What waits takes too much memory."""
        return self._pending_bytes > MAX_PENDING_BYTES

    def take(self, seq: int | None, item: _Item, size: int, now_ms: int) -> list[_Item] | Fault:
        """The messages whose turn it is now, in order; none while one before them is missing.

        A number that is missing where 0 is due is 0: some senders leave zeros out.
        """
        if seq is None:
            if self._next != 0:
                return Fault.NO_SEQ
            seq = 0
        ahead = (seq - self._next) % SEQ_MODULUS
        if ahead >= SEQ_MODULUS - REPEATS or seq in self._pending:
            return Fault.REPEATED
        self._pending[seq] = item, size
        self._pending_bytes += size
        ready: list[_Item] = []
        while self._next in self._pending:
            one, its_size = self._pending.pop(self._next)
            self._pending_bytes -= its_size
            ready.append(one)
            self._next = (self._next + 1) % SEQ_MODULUS
        if not self._pending:
            self.gap_since = None
        elif ready or self.gap_since is None:
            self.gap_since = now_ms
        return ready
