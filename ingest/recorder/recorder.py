"""Moves readings from the raw log to the store; each ends as stored, duplicate or quarantined, counted in the ledger.

    read → decode → admit → deduplicate → commit → write → confirm

`Recorder.step` is the whole path. A batch is classified once and committed in one transaction before its points are
written (decision 3 of ARCHITECTURE.md), so the process may end between any two lines: a new Recorder goes on from
there. While one batch is written the next one is classified and committed, and no third: at most two wait in the
outbox.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

from devices.city.model import City
from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.readings.models import Kind
from devices.readings.refusals import Reason, Refusal
from ingest.ledger.state_file import StateUnavailable
from ingest.log.ports import Log
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import CITY_TOPIC, RECORDER, LogRecord
from ingest.log.revisions import city_of_record, first_revisions, one_copy
from ingest.recorder.accepted import AcceptedBatch
from ingest.recorder.admit import MAX_UNREGISTERED, AdmitStage
from ingest.recorder.batch_commit import batch_commit_of
from ingest.recorder.decode import Decoded, SpoiledRecord, decode_records
from ingest.recorder.deduplicate import MEMORY_INSTANTS, DeduplicatedBatch, Deduplicator
from ingest.recorder.rejected import rejected_points
from ingest.recorder.series_index import SeriesIndex
from ingest.recorder.state import OutboxBatch, RecorderState, WriteTimes
from ingest.store import LineStore, StoreFailing, StoreRejected
from ingest.store.halving import write_each

CONSUMER: Final = RECORDER
"""The recorder's name among the raw log's consumers."""
BATCH_RECORDS: Final = 5_000
"""A backlog is recorded in batches of so many, since part of the cost is per batch. Two batches are in memory, some
10 MB each."""
_MAX_READINGS: Final = 10_000
"""A batch ends with the message that reaches this: thousands of arrays do not fit into a process."""
_YIELD_MESSAGES: Final = 200
"""After so many messages, some milliseconds, other tasks run: above all the write in progress."""
_FAILURES_OF_A_BATCH: Final = 4
"""HTTP 500 so many times in a row, over some seconds: the store may fail at one line for ever."""
_RECENT_WRITES: Final = 100
_LEAST_INSTANTS: Final = 1_000
"""Remembered by each of many recorders in one process: half a megabyte."""

_log = logging.getLogger(__name__)


class Recorder:
    """Moves one raw log into one store. Each record is admitted by the revision of the city before it in the log.

    `city` returns the city as it is now, for a log without revisions.
    Raises StateUnavailable, RawLogError when its files cannot be read.
    """

    def __init__(
        self,
        log: Log,
        store: LineStore,
        state: RecorderState,
        city: Callable[[], City],
        *,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        batch_records: int = BATCH_RECORDS,
        disk_trouble: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`disk_trouble`: why nothing may be written now (`ingest.log.disk_guard.DiskFloor`)."""
        self._raw_log = log
        self._store = store
        self._state = state
        self._city_now = city
        self._max_payload_bytes = max_payload_bytes
        self._disk_trouble = disk_trouble
        self._batch_records = batch_records
        self._offset = self._resume_offset()
        revision = state.city() if self._offset else first_revisions(log, frozenset({CITY_TOPIC})).get(CITY_TOPIC)
        self._revision = None if revision is None else one_copy(revision)
        self._unsaved_revision = None if self._offset else self._revision
        self._city = None if self._revision is None else city_of_record(self._revision)
        self._outbox = deque(state.outbox())
        # The deduplicator's memory starts empty, so the outbox of the previous process is written first.
        self._max_waiting = 0
        self._failures = 0
        """Times that the store failed at the present batch."""
        self._write_ms: deque[float] = deque(maxlen=_RECENT_WRITES)
        self._ledger = state.ledger
        self._ledger.compact_all()
        self._series = SeriesIndex(state.newest_by_series())
        now = self._current_city()
        self._admission = AdmitStage(self._series, now, self._ledger.device_ids() - now.devices.keys())
        self._deduplicator = Deduplicator()
        self._release_log()  # before the first batch too: the log is trimmed up to the consumers it knows

    def _resume_offset(self) -> int:
        committed, last = self._raw_log.resume(self._state.positions()), self._raw_log.last_offset()
        if committed <= last:
            return committed
        _log.error(
            "recorder: raw log ends at offset %d but offset %d was recorded: it was lost or restored from a backup;"
            " reading it from its start, stored readings are counted as duplicates",
            last,
            committed,
        )
        return 0

    @property
    def offset(self) -> int:
        """Of the last record that is committed."""
        return self._offset

    def share_bounds(self, recorders: int) -> None:
        """Keep this recorder's part of what one alone may keep: it is one of so many of an installation."""
        self._deduplicator.capacity = max(MEMORY_INSTANTS // recorders, _LEAST_INSTANTS)
        self._admission.max_unregistered = max(MAX_UNREGISTERED // recorders, 1)

    def begin_after(self, offset: int) -> None:
        """Begin behind this offset, for a state without progress: what the log held before is not missed."""
        self._offset = self._offset or offset

    async def step(self) -> int:
        """Take one batch through the pipeline, and write the one before it meanwhile.

            this batch        read → decode → admit → deduplicate → commit
            the one before    write                                        → confirm

        Returns how many records of the log this batch has; 0 when there is nothing to do, then all that was committed
        is written. Raises StoreUnavailable, StateUnavailable, RawLogError: nothing is lost and nothing counted twice,
        call again.
        """
        if (trouble := self._disk_trouble()) is not None:
            raise StateUnavailable(trouble)
        await self._write_all_but(self._max_waiting)
        self._max_waiting = 1
        start = self._offset
        async with _first_failure() as tasks:
            writing = self._start_write(tasks)
            if records := self._read():
                messages = decode_records(records, self._current_city(), self._max_payload_bytes)
                batch = await self._admit(messages, last_offset=records[-1].offset)
                deduplicated = await self._deduplicate(batch)
                self._commit(batch, deduplicated)
        if writing is not None:
            self._confirm(writing.result())
        try:
            self._release_log()
        finally:  # compaction goes on although the raw log cannot be written
            await self._ledger.compact_due()
        return self._offset - start

    async def finish(self) -> None:
        """Write what is committed, and commit no more. Raises as `step` does; then it waits for the next process."""
        await self._write_all_but(0)
        self._release_log()

    def report_trouble(self, trouble: str | None, since: int | None) -> None:
        """Show other processes why the recorder waits, and since when (ms); see `ingest.ledger.report.read_status`."""
        with suppress(StateUnavailable):  # the next attempt reports it again
            self._state.report_trouble(trouble, since)

    def _read(self) -> Sequence[LogRecord | SpoiledRecord]:
        try:
            records = self._raw_log.read(self._offset, self._batch_records)
        except RawLogCorrupt as exc:
            return [SpoiledRecord(exc.through, Refusal(Reason.NOT_A_READING, f"raw log: {exc}", field="payload"))]
        if records and records[0].offset != self._offset + 1:
            _log.error(
                "recorder: records %d to %d are gone from the raw log and were never recorded: segments were removed"
                " by hand or by the disk guard; give the raw log more disk",
                self._offset + 1,
                records[0].offset - 1,
            )
        return self._of_one_city(records)

    def _of_one_city(self, records: list[LogRecord]) -> Sequence[LogRecord]:
        """The records before the next revision of the city; the first may be a revision, which holds from then on."""
        for index, record in enumerate(records):
            if record.message.topic == CITY_TOPIC:
                if index:
                    return records[:index]
                self._take_revision(record.message.payload)
        return records

    def _take_revision(self, payload: bytes) -> None:
        if payload != self._revision and (city := city_of_record(payload)) is not None:
            self._revision = self._unsaved_revision = one_copy(payload)
            self._city = city

    def _current_city(self) -> City:
        return self._city if self._city is not None else self._city_now()

    async def _admit(self, messages: Iterable[Decoded], last_offset: int) -> AcceptedBatch:
        """Admit messages until the batch is full; `last_offset` is that of the last record."""
        batch = AcceptedBatch(last_offset, city=self._unsaved_revision)
        self._admission.use_city(self._current_city())
        for count, message in enumerate(messages, 1):
            self._admission.add(batch, message)
            if len(batch.entries) >= _MAX_READINGS:
                batch.offset = message.offset
                break
            if not count % _YIELD_MESSAGES:
                await asyncio.sleep(0)
        await asyncio.sleep(0)  # after a small batch too, so that the write starts before this batch is committed
        return batch

    async def _deduplicate(self, batch: AcceptedBatch) -> DeduplicatedBatch:
        return await self._deduplicator.classify(batch.accepted, self._store, self._ledger.is_quarantined)

    def _commit(self, batch: AcceptedBatch, deduplicated: DeduplicatedBatch) -> None:
        outgoing = self._state.commit(batch_commit_of(batch, deduplicated, self._raw_log.positions(batch.offset)))
        self._deduplicator.remember(deduplicated)
        self._offset, self._unsaved_revision = batch.offset, None
        if outgoing is not None:
            self._outbox.append(outgoing)

    def _start_write(self, tasks: asyncio.TaskGroup) -> "asyncio.Task[_Written] | None":
        if not self._outbox:
            return None
        return tasks.create_task(self._write(self._outbox[0]), name="recorder writes")

    async def _write_all_but(self, waiting: int) -> None:
        while len(self._outbox) > waiting:
            self._confirm(await self._write(self._outbox[0]))

    async def _write(self, outgoing: OutboxBatch) -> "_Written":
        rejected: Mapping[int, str] = {}
        # A recorder that was paused since the commit would write again what another may have changed meanwhile.
        self._state.check_owner()
        started_at = time.perf_counter()
        # After some attempts the store is asked which line it fails at, so that those behind it do not wait for ever.
        lines, halved = [*outgoing.lines, *outgoing.marks], self._failures >= _FAILURES_OF_A_BATCH
        try:
            await (write_each(self._store.write_lines, lines) if halved else self._store.write_lines(lines))
        except StoreFailing:
            self._failures += 1
            raise
        except StoreRejected as exc:
            # A mark of a row that the store no longer takes, because it is too old, marks nothing.
            rejected = {index: reason for index, reason in exc.rejected if index < len(outgoing.lines)}
        self._failures = 0
        self._write_ms.append((time.perf_counter() - started_at) * 1000)
        return _Written(outgoing, rejected)

    def _confirm(self, written: "_Written") -> None:
        """Remove the oldest batch from the outbox; points that the store rejected become dead letters.

        Do not call this while a batch is classified: the batch may rely on entries that this removes.
        """
        rejected = rejected_points(self._raw_log, written.outgoing, written.rejected)
        times = WriteTimes(self._write_ms[-1], max(self._write_ms))
        self._state.confirm(written.outgoing.batch, [point.letter for point in rejected], times)
        weighings = [(point.series.device_id, point.ts) for point in rejected if point.series.kind is Kind.WEIGHING]
        if weighings:
            self._state.forget_weighings(weighings)
        for point in rejected:
            self._deduplicator.forget(self._series.get(point.series), point.ts)
        self._outbox.popleft()

    def _release_log(self) -> None:
        """Let the raw log trim what is in the store. A reading that the store may still reject needs its record."""
        before = self._raw_log.before
        unwritten = [before(outgoing.locations[0].offset) for outgoing in self._outbox if outgoing.locations]
        self._raw_log.commit(CONSUMER, min([self._offset, *unwritten]))


class _Written(NamedTuple):
    outgoing: OutboxBatch
    rejected: Mapping[int, str]
    """Reasons by index of the line."""


@asynccontextmanager
async def _first_failure() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup that raises the first of its failures alone: who waits for one waits for the others too."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
