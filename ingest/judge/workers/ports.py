"""What workers need of Kafka. `ingest.log.kafka` implements it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ingest.log.records import LogRecord, RawMessage


class Log(Protocol):
    """One partition. Raises RawLogError, PartitionGone."""

    @property
    def partition(self) -> int: ...
    def read(self, after: int, limit: int) -> list[LogRecord]:
        """Records after an offset, of those that are fetched."""

    def first_offset(self) -> int:
        """Of the oldest record that is kept."""

    def resume(self, positions: Mapping[int, int]) -> int: ...


class Store(Protocol):
    """As `ingest.log.kafka.partition_store.PartitionStore`."""

    def kept(self) -> Mapping[str, bytes]: ...
    def write(self, handed_on: Sequence[RawMessage], kept: Mapping[str, bytes | None], offset: int) -> None:
        """None in place of a value: nothing is kept by this key any more."""


OpenStore = Callable[[int], Store]
"""By partition; fences its former owner."""
