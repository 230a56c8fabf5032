"""One partition that a member of a group owns, as a log of its own. What Kafka acknowledged is read, or its lack named.

The client goes on after what it could not fetch. So nothing is taken after an error or a gap; the partition is fetched
again from there, and no other one waits for it.
"""

import logging
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Protocol

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.record_format import message_of
from ingest.log.records import LogRecord, RawMessage, place_in

_MANY: Final = 4_000
"""Records of one partition that wait to be read; then it is paused until a quarter is left."""

_log = logging.getLogger(__name__)


class PartitionGone(RawLogUnavailable):
    """The partition is another member's, or will be: what was not written is that member's to do again."""


class Member(Protocol):
    """The member that owns the partition (`group.GroupMember`)."""

    copies: bool
    is_gapless: bool

    def commit(self, positions: Mapping[int, int]) -> None: ...
    def ends(self, partition: int) -> tuple[int, int]: ...
    def is_at_end(self, partition: int, offset: int) -> bool: ...
    def seek(self, partition: int, after: int) -> bool: ...
    def pause(self, partition: int) -> None: ...
    def resume(self, partition: int) -> None: ...


class PartitionLog:
    """One owned partition as a log. Its offsets count from 1 in the partition; Kafka itself counts from 0, and leaves
    out those at which transactions end.
    """

    def __init__(self, member: Member, partition: int) -> None:
        self._member, self.partition = member, partition
        self.is_owned = True
        """False once it is another member's: then every method that asks Kafka raises PartitionGone."""
        self._waiting: deque[LogRecord] = deque()
        self._after: int | None = None
        """The records after this offset come next; None: not yet set."""
        self._fetched = 0
        self._paused = False
        self._stopped = False
        """Whether nothing is taken until `read` has gone back to `_fetched`."""
        self._failed: RawLogUnavailable | None = None
        """Why, where it was an error."""
        self._gap: tuple[int, int] | None = None
        """The last gap that was met: it is asked for once more before it is passed."""

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """At most `limit` records after an offset, of those that `GroupMember.poll` fetched; none where it fetched none
        yet: `is_at_end` says whether there are any. Raises PartitionGone, RawLogUnavailable, RawLogMisfit.

        After an error of the partition what was fetched before it comes first, then the error once; what follows is
        fetched again from there.
        """
        self._check()
        if self._stopped and not self._waiting:
            self._go_back()
        if after != self._after and not self._go_to(after):
            return []
        taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        if taken:
            self._after = taken[-1].offset
        if self._paused and len(self._waiting) < _MANY // 4:
            self._paused = False
            self._member.resume(self.partition)
        return taken

    def is_at_end(self, offset: int) -> bool:
        """Whether nothing follows this offset, as far as is known. Asks nothing."""
        return not self._waiting and self._member.is_at_end(self.partition, max(offset, self._fetched))

    def first_offset(self) -> int:
        self._check()
        return self._member.ends(self.partition)[0] + 1

    def last_offset(self) -> int:
        """Offset up to which the partition is written."""
        self._check()
        return self._member.ends(self.partition)[1]

    def commit(self, consumer: str, offset: int) -> None:
        """As `GroupMember.commit`, for this partition. `consumer`: for the port; the member's group it is."""
        self._check()
        self._member.commit({self.partition: offset})

    def positions(self, offset: int) -> Mapping[int, int]:
        return {self.partition: offset}

    def resume(self, positions: Mapping[int, int]) -> int:
        """Raises RawLogMisfit if the partition ends before this position: the topic was made anew."""
        offset = positions.get(self.partition, 0)
        if offset and offset > (end := self.last_offset()):
            raise RawLogMisfit(
                f"partition {self.partition} of the raw log ends at {end:,} and was read to {offset:,}: the topic was "
                "made anew; begin with another HAULWATCH_KAFKA_PREFIX"
            )
        return offset

    def take(self, message: Any) -> bool:
        """Let a fetched record wait to be read. For `GroupMember`."""
        its = message.offset() + 1
        if self._after is None or its <= self._fetched or self._stopped:
            return False
        if its > self._fetched + 1 and self._member.is_gapless and not self._may_pass((self._fetched + 1, its - 1)):
            return False
        _, received_at = message.timestamp()
        try:
            found = message_of(message.headers() or (), message.value() or b"", received_at, copies=self._member.copies)
        except ValueError as exc:
            _log.error("raw log: record %d of partition %d is none of ours: %s", its - 1, self.partition, exc)
            found = RawMessage(f"$kafka/{self.partition}/{its - 1}", message.value() or b"", received_at)
        self._fetched = its
        self._waiting.append(LogRecord(its, found, place_in(self.partition, its)))
        if len(self._waiting) >= _MANY and not self._paused:
            self._paused = True
            self._member.pause(self.partition)
        return True

    def fail(self, error: RawLogUnavailable) -> None:
        """Take nothing more until `read` has raised this error. For `GroupMember`."""
        if self._after is not None and self._failed is None:
            self._failed = error
            self._stop()

    def _stop(self) -> None:
        self._stopped = True
        self._member.pause(self.partition)

    def _may_pass(self, gap: tuple[int, int]) -> bool:
        """Whether Kafka has nothing in this gap: asked for again, it gave neither a record nor an error."""
        if gap != self._gap:
            self._gap = gap
            self._stop()
            return False
        _log.error(
            "raw log: records %d to %d of partition %d are gone from Kafka: it removes by age, read or not; let "
            "HAULWATCH_RAW_LOG_KEEP_DAYS be longer than any standstill",
            *(gap[0] - 1, gap[1] - 1, self.partition),
        )
        return True

    def _go_back(self) -> None:
        """Let what follows the last record that was fetched come again. Raises the error because of which it must."""
        if not self._member.seek(self.partition, self._fetched):
            return
        failed, self._failed = self._failed, None
        self._stopped = self._paused = False
        if failed is not None:
            raise failed

    def _go_to(self, after: int) -> bool:
        """Stand after this offset; False if the client is not ready."""
        if self._after is not None and self._after < after <= self._fetched:
            while self._waiting and self._waiting[0].offset <= after:
                self._waiting.popleft()
            self._after = after
            return True
        if self._after is None:
            self._leap(after)
        if not self._member.seek(self.partition, after):
            return False
        self._waiting.clear()
        self._after = self._fetched = after
        self._paused, self._stopped, self._failed = False, False, None
        return True

    def _leap(self, after: int) -> None:
        """Say which records are gone, where Kafka does not keep what follows."""
        low = self._member.ends(self.partition)[0]
        if low > after > 0:
            _log.error(
                "raw log: records %d to %d of partition %d are gone from Kafka: it removes by age, read or not; let "
                "HAULWATCH_RAW_LOG_KEEP_DAYS be longer than any standstill",
                *(after, low - 1, self.partition),
            )

    def _check(self) -> None:
        if not self.is_owned:
            raise PartitionGone(f"partition {self.partition} is another member's")
