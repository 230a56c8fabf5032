"""What the pages of a daybook say, added up by line of the ledger. Pure, and compiled: every reading passes here."""

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Final, NamedTuple

from ingest.ledger.device_health import heard

ReadingEntry = tuple[str, int | None, int | None, int | None, bool]
"""A reading: its line of the ledger; received_at, ms, None if the disk has spoiled it; seq and ts (device time, ms) as
the device's watch hears them, None where it hears none; whether it was admitted. One is made for each reading: a bare
tuple is the cheapest."""
FloodEntry = tuple[str, int, int, int]
"""A flood: line, received_at of its first and last message (ms), and how many messages."""

_HEARD: Final = Struct("<3q")
"""Of an entry: seq, ts, received_at. A tuple of them would take eight times as much."""
_NONE: Final = -1
"""No number and no time."""
_NEVER: Final = 1 << 60


class _Said:
    """What pages say of one line."""

    def __init__(self) -> None:
        self.received = 0
        self.duplicate = 0
        self.quarantined = 0
        self.first_at = _NEVER
        self.last_at = _NONE
        self.newest = _NONE
        self.heard = bytearray()
        """Packed, what its watch has to hear."""

    def see(self, first_at: int, last_at: int) -> None:
        self.first_at = min(self.first_at, first_at)
        self.last_at = max(self.last_at, last_at)


class DeviceTotals(NamedTuple):
    """A row of the ledger, in the order of its columns."""

    line: str
    received: int = 0
    duplicate: int = 0
    stored: int = 0
    """With those that are in the outbox yet."""
    first_seen: int | None = None
    last_seen: int | None = None
    newest: int | None = None
    watch: bytes | None = None
    posted: int = 0
    """The newest page that is in it."""


class PendingDeltas:
    """What pages say, by line of the ledger, in little memory: 24 bytes a reading and some 200 a line."""

    def __init__(self, posted: Mapping[str, int]) -> None:
        """`posted`: of lines which have some of the pages already, the newest that is in."""
        self._posted = posted
        self._said: dict[str, _Said] = {}

    def add(
        self,
        number: int,
        entries: Iterable[ReadingEntry],
        others: Mapping[str, tuple[int, int]],
        floods: Iterable[FloodEntry],
        newest: Mapping[str, int],
    ) -> None:
        """What page `number` has; see `ingest.ledger.deltas.LedgerDelta`. Pages come in their order."""
        self._add_readings(number, entries)
        posted = self._posted
        for line, (duplicate, quarantined) in others.items():
            if posted.get(line, 0) < number:
                said = self._of(line)
                said.duplicate += duplicate
                said.quarantined += quarantined
        for line, first_at, last_at, messages in floods:
            if posted.get(line, 0) < number:
                said = self._of(line)
                said.received += messages
                said.see(first_at, last_at)
        for line, instant in newest.items():
            if posted.get(line, 0) < number:
                said = self._of(line)
                said.newest = max(said.newest, instant)

    def _add_readings(self, number: int, entries: Iterable[ReadingEntry]) -> None:
        posted = self._posted
        for line, received_at, seq, ts, admitted in entries:
            if posted and posted.get(line, 0) >= number:
                continue
            said = self._of(line)
            said.received += 1
            at = _NONE if received_at is None else received_at
            if received_at is not None:
                said.see(at, at)
            if admitted and ts is not None and ts > said.newest:
                said.newest = ts
            # The line of those nobody knows is many devices: it is not watched.
            if line and (seq is not None or ts is not None):
                said.heard += _HEARD.pack(_NONE if seq is None else seq, _NONE if ts is None else ts, at)

    def lines(self) -> list[str]:
        """Sorted: neighbours in the ledger's table are written together."""
        return sorted(self._said)

    def brought_up(self, account: DeviceTotals, page: int) -> DeviceTotals:
        """With what the pages up to `page`, the last that was added, say of its line."""
        said = self._said.get(account.line)
        if said is None:
            return account._replace(posted=page)
        first = said.first_at if account.first_seen is None else min(account.first_seen, said.first_at)
        last = said.last_at if account.last_seen is None else max(account.last_seen, said.last_at)
        newest = said.newest if account.newest is None else max(account.newest, said.newest)
        return DeviceTotals(
            account.line,
            account.received + said.received,
            account.duplicate + said.duplicate,
            account.stored + said.received - said.duplicate - said.quarantined,
            None if first == _NEVER else first,
            None if last == _NONE else last,
            None if newest == _NONE else newest,
            heard(account.watch, _readings(said.heard)) if said.heard else account.watch,
            page,
        )

    def _of(self, line: str) -> _Said:
        said = self._said.get(line)
        if said is None:
            said = self._said[line] = _Said()
        return said


def _readings(packed: bytearray) -> list[tuple[int | None, int | None, int]]:
    return [
        (None if seq == _NONE else seq, None if ts == _NONE else ts, at) for seq, ts, at in _HEARD.iter_unpack(packed)
    ]
