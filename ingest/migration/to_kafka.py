"""Copies the raw log on disk to Kafka, and finds where each reader goes on there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Protocol

from ingest.log.ports import LogReader
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import ONLY_PARTITION, REVISION_TOPICS, LogRecord, RawMessage
from ingest.migration.plan import MigrationRefused, Move
from ingest.migration.states import ReaderState

_PAGE: Final = 5_000
_REVISION_DIGEST_BYTES: Final = 16

Show = Callable[[str, int, int], None]
"""What is done, how much of it, of how much; called again and again."""


class SourceLog(LogReader, Protocol):
    """The part of the raw log on disk that is read."""

    def first_offset(self) -> int: ...


class Target(Protocol):
    """`ingest.log.kafka.topic_copy.TopicCopy`."""

    @property
    def positions(self) -> dict[int, int]: ...
    def write(self, messages: Sequence[RawMessage]) -> list[int]: ...


@dataclass
class Copied:
    """What a copy came to."""

    records: int = 0
    damaged: int = 0
    """Records that could not be read any more; all readers had passed them."""
    moves: dict[str, Move] = field(default_factory=dict)
    revisions: dict[str, tuple[str, int]] = field(default_factory=dict)


def copy_to_kafka(log: SourceLog, target: Target, states: Sequence[ReaderState], show: Show) -> Copied:
    """Copy every record in order. Raises RawLogError, MigrationRefused."""
    first, last = log.first_offset(), log.last_offset()
    read_to = {state.reader: _read_to(state, last) for state in states}
    wanted = {place for state in states for place in state.places()}
    copied, after = Copied(), first - 1
    at: dict[int, dict[int, int]] = {}
    places: dict[int, int] = {}
    bounds = sorted({*read_to.values(), last})
    while True:
        for bound in bounds:
            if bound <= after:
                at.setdefault(bound, target.positions)
        show("copying", max(after - first + 1, 0), last - first + 1)
        if after >= last:
            break
        records, after = _page(log, after, next(bound for bound in bounds if bound > after), read_to, copied)
        written = target.write([record.message for record in records])
        for record, place in zip(records, written, strict=True):
            if record.offset in wanted:
                places[record.offset] = place
            if record.message.topic in REVISION_TOPICS:  # its offset in a log that is read as one: not before this page
                offset = sum(target.positions.values())
                copied.revisions[record.message.topic] = (digest_of(record.message.payload), offset)
        copied.records += len(records)
    for state in states:
        found = {place: places[place] for place in state.places() if place in places}
        copied.moves[state.reader] = Move(positions=at[read_to[state.reader]], places=found)
    return copied


def _page(
    log: SourceLog, after: int, bound: int, read_to: Mapping[str, int], copied: Copied
) -> tuple[list[LogRecord], int]:
    """The next records up to `bound`, and the offset after which the next page begins."""
    try:
        found = log.read(after, min(_PAGE, bound - after))
    except RawLogCorrupt as exc:
        unread = [reader for reader, offset in read_to.items() if offset < exc.through]
        if unread:
            raise MigrationRefused(
                f"{exc}; the {unread[0]} has not read past it: start it, so that the loss is in its account, and then "
                "migrate"
            ) from exc
        copied.damaged += exc.through - exc.offset + 1
        return [], exc.through
    records = [record for record in found if record.offset <= bound]
    return records, records[-1].offset if records else bound


def digest_of(payload: bytes) -> str:
    """As `ingest.log.revision_writer` notes a revision."""
    return blake2b(payload, digest_size=_REVISION_DIGEST_BYTES).hexdigest()


def _read_to(state: ReaderState, last: int) -> int:
    """The offset up to which a reader has read."""
    positions = state.positions()
    if positions.keys() - {ONLY_PARTITION}:
        raise MigrationRefused(
            f"the {state.reader} has read a log of {len(positions)} partitions, and the log here has one: the data "
            "directory belongs to a log on Kafka, and nothing here is to be moved there"
        )
    offset = positions.get(ONLY_PARTITION, 0)
    if offset > last:
        raise MigrationRefused(
            f"the raw log ends at offset {last:,} and the {state.reader} has read to {offset:,}: the log was lost or "
            f"restored from a backup; start the {state.reader} once, it begins again, and then migrate"
        )
    return offset
