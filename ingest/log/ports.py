"""Ports of the raw log for its users. `ingest.log.raw_log.RawLog` implements all of them.

LogWriter             append messages
└── TrimmableLog      also remove the oldest segments; for the disk guard
LogReader             read records, and know where the log ends
└── Log               also commit; all of what a consumer needs
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

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
    """Reads the records of one partition in the order of their offsets."""

    @property
    def partition(self) -> int:
        """Number of the partition. A log is one partition: offsets are comparable within it only.

        A reader keys its saved offsets by it. On one machine there is only `ingest.log.records.ONLY_PARTITION`.
        """

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """At most `limit` records with offsets after `after`; none only at the end of the log. Raises RawLogError."""

    def last_offset(self) -> int:
        """Offset of the newest record; 0 while there is none. Raises RawLogError."""


class Log(LogReader, Protocol):
    """A log whose readers note how far they are, so that retention keeps what they have not read."""

    def commit(self, consumer: str, offset: int) -> None:
        """Note that `consumer` needs nothing up to `offset` any more. Raises RawLogError."""
