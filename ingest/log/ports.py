"""Ports of the raw log for its users. `ingest.log.raw_log.RawLog` implements all of them.

LogWriter             append messages
└── TrimmableLog      also remove the oldest segments; for the disk guard
LogReader             read records, and know where the log ends
└── Log               also commit, and say where a reader is in each partition; all of what a consumer needs

OnePartition          what a log of one partition says of partitions
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ingest.log.errors import RawLogMisfit
from ingest.log.records import LogRecord, RawMessage


class LogWriter(Protocol):
    """Appends messages."""

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Add messages, all or none, and return the last offset; on return they are durable. Raises RawLogError."""


class TrimmableLog(LogWriter, Protocol):
    """A log that can give disk space back."""

    def committed(self) -> Mapping[str, int]:
        """Consumer → the last offset that it committed. Raises RawLogError."""

    def trim(self, keep_bytes: int, keep_since: int = 0, at_most: int | None = None) -> int:
        """Remove the oldest segments that every consumer has read and return how many. Raises RawLogError.

        Stops when the log has no more than `keep_bytes` and holds nothing received before `keep_since` (ms since 1970
        UTC), or after `at_most` segments.
        """

    def remove_oldest(self, consumers: Collection[str], now: int) -> bool:
        """Remove the oldest segment, read or not, and count what the consumers have not read. Raises RawLogError.

        Returns False if only the newest segment is left, which stays. `now`: ms since 1970 UTC.
        """


class LogReader(Protocol):
    """Reads records in the order of their offsets.

    A log of several partitions (`ingest.log.kafka`) is read as one: offsets are those of the order in which it is read,
    and for the next start a reader saves its positions, one offset for each partition.
    """

    @property
    def partition(self) -> int:
        """Number under which a reader keeps what it has once. `ingest.log.records.ONLY_PARTITION`."""

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """At most `limit` records with offsets after `after`; none only at the end of the log. Raises RawLogError."""

    def last_offset(self) -> int:
        """Offset of the newest record; 0 while there is none. Raises RawLogError."""

    def unread(self, positions: Mapping[int, int]) -> int:
        """How many records the log still keeps after these positions. Raises RawLogError."""


class Log(LogReader, Protocol):
    """A log whose readers note how far they are, so that retention keeps what they have not read."""

    def commit(self, consumer: str, offset: int) -> None:
        """Note that `consumer` needs nothing up to `offset` any more. Raises RawLogError."""

    def positions(self, offset: int) -> Mapping[int, int]:
        """Where a reader is that has read up to `offset`: the last offset of each partition. Of recent offsets only."""

    def resume(self, positions: Mapping[int, int]) -> int:
        """The offset at which a reader goes on that was at these positions; all 0: at the start.

        Raises RawLogError if they are of a log with other partitions.
        """

    def find(self, place: int) -> LogRecord | None:
        """The record at this place (`LogRecord.place`, else its offset); None if the log does not keep it.

        Raises RawLogError.
        """

    def before(self, place: int) -> int:
        """An offset before the record at this place, the last one that is known. Asks nothing."""


class OnePartition(LogReader, Protocol):
    """What a log of one partition says of partitions: an offset is a position, and a place."""

    def positions(self, offset: int) -> Mapping[int, int]:
        return {self.partition: offset}

    def unread(self, positions: Mapping[int, int]) -> int:
        return max(self.last_offset() - positions.get(self.partition, 0), 0)

    def resume(self, positions: Mapping[int, int]) -> int:
        if positions.keys() - {self.partition}:
            raise RawLogMisfit(
                f"what this data directory holds was written for a raw log of {len(positions)} partitions on Kafka: "
                "set HAULWATCH_KAFKA_URL as it was, or begin with an empty data directory"
            )
        return positions.get(self.partition, 0)

    def find(self, place: int) -> LogRecord | None:
        records = self.read(place - 1, 1)
        return records[0] if records and records[0].offset == place else None

    def before(self, place: int) -> int:
        return place - 1
