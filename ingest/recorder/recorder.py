"""From raw log to store: every reading ends as stored, duplicate or quarantined, and the ledger says which.

`Recorder.step` is the path. A batch is classified once and settled in one transaction before its points are written
(decision 3 of ARCHITECTURE.md), so it may be stopped between any two lines: a new Recorder goes on from there. While
one batch is being written the next is classified and settled, and none after it: at most two wait in the outbox.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from devices.city.model import City
from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.codecs.registry import codec_of
from devices.readings.models import Kind
from devices.readings.refusals import Reason, Refusal
from devices.readings.series import Point, SeriesKey
from ingest.ledger.compaction import Compaction
from ingest.log.raw_log import RawLogCorrupt, RawLogError
from ingest.log.records import RECORDER, LogRecord, ReadingLocation
from ingest.process.pause import pause
from ingest.recorder.batch_commit import batch_commit_of
from ingest.recorder.decode import DecodedBatch, DecodeStage, refused_reading
from ingest.recorder.deduplicate import Deduplicator
from ingest.recorder.state import (
    OutboxBatch,
    RecorderState,
    RefusedReading,
    StateUnavailable,
    WriteTimes,
)
from ingest.store import LineStore, StoreMisconfigured, StoreRejected, StoreUnavailable
from ingest.store.line_protocol import decode_line

CONSUMER: Final = RECORDER
"""The recorder's name among the raw log's consumers."""
BATCH_RECORDS: Final = 5_000
"""A backlog goes in batches of so many: what is done once for each batch costs a record the less. Two of them are in
memory, some 10 MB each."""
_BREATH_RECORDS: Final = 200
"""After so many, some milliseconds, whoever else waits for the thread has it: the write under way, above all."""
_IDLE_S: Final = 0.05
_GATHER_S: Final = 0.1
"""Live, the recorder waits so long for more after a small batch: each costs two syncs and a request, however small."""
_WORTH_A_WRITE: Final = 2_500
"""Records: a batch of as many is written while the next is settled, and nobody waits."""
_RECENT_WRITES: Final = 100
_MAX_RETRY_AFTER_S: Final = 300.0
"""A store that asks for more is asked again after this."""

_log = logging.getLogger(__name__)


class Log(Protocol):
    """The part of the raw log the recorder uses."""

    def read(self, after: int, limit: int) -> list[LogRecord]: ...

    def last_offset(self) -> int: ...

    def commit(self, consumer: str, offset: int) -> None: ...


class Recorder:
    """Moves one raw log into one store. `city` gives the city as it is now; a new revision holds from the next batch.

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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._store = store
        self._state = state
        self._city = city
        self._batch_records = batch_records
        self._offset = self._resume()
        self._outbox = deque(state.outbox())
        # What an earlier process left is not in this one's memory, so it is written before anything is classified.
        self._may_wait = 0
        self._posting = Compaction(state, monotonic)
        self._posting.all()
        marks = state.marks()
        self._identity = Deduplicator()
        self._write_ms: deque[float] = deque(maxlen=_RECENT_WRITES)
        self._intake = DecodeStage(state.ledger_lines() - city().devices.keys(), marks, max_payload_bytes)
        self._commit()  # before the first batch too: the log trims by those consumers it knows of

    def _resume(self) -> int:
        settled, last = self._state.offset(), self._log.last_offset()
        if settled <= last:
            return settled
        _log.error(
            "raw log: ends at %d and %d were read: it was lost or put back, and is read from its start", last, settled
        )
        return 0

    async def step(self) -> int:
        """Write the batch settled before, and settle one more meanwhile; how many records of the log that one was.

        0 when there is nothing to do; then all that was settled is written.
        Raises StoreUnavailable, StateUnavailable, RawLogError: nothing is lost and nothing counted twice, call again.
        """
        await self._write_all_but(self._may_wait)
        self._may_wait = 1
        before = self._offset
        if self._outbox:
            self._confirm(await self._write_and_settle())
        else:
            await self._settle_next()
        try:
            self._commit()
        finally:  # a raw log that takes no notes does not keep batches from being settled
            for _ in self._posting.some():
                await asyncio.sleep(0)
        return self._offset - before

    async def _write_all_but(self, waiting: int) -> None:
        while len(self._outbox) > waiting:
            self._confirm(await self._write(self._outbox[0]))

    async def _write_and_settle(self) -> "_Written":
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(self._write(self._outbox[0]), name="recorder writes")
                await self._settle_next()
        except BaseExceptionGroup as group:
            # Of both failures the first; who waits for the one waits for the other too.
            raise group.exceptions[0] from None
        return writing.result()

    async def finish(self) -> None:
        """Write what is settled, and settle no more. Raises as `step` does; then it waits for the next process."""
        await self._write_all_but(0)
        self._commit()

    def report(self, trouble: str | None, since: int | None) -> None:
        """Let other processes see why the recorder waits, and since when (ms); see
        `ingest.ledger.report.read_status`.
        """
        with suppress(StateUnavailable):  # what it would say is said again with the next attempt
            self._state.report(trouble, since)

    async def _settle_next(self) -> None:
        batch = await self._read()
        if batch is None:
            return
        classified = await self._identity.classify(batch.admitted, self._store, self._state.is_quarantined)
        settlement = batch_commit_of(batch, classified)
        outgoing = self._state.settle(settlement)
        self._posting.written(settlement.page.readings)
        self._identity.remember(classified)
        self._offset = batch.offset
        if outgoing is not None:
            self._outbox.append(outgoing)

    async def _read(self) -> DecodedBatch | None:
        try:
            records = self._log.read(self._offset, self._batch_records)
        except RawLogCorrupt as exc:
            return _unreadable(exc)
        if not records:
            return None
        if records[0].offset != self._offset + 1:
            _log.error("raw log: records %d to %d are gone, never read", self._offset + 1, records[0].offset - 1)
        batch, city = DecodedBatch(records[0].offset), self._city()
        for start in range(0, len(records), _BREATH_RECORDS):
            some = records[start : start + _BREATH_RECORDS]
            self._intake.take(batch, some, city)
            await asyncio.sleep(0)
            if batch.offset < some[-1].offset:  # it is full
                break
        return batch

    async def _write(self, outgoing: OutboxBatch) -> "_Written":
        refused: Mapping[int, str] = {}
        began = time.perf_counter()
        try:
            await self._store.write_lines(outgoing.lines)
        except StoreRejected as exc:
            refused = dict(exc.rejected)
        self._write_ms.append((time.perf_counter() - began) * 1000)
        return _Written(outgoing, refused)

    def _confirm(self, written: "_Written") -> None:
        """The oldest of the outbox is in the store; what of it the store will never take becomes dead letters.

        Not while a batch is being classified: it may have met in memory what is forgotten here.
        """
        outgoing, refused = written
        poison = {place: decode_line(outgoing.lines[place]) for place in refused}
        letters = [
            self._rejection(outgoing.places[place], dict(point.tags)["device"], refused[place])
            for place, point in poison.items()
        ]
        self._state.clear(outgoing.batch, letters, WriteTimes(self._write_ms[-1], max(self._write_ms)))
        if letters:
            self._posting.written(0)
        for point in poison.values():
            self._identity.forget(self._intake.series(_series(point)), point.ts)
        self._outbox.popleft()

    def _rejection(self, place: ReadingLocation, device: str, reason: str) -> RefusedReading:
        refusal = Refusal(Reason.REJECTED_BY_STORE, reason)
        with suppress(RawLogCorrupt):
            for record in self._log.read(place.offset - 1, 1):
                if (
                    record.offset == place.offset
                    and codec_of(record.message.dialect).device_of(record.message.topic) == device
                ):
                    return refused_reading(record.message, place.index, refusal, device)
        _log.error("raw log: record %d is gone, what the store refused is kept without its bytes", place.offset)
        return RefusedReading(device, device, refusal, "", b"", 0)

    def _commit(self) -> None:
        """Up to what is in the store: a reading that it refuses needs the bytes of its record."""
        self._log.commit(CONSUMER, min([self._offset, *(outgoing.places[0].offset - 1 for outgoing in self._outbox)]))


class _Written(NamedTuple):
    outgoing: OutboxBatch
    refused: Mapping[int, str]
    """Why, by place."""


def _series(point: Point) -> SeriesKey:
    tags = dict(point.tags)
    return SeriesKey(Kind(point.measurement), tags["device"], tags.get("compartment", ""))


def _unreadable(exc: RawLogCorrupt) -> DecodedBatch:
    """A record the disk has spoiled: it is counted as one reading, of nobody and of no time."""
    refusal = Refusal(Reason.NOT_A_READING, f"raw log: {exc}", field="payload")
    return DecodedBatch(
        exc.offset, letters=[RefusedReading("", "", refusal, "", b"", 0)], entries=[("", None, None, None, False)]
    )


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: doubling, capped, jittered so that recorders do not march in step."""

    first_s: float = 0.5
    cap_s: float = 30.0

    def delay_s(self, failures: int, retry_after_s: float | None, dice: Callable[[], float]) -> float:
        """After so many failures in a row (1 for the first); never sooner than the store asked for."""
        longest = min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return max(longest * (0.5 + 0.5 * dice()), min(retry_after_s or 0.0, _MAX_RETRY_AFTER_S))


async def run_recorder(
    recorder: Recorder, stop: asyncio.Event, *, clock: Callable[[], int], backoff: Backoff = Backoff()
) -> None:
    """Record until told to stop, through any outage. `clock` gives ms since 1970 UTC, for people only.

    What is settled when it is told to stop is written first, unless the store is away; then it waits in the outbox.
    """
    failures, since = 0, 0
    recorder.report(None, None)
    while not stop.is_set():
        try:
            handled = await recorder.step()
            if failures:
                _log.info("recorder goes on after %d attempts", failures)
                recorder.report(None, None)
                failures, since = 0, 0
            if 0 < handled < _WORTH_A_WRITE:
                await recorder.finish()  # there is no next batch to settle meanwhile
        except (StoreUnavailable, StateUnavailable, RawLogError) as exc:
            failures += 1
            since = since or clock()
            level = logging.ERROR if isinstance(exc, StoreMisconfigured) else logging.WARNING
            _log.log(level, "recorder waits, attempt %d: %s", failures, exc)
            recorder.report(str(exc), since)
            await pause(stop, backoff.delay_s(failures, getattr(exc, "retry_after", None), random.random))
            continue
        if handled < _WORTH_A_WRITE:
            await pause(stop, _GATHER_S if handled else _IDLE_S)
    if not failures:
        with suppress(StoreUnavailable, StateUnavailable, RawLogError):
            await recorder.finish()
