"""The judge: raw log → decode → admit → rules → journal. It never touches the time-series store.

Changes go to the journal first, which takes each only once; the offset and what the engine knows of the devices heard
since follow together, now and then. So a crash at any point repeats some judging and no alert, and misses none. What
cannot be read or is refused is passed over here: the recorder quarantines it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from devices.city.model import City
from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.registry import codec_of
from devices.db.database import DatabaseError
from devices.readings.refusals import DecodeError, Refusal
from ingest.admission import admit
from ingest.judge.checkpoint import Checkpoint, JudgeState, JudgeStateUnavailable
from ingest.log.raw_log import RawLogCorrupt, RawLogError
from ingest.log.records import JUDGE, TICK_TOPIC, LogRecord
from ingest.process.pause import pause
from rules.alerts.model import AlertChange
from rules.contract.rule import Rule
from rules.engine.engine import RuleEngine
from rules.engine.snapshot import SnapshotUnusable

CONSUMER: Final = JUDGE
BATCH: Final = 500
CHECKPOINT_LEAST: Final = 100_000
"""Messages: judged again after a crash in two seconds; for less no rows are written before their time."""
CHECKPOINT_MOST: Final = 2_000_000
"""Messages: no more are judged again after a crash, in 40 s (80 s where nothing is compiled)."""
CHECKPOINT_EVERY_S: Final = 300.0
"""Nor more than so long a time's; a city that fills it speaks so seldom that a row for each message costs little."""
_MESSAGES_A_ROW: Final = 20
"""Writing a device's row takes as long as judging a message or two, which is then little of what is judged between."""
IDLE_CHECKPOINT_S: Final = 1.0
"""With nothing to read for so long, everything is soon safe."""
_IDLE_S: Final = 0.1
_GATHER_S: Final = 0.05
"""Live, the judge waits so long for more: a step costs a query of the raw log, however little there is."""
_LONGEST_BACK_OFF_S: Final = 30.0

_log = logging.getLogger(__name__)


class Log(Protocol):
    """What the judge needs of the raw log."""

    def read(self, after: int, limit: int) -> Sequence[LogRecord]: ...

    def last_offset(self) -> int: ...

    def commit(self, consumer: str, offset: int) -> None: ...


class Journal(Protocol):
    """What the judge needs of the alert journal. Raises DatabaseError."""

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int: ...


class Judge:
    """Judges the raw log from where it left off. One thread."""

    def __init__(  # noqa: PLR0913 - what it works with, and its limits
        self,
        log: Log,
        journal: Journal,
        state: JudgeState,
        rules: Sequence[Rule[Any]],
        current_city: Callable[[], City],
        *,
        checkpoint_most: int = CHECKPOINT_MOST,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises JudgeStateUnavailable, RawLogError."""
        self._log, self._journal, self._state = log, journal, state
        self._current_city = current_city
        self._checkpoint_most = checkpoint_most
        self._monotonic = monotonic
        self._max_payload_bytes = max_payload_bytes
        self._city = current_city()
        self.engine = RuleEngine(self._city, rules)
        self.offset = self._resume()
        self._saved_offset = self.offset
        self._saved_at = self._read_at = monotonic()
        self._unrecorded: list[AlertChange] = []
        # Before the first checkpoint too: the log trims by those consumers it knows of.
        log.commit(CONSUMER, self.offset)

    def _resume(self) -> int:
        checkpoint = self._state.load()
        if checkpoint is None:
            return 0
        try:
            self.engine.restore(checkpoint.fleet, checkpoint.devices)
        except SnapshotUnusable as exc:
            _log.warning("the judge's checkpoint cannot be used, the raw log is judged again from its start: %s", exc)
            self._state.forget()
            return 0
        if (last := self._log.last_offset()) < checkpoint.offset:
            judged = checkpoint.offset
            _log.error(
                "raw log: ends at %d and %d were judged: it was lost or put back, from its start on", last, judged
            )
            return 0
        return checkpoint.offset

    def step(self, limit: int = BATCH) -> int:
        """Judge the next messages and journal what they change; how many there were.

        Raises DatabaseError, RawLogError or JudgeStateUnavailable; called again, it goes on where it was, without loss.
        """
        self._record()
        self._follow_city()
        records = self._log.read(self.offset, limit)
        for record in records:
            self._unrecorded += judge_record(self.engine, record, self._max_payload_bytes)
            self.offset = record.offset
        self._record()
        if records:
            self._read_at = self._monotonic()
        if self._checkpoint_is_due():
            self.checkpoint()
        return len(records)

    def checkpoint(self) -> None:
        """Make everything judged so far survive a crash. Raises as `step` does."""
        self._record()
        if self.offset == self._saved_offset:
            return
        self._state.save(Checkpoint(self.offset, *self.engine.unsaved()))
        self.engine.saved()
        self._saved_offset, self._saved_at = self.offset, self._monotonic()
        self._log.commit(CONSUMER, self.offset)

    def pass_over(self, offset: int) -> None:
        """Go on after a record that the log cannot give."""
        self.offset = max(self.offset, offset)

    def _record(self) -> None:
        if self._unrecorded:
            self._journal.record(self._unrecorded, time.time_ns() // 1_000_000)
            self._unrecorded = []

    def _follow_city(self) -> None:
        city = self._current_city()
        if city is self._city:
            return
        self.checkpoint()  # so that a crash does not judge messages from before the change by the new city
        self._city = city
        self.engine.replace_city(city)

    def _checkpoint_is_due(self) -> bool:
        judged = self.offset - self._saved_offset
        if judged >= min(max(CHECKPOINT_LEAST, _MESSAGES_A_ROW * self.engine.changed), self._checkpoint_most):
            return True
        now = self._monotonic()
        # A busy city leaves nothing to read many times a second: that is no rest.
        idle = now - self._read_at >= IDLE_CHECKPOINT_S
        return now - self._saved_at >= (IDLE_CHECKPOINT_S if idle else CHECKPOINT_EVERY_S)


def judge_record(
    engine: RuleEngine, record: LogRecord, max_payload_bytes: int = MAX_PAYLOAD_BYTES
) -> list[AlertChange]:
    """What one message of the log changes."""
    message = record.message
    if message.topic == TICK_TOPIC:
        return engine.advance(int(message.payload)) if message.payload.isdigit() else []
    try:
        codec = codec_of(message.dialect)
        decoded = codec.decode(message.topic, message.payload, max_bytes=max_payload_bytes)
    except DecodeError:
        return []
    changes: list[AlertChange] = []
    device_id, received_at = codec.device_of(message.topic), message.received_at
    device = engine.device(device_id)
    for reading in decoded:
        if isinstance(reading, Flaw) or isinstance(admit(reading, received_at, device_id, device), Refusal):
            continue
        changes += engine.judge(reading)
    return changes


def rejudge(records: Iterable[LogRecord], city: City, rules: Sequence[Rule[Any]]) -> list[AlertChange]:
    """Judge a whole log from nothing: the same messages, the same alerts."""
    engine = RuleEngine(city, rules)
    return [change for record in records for change in judge_record(engine, record)]


async def run_judge(judge: Judge, stop: asyncio.Event) -> None:
    """Judge until `stop` is set, then checkpoint. What is down is tried again, for ever."""
    failures = 0
    while not stop.is_set():
        try:
            # In a thread, so that the announcers beside it get their turn between two messages, not two batches.
            judged = await asyncio.to_thread(judge.step)
        except RawLogCorrupt as exc:
            _log.error("passed over a damaged record of the raw log: %s", exc)
            judge.pass_over(exc.offset)
            await asyncio.sleep(0)
            continue
        except (DatabaseError, RawLogError, JudgeStateUnavailable) as exc:
            failures += 1
            pause_s = min(_LONGEST_BACK_OFF_S, 0.2 * 2 ** min(failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311
            _log.warning("judging waits %.1f s: %s", pause_s, exc)
            await pause(stop, pause_s)
            continue
        failures = 0
        await (asyncio.sleep(0) if judged == BATCH else pause(stop, _GATHER_S if judged else _IDLE_S))
    try:
        judge.checkpoint()
    except (DatabaseError, RawLogError, JudgeStateUnavailable) as exc:
        _log.warning("no last checkpoint, the next start judges again from the one before: %s", exc)
