"""Topics in memory, with the promises that workers rest on: a transaction is there whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.log.errors import RawLogUnavailable
from ingest.log.records import REVISION_TOPICS, LogRecord, RawMessage


@dataclass
class MemoryLog:
    """One partition, all of it fetched."""

    partition: int
    records: list[LogRecord]
    gone: int = 0
    """So many of the oldest are removed by age."""

    def read(self, after: int, limit: int) -> list[LogRecord]:
        begin = max(after, self.gone)
        return self.records[begin : begin + limit]

    def first_offset(self) -> int:
        return self.gone + 1

    def resume(self, positions: Mapping[int, int]) -> int:
        return positions[self.partition]


@dataclass
class MemoryTopics:
    """State by partition, and verdicts."""

    verdicts: list[LogRecord] = field(default_factory=list)
    state: dict[int, dict[str, bytes]] = field(default_factory=dict)
    fails_before: int = 0
    """Transactions, counted from now, until one is refused."""
    fails_after: int = 0
    """Likewise until one is written without an answer, as where the worker dies right after."""

    def store(self, partition: int) -> "MemoryStore":
        return MemoryStore(self, partition)

    def first_revisions(self, logs: Sequence[MemoryLog], partition: int, topics: frozenset[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for record in logs[partition].records:
            if record.message.topic in topics & REVISION_TOPICS:
                found.setdefault(record.message.topic, record.message.payload)
        return found


@dataclass
class MemoryStore:
    """What one owner writes."""

    topics: MemoryTopics
    partition: int

    def kept(self) -> Mapping[str, bytes]:
        return dict(self.topics.state.get(self.partition, {}))

    def write(self, handed_on: Sequence[RawMessage], kept: Mapping[str, bytes | None], offset: int) -> None:
        topics = self.topics
        topics.fails_before -= 1
        topics.fails_after -= 1
        if topics.fails_before == 0:
            raise RawLogUnavailable("refused")
        for message in handed_on:
            topics.verdicts.append(LogRecord(len(topics.verdicts) + 1, message))
        state = topics.state.setdefault(self.partition, {})
        for key, value in kept.items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        if topics.fails_after == 0:
            raise RawLogUnavailable("no answer")
