"""The topic of verdicts, as the one worker that owns it judges it on.

The journal takes alert changes first, each once by its key. Rows and the offset follow less often, so what came since
is judged again by the next owner, and repeats no alert. A journal that lacks a change that it had taken was restored
from a backup: what Kafka keeps of the verdicts is judged again, and the journal takes what it lacks.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

from devices.db.database import DatabaseError
from ingest.judge.workers.fleet_stage import FleetStage
from ingest.judge.workers.kept import JOURNALED, POSITION, kept_of, number, tombstones
from ingest.judge.workers.pace import Pace
from ingest.judge.workers.ports import Log, OpenStore, Store
from ingest.log.records import REVISION_TOPICS
from rules.alerts.model import AlertChange
from rules.engine.snapshot import SnapshotUnusable

BATCH: Final = 200

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """The part of the alert journal that is used. Raises DatabaseError."""

    def record(self, changes: Sequence[AlertChange], recorded_at: int, /) -> int: ...
    def has(self, key: str, /) -> bool: ...


class _ChangesMissing(Exception):
    """The journal lacks a change that it had taken."""


class FleetWork:
    """Compares devices and journals alerts. After a RawLogError it is of no use any more: make another."""

    def __init__(
        self,
        log: Log,
        open_store: OpenStore,
        stage: FleetStage,
        journal: Journal,
        on_changes: Callable[[], None] = lambda: None,
        on_keep: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_changes` is called once the journal took changes, `on_keep` before rows are kept.

        Raises PartitionGone, RawLogError.
        """
        self._log, self.stage, self._journal = log, stage, journal
        self._on_changes, self._on_keep = on_changes, on_keep
        self._store: Store = open_store(log.partition)
        self._pace = Pace(monotonic)
        self._unjournaled: list[AlertChange] = []
        self._journaled = ""
        """Key of the last change that the journal took."""
        self._asks_journal = True
        self._unusable: dict[str, bytes | None] = {}
        """As in `DeviceWork`."""
        self.offset = self._restored()
        """The last record that was judged."""
        self._kept = self.offset

    def step(self, limit: int = BATCH) -> int:
        """Take the next records, at most `limit`, journal what changes, and return how many there were.

        Raises PartitionGone, RawLogError, DatabaseError: the last one only delays, call it again.
        """
        try:
            return self._step(limit)
        except _ChangesMissing:
            _log.error(
                "judge: the journal lacks a change that it had taken (%s): it was restored from a backup; the verdicts "
                "that Kafka keeps, of a week, are judged again, no alert is raised twice. For alerts of before, end "
                "all judges, delete the topics of state and verdicts, and run `haulwatch kafka init`",
                self._journaled,
            )
            self._unjournaled, self._journaled = [], ""
            self.offset = self._kept = self._begin_anew(self._store.kept())
            return limit

    def _step(self, limit: int) -> int:
        self._write_journal()  # changes that a failed step left
        records = self._log.read(self.offset, limit)
        try:
            for record in records:
                self._unjournaled += self.stage.take(record.message)
                self.offset = record.offset
        finally:
            if self._asks_journal:
                with suppress(DatabaseError):  # devices are compared meanwhile
                    self._ask_journal()
            self._write_journal()
        self._pace.note(len(records))
        if self._pace.is_due(self.stage.changed) and self.stage.is_begun:
            self._keep()
        return len(records)

    def finish(self) -> None:
        """Keep everything. Raises as `step` does."""
        try:
            self._write_journal()
        except _ChangesMissing:
            _log.warning("judge: the journal lacks a change that it had taken: whoever judges verdicts next sees to it")
            return  # what is kept is of a time when it was there, or names it
        if self.offset > self._kept and self.stage.is_begun:
            self._keep()

    def _restored(self) -> int:
        found = self._store.kept()
        kept = kept_of(found)
        if kept is None:
            return self._begin_anew(found)
        try:
            self.stage.restore(kept)
        except SnapshotUnusable as exc:
            _log.warning("judge: verdicts are judged again from the oldest that are kept: %s", exc)
            return self._begin_anew(found)
        self._journaled = found.get(JOURNALED, b"").decode()
        return self._log.resume({self._log.partition: kept.offset})

    def _begin_anew(self, found: Mapping[str, bytes]) -> int:
        """Judge from the oldest verdicts on. `found`: what is kept, which the next rows replace."""
        self._unusable = tombstones(found)
        begins_there = self._log.first_offset() == 1
        self.stage.begin_anew(None if begins_there else {one: found[one] for one in REVISION_TOPICS & found.keys()})
        return 0

    def _write_journal(self) -> None:
        """Raises DatabaseError, having kept what waits. Raises _ChangesMissing before anything is written: what waited
        while the database was restored must not stand in for what is missing.
        """
        if self._unjournaled:
            self._ask_journal()
            self._journal.record(self._unjournaled, time.time_ns() // 1_000_000)
            self._journaled = self._unjournaled[-1].key
            self._unjournaled = []
            self._on_changes()

    def _ask_journal(self) -> None:
        """Raise _ChangesMissing if the journal lacks the last change that it took.

        It is asked at the start, before each change, and after rows are kept. Raises DatabaseError.
        """
        if self._journaled and not self._journal.has(self._journaled):
            raise _ChangesMissing
        self._asks_journal = False

    def _keep(self) -> None:
        self._on_keep()
        own = {POSITION: number(self.offset), JOURNALED: self._journaled.encode()}
        kept = {**self._unusable, **self.stage.unsaved(), **own}
        self._store.write((), kept, self.offset)
        self.stage.saved()
        self._unusable = {}
        self._pace.kept()
        self._kept, self._asks_journal = self.offset, True
