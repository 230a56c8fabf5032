"""What the other parts need of the raw log. `ingest.log.raw_log.RawLog` implements all of it.

Log                 all of what a consumer needs
├── LogReader       read records, and know where the log ends
└── LogWriter       append messages
"""

from collections.abc import Sequence
from typing import Protocol

from ingest.log.records import LogRecord, RawMessage


class LogWriter(Protocol):
    """Appends messages."""

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Add messages, all or none, and return the last offset; on return they are durable. Raises RawLogError."""


class LogReader(Protocol):
    """Reads records in the order of their offsets."""

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """At most `limit` records with offsets after `after`; none only at the end of the log. Raises RawLogError."""

    def last_offset(self) -> int:
        """Offset of the newest record; 0 while there is none. Raises RawLogError."""


class Log(LogReader, Protocol):
    """A log whose readers note how far they are, so that retention keeps what they have not read."""

    def commit(self, consumer: str, offset: int) -> None:
        """Note that `consumer` needs nothing up to `offset` any more. Raises RawLogError."""
