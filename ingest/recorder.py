"""From raw log to store: every reading ends as stored, duplicate or quarantined, and the ledger says which.

`Recorder.step` is the path. A batch is classified once and settled in one transaction before its points are written
(decision 3 of ARCHITECTURE.md), so it may be stopped between any two lines: a new Recorder goes on from there.
"""

import asyncio
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from devices.city import City
from devices.codec import MAX_PAYLOAD_BYTES
from devices.refusals import Reason, Refusal
from devices.series import Point, point_of, series_key
from ingest.device_watch import heard
from ingest.identity import Classified, Identity, Verdict, content_digest
from ingest.intake import Batch, Intake, device_of, letter
from ingest.messages import LogRecord
from ingest.pause import pause
from ingest.raw_log import RawLogCorrupt, RawLogError
from ingest.recorder_state import Letter, Pending, RecorderState, Settlement, StateUnavailable, Tally, WriteTimes
from ingest.store import Instant, Store, StoreMisconfigured, StoreRejected, StoreUnavailable

CONSUMER: Final = "recorder"
"""The recorder's name among the raw log's consumers."""
BATCH_RECORDS: Final = 2_000
_IDLE_S: Final = 0.05
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
        store: Store,
        state: RecorderState,
        city: Callable[[], City],
        *,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        batch_records: int = BATCH_RECORDS,
    ) -> None:
        self._log = log
        self._store = store
        self._state = state
        self._city = city
        self._batch_records = batch_records
        self._offset = self._resume()
        self._pending = state.pending()
        self._identity = Identity(state.marks())
        self._watches = state.watches()
        self._write_ms: deque[float] = deque(maxlen=_RECENT_WRITES)
        self._intake = Intake(state.ledger_lines() - city().devices.keys(), max_payload_bytes)
        # Before the first batch too: the log trims by those consumers it knows of.
        log.commit(CONSUMER, min([self._offset, *(pending.offset - 1 for pending in self._pending)]))

    def _resume(self) -> int:
        settled, last = self._state.offset(), self._log.last_offset()
        if settled <= last:
            return settled
        _log.error(
            "raw log: ends at %d and %d were read: it was lost or put back, and is read from its start", last, settled
        )
        return 0

    async def step(self) -> int:
        """Record one batch; how many records of the log that were, 0 when there is nothing to do.

        Raises StoreUnavailable, StateUnavailable, RawLogError: nothing is lost and nothing counted twice, call again.
        """
        await self._write_pending()
        before = self._offset
        batch = self._read()
        if batch is None:
            return 0
        classified = await self._classify(batch)
        pending = _sort(batch, classified)
        self._settle(batch, classified, pending)
        await self._write_pending()
        self._log.commit(CONSUMER, self._offset)  # last: a point the store refuses needs the bytes of its record
        return self._offset - before

    def report(self, trouble: str | None, since: int | None) -> None:
        """Let other processes see why the recorder waits, and since when (ms); see `ingest.ledger.read_status`."""
        with suppress(StateUnavailable):  # what it would say is said again with the next attempt
            self._state.report(trouble, since)

    def _read(self) -> Batch | None:
        try:
            records = self._log.read(self._offset, self._batch_records)
        except RawLogCorrupt as exc:
            return _unreadable(exc)
        if not records:
            return None
        if records[0].offset != self._offset + 1:
            _log.error("raw log: records %d to %d are gone, never read", self._offset + 1, records[0].offset - 1)
        return self._intake.take(records, self._city())

    async def _classify(self, batch: Batch) -> Classified:
        readings = [admitted.reading for admitted in batch.admitted]
        return await self._identity.classify(readings, self._store, self._state.is_quarantined)

    def _settle(self, batch: Batch, classified: Classified, pending: list[Pending]) -> None:
        watches = {name: heard(self._watches.get(name), tally.heard) for name, tally in batch.tallies.items() if name}
        self._state.settle(Settlement(batch.offset, pending, batch.letters, classified.marks, batch.tallies, watches))
        self._identity.remember(classified)
        self._watches.update(watches)
        self._offset = batch.offset
        self._pending = pending

    async def _write_pending(self) -> None:
        """Write the outbox and clear it. What the store will never take becomes dead letters."""
        if not self._pending:
            return
        refused: dict[int, str] = {}
        began = time.perf_counter()
        try:
            await self._store.write([pending.point for pending in self._pending])
        except StoreRejected as exc:
            refused = {id(point): reason for point, reason in exc.rejected}
        self._write_ms.append((time.perf_counter() - began) * 1000)
        stored = Counter(_device(pending.point) for pending in self._pending if id(pending.point) not in refused)
        poison = [pending for pending in self._pending if id(pending.point) in refused]
        letters = [self._rejection(pending, refused[id(pending.point)]) for pending in poison]
        self._state.clear(stored, letters, WriteTimes(self._write_ms[-1], max(self._write_ms)))
        self._identity.forget(pending.point for pending in poison)
        self._pending = []

    def _rejection(self, pending: Pending, reason: str) -> Letter:
        refusal, device = Refusal(Reason.REJECTED_BY_STORE, reason), _device(pending.point)
        with suppress(RawLogCorrupt):
            for record in self._log.read(pending.offset - 1, 1):
                if record.offset == pending.offset and device_of(record.message.topic) == device:
                    return letter(record.message, pending.place, refusal, device)
        _log.error("raw log: record %d is gone, what the store refused is kept without its bytes", pending.offset)
        return Letter(device, device, refusal, "", b"", 0)


def _sort(batch: Batch, classified: Classified) -> list[Pending]:
    """New readings become points; the others are counted, or kept with their bytes."""
    pending = []
    for (reading, device, record, place), verdict in zip(batch.admitted, classified.verdicts, strict=True):
        match verdict:
            case Verdict.NEW:
                pending.append(Pending(record.offset, place, point_of(reading, device)))
            case Verdict.DUPLICATE:
                batch.tallies[device.id].duplicate += 1
            case Verdict.CONFLICT:
                refusal = Refusal(Reason.CONFLICT, f"ts: another reading of {device.id} stands at {reading.ts}", "ts")
                contended = (Instant(series_key(reading), reading.ts), content_digest(reading))
                batch.letters.append(replace(letter(record.message, place, refusal, device.id), conflict=contended))
    return pending


def _unreadable(exc: RawLogCorrupt) -> Batch:
    """A record the disk has spoiled: it is counted as one reading, of nobody and of no time."""
    refusal = Refusal(Reason.NOT_A_READING, f"raw log: {exc}", field="payload")
    return Batch(exc.offset, letters=[Letter("", "", refusal, "", b"", 0)], tallies={"": Tally(None, None, received=1)})


def _device(point: Point) -> str:
    return dict(point.tags)["device"]


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
    """Record until told to stop, through any outage. `clock` gives ms since 1970 UTC, for people only."""
    failures, since = 0, 0
    recorder.report(None, None)
    while not stop.is_set():
        try:
            handled = await recorder.step()
        except (StoreUnavailable, StateUnavailable, RawLogError) as exc:
            failures += 1
            since = since or clock()
            level = logging.ERROR if isinstance(exc, StoreMisconfigured) else logging.WARNING
            _log.log(level, "recorder waits, attempt %d: %s", failures, exc)
            recorder.report(str(exc), since)
            await pause(stop, backoff.delay_s(failures, getattr(exc, "retry_after", None), random.random))
            continue
        if failures:
            _log.info("recorder goes on after %d attempts", failures)
            recorder.report(None, None)
            failures, since = 0, 0
        if handled == 0:
            await pause(stop, _IDLE_S)
