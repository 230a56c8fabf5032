"""One partition that a worker owns: restored, judged on, handed on, kept.

    restore  fence the former owner → rows → seek
    step     records → verdicts → one transaction: verdicts, how far they go, and now and then the rows

Rows are of an offset at or before that of the verdicts. What lies between is judged again after a restore, and hands
nothing on: a stage gives the same verdicts for the same records.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ingest.judge.workers.device_stage import DeviceStage
from ingest.judge.workers.kept import POSITION, SENT, kept_of, number, tombstones
from ingest.judge.workers.pace import Pace
from ingest.judge.workers.ports import Log, OpenStore, Store
from ingest.log.records import REVISION_TOPICS
from rules.engine.snapshot import SnapshotUnusable
from rules.manifests.model import TruckManifest

BATCH: Final = 500
HAND_ON_S: Final = 1.0
"""The longest time until the fleet stage learns of fleet time; verdicts go at once."""

_log = logging.getLogger(__name__)


class DeviceWork:
    """Judges one partition. After an error it is of no use any more: make another, which restores what was kept."""

    def __init__(
        self,
        log: Log,
        open_store: OpenStore,
        stage: DeviceStage,
        first_revisions: Callable[[int, frozenset[str]], Mapping[str, bytes]],
        on_keep: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
        on_manifests: Callable[[Sequence[TruckManifest], int], None] = lambda _found, _judged_to: None,
    ) -> None:
        """`on_keep` is called before rows are kept, while what changed is known; `on_manifests` as by `Judge`.

        Raises PartitionGone, RawLogError.
        """
        self._log, self.stage, self._on_keep, self._monotonic = log, stage, on_keep, monotonic
        self._on_manifests = on_manifests
        self._store: Store = open_store(log.partition)
        self._pace = Pace(monotonic)
        self._handed_on, self._handed_on_at = 0, monotonic()
        self._sent = 0
        self._unusable: dict[str, bytes | None] = {}
        """Ends rows of the former state, which the first that are kept replace: no mixture of both is ever restored."""
        self.offset = self._restored(first_revisions)
        """The last record that was judged."""
        self._kept = self.offset
        on_manifests(stage.engine.manifests(), self.offset)

    def step(self, limit: int = BATCH) -> int:
        """Judge the next records, at most `limit`. Returns how many there were. Raises PartitionGone, RawLogError."""
        records = self._log.read(self.offset, limit)
        for record in records:
            self.stage.take(record)
            self.offset = record.offset
            if self.offset <= self._sent:
                self.stage.forget_output()
        if moved := self.stage.take_moved_manifests():
            self._on_manifests(moved, self.offset)
        self._pace.note(len(records))
        keeps = self._pace.is_due(self.stage.changed)
        if keeps or self._hands_on():
            self._write(keeps=keeps)
        return len(records)

    def finish(self) -> None:
        """Hand on and keep everything, so that the next owner judges nothing again. Raises as `step` does."""
        if self.offset > self._kept or self.stage.has_verdicts:
            self._write(keeps=True)

    def _restored(self, first_revisions: Callable[[int, frozenset[str]], Mapping[str, bytes]]) -> int:
        found, partition = self._store.kept(), self._log.partition
        kept = kept_of(found)
        if (sent := int(found.get(SENT, b"0"))) > 0:
            self._sent = self._handed_on = sent
        if kept is not None:
            try:
                self.stage.restore(kept)
            except SnapshotUnusable as exc:
                _log.warning("judge: partition %d is judged again from its start: %s", partition, exc)
                self._unusable = tombstones(found)
            else:
                return self._log.resume({partition: kept.offset})
        self.stage.begin(first_revisions(partition, REVISION_TOPICS))
        if self._sent:
            self.stage.forget_output()  # an owner before began it
        return 0

    def _hands_on(self) -> bool:
        if self.offset < self._sent:
            return False
        if self.stage.has_verdicts:
            return True
        return self.offset > self._handed_on and self._monotonic() - self._handed_on_at >= HAND_ON_S

    def _write(self, *, keeps: bool) -> None:
        hands_on = self.offset >= self._sent
        output = self.stage.output() if hands_on else []
        kept: dict[str, bytes | None] = {SENT: number(max(self.offset, self._sent))}
        if keeps:
            self._on_keep()
            kept |= {**self._unusable, **self.stage.unsaved(), POSITION: number(self.offset)}
        self._store.write(output, kept, max(self.offset, self._sent))
        self._handed_on, self._handed_on_at = max(self.offset, self._sent), self._monotonic()
        if keeps:
            self.stage.saved()
            self._unusable = {}
            self._pace.kept()
            self._kept = self.offset
