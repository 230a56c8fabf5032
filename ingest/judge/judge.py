"""The judge: read → decode → admit → judge → journal → checkpoint.

The journal takes alert changes first, and each change only once. The checkpoint (offset and engine state) follows less
often. So a crash at any point repeats some judging, but repeats no alert and misses none. The judge skips messages that
cannot be decoded and readings that are refused: the recorder quarantines them.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, Final, Protocol

from devices.city.model import City
from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.db.database import DatabaseError
from ingest.judge.beyond_limits import BeyondLimits
from ingest.judge.checkpoint import Checkpoint, JudgeState, JudgeStateSpoiled, JudgeStateUnavailable
from ingest.judge.judge_record import judge_record
from ingest.log.ports import Log
from ingest.log.raw_log import RawLogCorrupt, RawLogError
from ingest.log.records import CITY_TOPIC, JUDGE, REVISION_TOPICS, RULES_TOPIC, RawMessage
from ingest.log.revisions import city_of_record, first_revisions, rules_of_record
from ingest.process.backoff import Backoff
from ingest.process.over_limit import OverLimit
from ingest.process.pause import pause
from rules.alerts.model import AlertChange
from rules.contract.rule import Rule
from rules.contract.rule_choice import RuleChoice
from rules.engine.engine import RuleEngine
from rules.engine.rows.unwritten import UnwrittenRows
from rules.engine.snapshot import SnapshotUnusable
from rules.manifests.model import TruckManifest

CONSUMER: Final = JUDGE
BATCH: Final = 500
CHECKPOINT_MIN_MESSAGES: Final = 400_000
"""Judged again in some eight seconds after a crash: fewer are not worth writing rows early. A row has the readings that
wait, which are half a minute of the device."""
CHECKPOINT_MAX_MESSAGES: Final = 2_000_000
"""At most so many are judged again after a crash, in 40 s (80 s where judgement is interpreted)."""
CHECKPOINT_MAX_INTERVAL_S: Final = 300.0
"""Longest time between two checkpoints. A city that reaches it sends so few messages that one row for each message
costs little."""
IDLE_CHECKPOINT_S: Final = 1.0
"""With nothing to read for so long, a checkpoint is written at once."""
SLICE_ROWS: Final = 100
IDLE_SLICE_ROWS: Final = 1_000
SLICE_BYTES: Final = 1_000_000
"""So many rows of a checkpoint, or bytes, are written after each step beside those of the devices that were heard:
alerts wait for no more than that. A row has the readings that wait: of a device that sends five a second 20 KB."""
_MESSAGES_PER_ROW: Final = 20
"""Writing a device's row takes as long as judging one or two messages: a small part of 20."""
_IDLE_S: Final = 0.1
_GATHER_S: Final = 0.1
"""At the end of the log the judge waits this long for more: each step costs a query of the raw log, however few records
there are."""
_FIRST_PAUSE_S: Final = 0.4
_LONGEST_PAUSE_S: Final = 30.0

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """The part of the alert journal that the judge uses. Raises DatabaseError."""

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int: ...
    def has(self, key: str, /) -> bool: ...


@dataclass(slots=True)
class _Saving:
    """A checkpoint that is being written while judgement goes on."""

    rows: UnwrittenRows
    checkpoint: Checkpoint
    slices: int = 0
    commit: Future[None] | None = None
    """Runs once all rows are put."""


class _ChangesMissing(Exception):
    """The journal lacks a change that it had taken."""


class Judge:
    """Judges the raw log from its last checkpoint on. One thread."""

    def __init__(  # noqa: PLR0913 - what it works with, and its limits
        self,
        log: Log,
        journal: Journal,
        state: JudgeState,
        rules: Sequence[Rule[Any]] | RuleChoice,
        city: Callable[[], City],
        *,
        checkpoint_max_messages: int = CHECKPOINT_MAX_MESSAGES,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
        disk_trouble: Callable[[], str | None] = lambda: None,
        over_limit: OverLimit | None = None,
        on_checkpoint: Callable[[], None] = lambda: None,
        on_new_engine: Callable[[], None] = lambda: None,
        on_changes: Callable[[], None] = lambda: None,
        on_manifests: Callable[[Sequence[TruckManifest], int], None] = lambda _found, _judged_to: None,
    ) -> None:
        """`rules` and `city` hold where the log names no others (`ingest.log.revisions`).

        `disk_trouble`: why nothing may be written now (`ingest.log.disk_guard.DiskFloor`). `over_limit` names devices
        beyond the limits of judgement. `on_checkpoint` is called after each checkpoint, `on_new_engine` when the engine
        was replaced and nothing needs the former one, `on_changes` once the journal took changes,
        `on_manifests` with manifests that moved, and the offset up to which they were judged; with all at the start.

        Raises JudgeStateUnavailable, RawLogError.
        """
        self._log, self._journal, self._state = log, journal, state
        self._partition = log.partition
        self._checkpoint_max_messages = checkpoint_max_messages
        self._monotonic = monotonic
        self._max_payload_bytes = max_payload_bytes
        self._disk_trouble, self._on_checkpoint, self._on_changes = disk_trouble, on_checkpoint, on_changes
        self._on_new_engine, self._on_manifests = on_new_engine, on_manifests
        self._own_rules, self._own_city = rules, city
        self._revisions: dict[str, bytes] = {}
        self._unsaved_revisions: dict[str, bytes] = {}
        try:
            self.engine, self.offset = self._resume(state.load(self._partition))
        except JudgeStateSpoiled as exc:
            self.engine, self.offset = self._begin_anew(exc)
        """`offset`: the last record that was judged."""
        self._beyond_limits = None if over_limit is None else BeyondLimits(self.engine, over_limit)
        self._saving: _Saving | None = None
        self._checkpoint_offset = self.offset
        self._checkpoint_at = self._read_at = monotonic()
        self._unjournaled: list[AlertChange] = []
        self._asks_journal = True
        self._failed = self.engine.failures.total()
        self._failed_at: int | None = None
        self._on_manifests(self.engine.manifests(), self.offset)
        # Also before the first checkpoint: retention counts only consumers that have committed an offset.
        log.commit(CONSUMER, self.offset)

    def _resume(self, checkpoint: Checkpoint | None) -> tuple[RuleEngine, int]:
        """The engine as of the checkpoint, by the revisions that held then, and the offset to go on after."""
        self._journaled = "" if checkpoint is None else checkpoint.journaled
        if checkpoint is None:
            self._revisions = first_revisions(self._log, REVISION_TOPICS)
            self._unsaved_revisions = dict(self._revisions)
            return self._new_engine(), 0
        self._revisions = dict(checkpoint.revisions)
        engine = self._new_engine()
        try:
            engine.restore(checkpoint.fleet, checkpoint.devices)
        except SnapshotUnusable as exc:
            _log.warning("judge: checkpoint cannot be used, the raw log is judged again from its start: %s", exc)
            self._state.clear()
            return self._resume(None)
        offset = self._log.resume(checkpoint.positions or {self._partition: checkpoint.offset})
        if (last := self._log.last_offset()) < offset:
            _log.error(
                "judge: raw log ends at offset %d, before the checkpoint at %d: it was lost or restored from a backup; "
                "judging it from its start",
                last,
                offset,
            )
            return engine, 0
        return engine, offset

    def _begin_anew(self, why: JudgeStateSpoiled) -> tuple[RuleEngine, int]:
        _log.error("judge: the raw log is judged again from its start, no alert is raised twice: %s", why)
        self._state.begin_anew(why)
        return self._resume(None)

    def _new_engine(self) -> RuleEngine:
        city, rules = self._revisions.get(CITY_TOPIC), self._revisions.get(RULES_TOPIC)
        return RuleEngine(
            (city and city_of_record(city)) or self._own_city(), (rules and rules_of_record(rules)) or self._own_rules
        )

    def step(self, limit: int = BATCH) -> int:
        """Judge the next records, at most `limit`, and journal their alert changes. Return how many records there were.

        Raises DatabaseError, RawLogError or JudgeStateUnavailable. The next call continues where this one failed;
        nothing is lost.
        """
        if (trouble := self._disk_trouble()) is not None:
            raise JudgeStateUnavailable(trouble)
        try:
            return self._step(limit)
        except JudgeStateSpoiled as exc:
            self._give_up_saving()
            self.engine, self.offset = self._begin_anew(exc)
        except _ChangesMissing:
            self._give_up_saving()
            _log.error(
                "judge: the journal lacks a change that it had taken (%s): it was restored from a backup, or lost what"
                " waited for it; the raw log is judged again from its start, no alert is raised twice",
                self._journaled,
            )
            self._state.clear()
            self._unjournaled = []
            self.engine, self.offset = self._resume(None)
        self._on_new_engine()
        self._on_manifests(self.engine.manifests(), self.offset)
        self._checkpoint_offset, self._failed = self.offset, self.engine.failures.total()
        self._log.commit(CONSUMER, self.offset)  # what is judged again must stay
        return limit

    def _step(self, limit: int) -> int:
        self._write_journal()  # changes that a failed step left
        records = self._log.read(self.offset, limit)
        for record in records:
            if record.message.topic in REVISION_TOPICS:
                self._take_revision(record.message)
            self._unjournaled += judge_record(self.engine, record, self._max_payload_bytes)
            self.offset = record.offset
        if self._unjournaled or self._asks_journal:
            self._ask_journal()
        self._write_journal()
        if moved := self.engine.take_moved_manifests():
            self._on_manifests(moved, self.offset)
        self._log_failures()
        if self._beyond_limits is not None:
            self._beyond_limits.look(self.engine)
        if records:
            self._read_at = self._monotonic()
        if self._saving is None and self._checkpoint_is_due():
            self._begin_saving()
        if self._saving is not None:
            self._save_on(self._saving, SLICE_ROWS if records else IDLE_SLICE_ROWS, waits=False)
        return len(records)

    def checkpoint(self) -> None:
        """Make everything judged so far survive a crash, at once. Raises as `step` does."""
        self._save_to_end()
        self._begin_saving()
        self._save_to_end()

    def _save_to_end(self) -> None:
        while self._saving is not None:
            self._save_on(self._saving, IDLE_SLICE_ROWS, waits=True)

    def _begin_saving(self) -> None:
        """Begin a checkpoint of everything judged so far, unless the last one is of it."""
        self._write_journal()
        if self.offset == self._checkpoint_offset and not self._unsaved_revisions:
            return
        positions = self._log.positions(self.offset)
        self._state.begin()
        rows, revisions, self._unsaved_revisions = self.engine.begin_saving(), self._unsaved_revisions, {}
        checkpoint = Checkpoint(
            self.offset, rows.fleet, revisions=revisions, journaled=self._journaled, positions=positions
        )
        self._saving = _Saving(rows, checkpoint)

    def _save_on(self, saving: _Saving, rows: int, *, waits: bool) -> None:
        """Write the next `rows` of a checkpoint; after the last ones, it takes the place of the one before.

        `waits`: until then. Judgement also waits where one slice was all.
        """
        try:
            if saving.commit is None:
                self._state.put(saving.rows.take(rows, SLICE_BYTES))
                saving.slices += 1
                if saving.rows.left:
                    return
                saving.commit = self._state.commit_beside(self._partition, saving.checkpoint)
            if not (waits or saving.slices == 1 or saving.commit.done()):
                return
            saving.commit.result()
        except JudgeStateUnavailable:
            self._give_up_saving()
            raise
        self.engine.end_saving()
        self._saving, self._asks_journal = None, True
        self._checkpoint_offset, self._checkpoint_at = saving.checkpoint.offset, self._monotonic()
        self._log.commit(CONSUMER, self._checkpoint_offset)
        self._on_checkpoint()

    def _give_up_saving(self) -> None:
        """Give up the checkpoint that is being written: the next one has all its rows."""
        saving, self._saving = self._saving, None
        if saving is not None:
            if saving.commit is not None:
                wait([saving.commit])
            self._state.roll_back()
            self.engine.end_saving(failed=True)
            self._unsaved_revisions = {**saving.checkpoint.revisions, **self._unsaved_revisions}

    def failures(self) -> tuple[Mapping[str, int], int | None]:
        """Readings on which a rule raised, by its name, and when this process saw the last of them, ms."""
        return dict(self.engine.failures), self._failed_at

    def _log_failures(self) -> None:
        """Log each rule that raised once, with the traceback of its first failure."""
        failed = self.engine.failures.total()
        if failed == self._failed:
            return
        self._failed, self._failed_at = failed, time.time_ns() // 1_000_000
        for name, trace in self.engine.failures.take_unlogged().items():
            _log.error(
                "judge: rule %s failed at a reading; its state of that device was reset and the other rules went on;"
                " further failures are only counted (haulwatch_rule_failures): report this traceback\n%s",
                name,
                trace,
            )

    def skip_to(self, offset: int) -> None:
        """Continue after `offset`: the log cannot read that record."""
        self.offset = max(self.offset, offset)

    def _write_journal(self) -> None:
        if self._unjournaled:
            self._journal.record(self._unjournaled, time.time_ns() // 1_000_000)
            self._journaled = self._unjournaled[-1].key
            self._unjournaled = []
            self._on_changes()

    def _ask_journal(self) -> None:
        """Raise _ChangesMissing if the journal lacks the last change that it took.

        It is asked at the start, before each change, and after each checkpoint; not while it does not answer.
        """
        try:
            if self._journaled and not self._journal.has(self._journaled):
                raise _ChangesMissing
        except DatabaseError:
            return
        self._asks_journal = False

    def _take_revision(self, message: RawMessage) -> None:
        """Judge what follows by this city, or by these rules. What fails is done again with the next step."""
        topic, former = message.topic, self._revisions.get(message.topic)
        if former == message.payload:
            return
        if topic == RULES_TOPIC:
            self.checkpoint()  # the new engine takes its state from there
        self._revisions[topic] = self._unsaved_revisions[topic] = message.payload
        if topic == RULES_TOPIC:
            try:
                self.checkpoint()
                self.engine, self.offset = self._resume(self._state.load(self._partition))
            except (RawLogError, DatabaseError, JudgeStateUnavailable):
                self._revisions.pop(topic)
                self._revisions |= {} if former is None else {topic: former}
                raise
            self._on_new_engine()
            self._on_manifests(self.engine.manifests(), self.offset)
        elif (city := city_of_record(message.payload)) is not None:
            self.engine.replace_city(city)

    def _checkpoint_is_due(self) -> bool:
        judged = self.offset - self._checkpoint_offset
        worth_its_rows = max(CHECKPOINT_MIN_MESSAGES, _MESSAGES_PER_ROW * self.engine.changed)
        if judged >= min(worth_its_rows, self._checkpoint_max_messages):
            return True
        now = self._monotonic()
        # Time since the last record, not an empty read: a busy log has nothing to read many times a second.
        idle = now - self._read_at >= IDLE_CHECKPOINT_S
        return now - self._checkpoint_at >= (IDLE_CHECKPOINT_S if idle else CHECKPOINT_MAX_INTERVAL_S)


async def run_judge(judge: Judge, stop: asyncio.Event) -> None:
    """Judge until `stop` is set, then write a checkpoint. An unavailable log, journal or file is retried for ever."""
    backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    while not stop.is_set():
        try:
            # In a thread, so that the alert publishers in this process run between two messages, not two batches.
            judged = await asyncio.to_thread(judge.step)
        except RawLogCorrupt as exc:
            _log.error("judge: skipped damaged records of the raw log, they are not judged: %s", exc)
            judge.skip_to(exc.through)
            await asyncio.sleep(0)
            continue
        except (DatabaseError, RawLogError, JudgeStateUnavailable) as exc:
            pause_s = backoff.next_pause_s()
            _log.warning("judge: cannot go on, trying again in %.1f s: %s", pause_s, exc)
            await pause(stop, pause_s)
            continue
        backoff.reset()
        await (asyncio.sleep(0) if judged == BATCH else pause(stop, _GATHER_S if judged else _IDLE_S))
    try:
        judge.checkpoint()
    except (DatabaseError, RawLogError, JudgeStateUnavailable) as exc:
        _log.warning("judge: no checkpoint at the end, the next start judges again from the last one: %s", exc)
