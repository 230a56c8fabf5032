"""Carries out a migration by its plan: copy, check, move the readers, put the new log in place.

While it copies, nothing that exists changes. Once all records are in the new log and were read back, the plan says so
(`Phase.MOVING`) with all that is to be done; from then on each step can be done again.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

from msgspec import json

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import use_settings
from ingest.log.kafka.topic_copy import TopicCopy
from ingest.log.raw_log import RawLog
from ingest.log.segment import SUFFIX
from ingest.migration.home import note_home
from ingest.migration.plan import (
    LogKind,
    MigrationRefused,
    MigrationUnfinished,
    Phase,
    Plan,
    load_plan,
    remove_plan,
    replace_durably,
    save_plan,
    sync_folder,
)
from ingest.migration.states import ReaderState
from ingest.migration.to_disk import copy_to_disk
from ingest.migration.to_kafka import Copied, Show, copy_to_kafka

_FOREVER: Final = {"retention.ms": "-1", "retention.bytes": "-1"}
"""Of the topic while it is filled: what is old and not yet read must not be removed before it is checked."""
_REVISIONS: Final = "revisions.json"
_STARTING_S: Final = 20.0
_ASK_AGAIN_S: Final = 0.2
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Places:
    """The two logs, and the readers' states."""

    data_dir: Path
    raw_folder: Path
    """Of the log on disk; also holds what was noted of revisions."""
    connection: KafkaConnection
    states: Sequence[ReaderState]
    open_disk_log: Callable[[Path], RawLog]
    keep_ms: int
    """How long the topic keeps a message; 0: for ever."""
    replicas: int
    now: Callable[[], int]
    """Wall clock, ms since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, or in a dry run what would be done."""

    records: int
    damaged: int
    kept: Path | None = None
    """The former log on disk, which is not read any more."""


class Migration:
    """One run of a migration. Nothing else may use the data directory meanwhile.

    Methods raise MigrationRefused, MigrationUnfinished, RawLogError, StateUnavailable, JudgeStateUnavailable, OSError.
    """

    def __init__(self, places: Places, to: LogKind, show: Show = lambda what, done, total: None) -> None:
        self._places, self._to, self._show = places, to, show

    def look(self) -> Outcome:
        """Check whether it can be done, and how much is to be copied. Changes nothing."""
        plan = self._fitting_plan()
        if at_work := _answered(KafkaFigures(self._places.connection).at_work):
            raise MigrationRefused(f"{' and '.join(at_work)} read the topic, maybe on another machine: stop them first")
        if self._to is LogKind.KAFKA:
            with closing(self._places.open_disk_log(self._places.raw_folder)) as log:
                if plan is None:
                    self._refuse_filled_topic()
                self._refuse_old_and_unread(log)
                return Outcome(log.last_offset() - log.first_offset() + 1, 0)
        if plan is None:
            self._refuse_segments()
        figures = KafkaFigures(self._places.connection)
        return Outcome(figures.last_offset() - figures.first_offset() + 1, 0)

    def run(self) -> Outcome:
        """Begin, or go on with the one that was interrupted."""
        plan = self._fitting_plan()
        damaged = 0
        if plan is None or plan.phase is Phase.COPYING:
            self.look()
            plan = plan or Plan(
                id=uuid4().hex,
                to=self._to,
                topic=self._places.connection.topic,
                partitions=self._places.connection.partitions,
            )
            save_plan(self._places.data_dir, plan)
            copied = self._copy()
            damaged = copied.damaged
            plan = plan.model_copy(
                update={
                    "phase": Phase.MOVING,
                    "moves": copied.moves,
                    "revisions": copied.revisions,
                    "records": copied.records,
                }
            )
            save_plan(self._places.data_dir, plan)
        return Outcome(plan.records, damaged, self._move(plan))

    def give_up(self) -> None:
        """Forget a migration that was interrupted while it copied. What the topic holds of it stays there."""
        plan = load_plan(self._places.data_dir)
        if plan is None:
            raise MigrationRefused("no migration is under way")
        if plan.phase is Phase.MOVING:
            raise MigrationUnfinished(
                "all records are in the new log, and readers are being moved to it: run `haulwatch log migrate --to "
                f"{plan.to}` again, which takes seconds; then migrate back"
            )
        shutil.rmtree(self._draft, ignore_errors=True)
        remove_plan(self._places.data_dir)

    @property
    def _draft(self) -> Path:
        return self._places.raw_folder.with_name(f"{self._places.raw_folder.name}-draft")

    def _fitting_plan(self) -> Plan | None:
        plan, connection = load_plan(self._places.data_dir), self._places.connection
        if plan is None:
            return None
        if (plan.to, plan.topic, plan.partitions) != (self._to, connection.topic, connection.partitions):
            raise MigrationUnfinished(
                f"a migration to {plan.to} with topic {plan.topic} of {plan.partitions} partitions was interrupted: "
                f"run `haulwatch log migrate --to {plan.to}` with the settings of then, or with `--give-up` "
                "while it still copies"
            )
        return plan

    def _copy(self) -> Copied:
        places = self._places
        if self._to is LogKind.KAFKA:
            use_settings(places.connection, _FOREVER)
            with (
                closing(places.open_disk_log(places.raw_folder)) as log,
                closing(TopicCopy(places.connection)) as topic,
            ):
                copied = copy_to_kafka(log, topic, places.states, self._show)
                total = sum(topic.positions.values())
                topic.check(lambda read: self._show("checking", read, total))
                self._refuse_other_ends(topic.positions)
            return copied
        shutil.rmtree(self._draft, ignore_errors=True)
        figures = KafkaFigures(places.connection)
        ends = figures.ends()
        with closing(places.open_disk_log(self._draft)) as draft:
            copied = copy_to_disk(
                lambda: KafkaLog(places.connection, "migration"), figures, draft, places.states, self._show
            )
            self._read_back(draft, copied.records)
            for reader, move in copied.moves.items():
                draft.commit(reader, sum(move.positions.values()))
        sync_folder(self._draft)
        self._refuse_other_ends(ends)
        return copied

    def _refuse_other_ends(self, ends: Mapping[int, int]) -> None:
        """Refuse what was appended meanwhile, by a process on another machine: it is not in the copy."""
        found = KafkaFigures(self._places.connection).ends()
        if more := sum(end - ends.get(partition, 0) for partition, end in found.items()):
            raise MigrationRefused(
                f"{more:,} messages came to topic {self._places.connection.topic} while it was copied: a process on "
                "another machine appends to it; stop it, and migrate again"
            )

    def _read_back(self, log: RawLog, records: int) -> None:
        """Every record of the new log has its checksum. Raises RawLogCorrupt, MigrationRefused."""
        after = 0
        while found := log.read(after, 5_000):
            after = found[-1].offset
            self._show("checking", after, records)
        if after != records:
            raise MigrationRefused(
                f"the new log ends at {after:,} and not at {records:,}: look at the disk, and begin again"
            )

    def _move(self, plan: Plan) -> Path | None:
        places = self._places
        for number, state in enumerate(places.states):
            self._show("moving", number, len(places.states))
            state.move(plan.id, plan.moves[state.reader])
        kept = self._put_in_place(plan)
        if plan.to is LogKind.KAFKA:
            figures = KafkaFigures(places.connection)
            for reader, move in plan.moves.items():
                _answered(partial(figures.commit, reader, move.positions))
            use_settings(places.connection, None, places.keep_ms, places.replicas)
        note_home(places.data_dir, plan.to, plan.topic, plan.partitions)
        remove_plan(places.data_dir)
        self._show("moving", len(places.states), len(places.states))
        return kept

    def _put_in_place(self, plan: Plan) -> Path | None:
        """Put the new log, or what is noted of revisions of it, into the folder; the former folder stays beside it."""
        raw, kept = self._places.raw_folder, None
        ready = self._draft.exists() if plan.to is LogKind.DISK else _has_segments(raw)
        if ready:
            if raw.exists():
                kept = next(path for n in count(1) if not (path := raw.with_name(f"{raw.name}-former-{n}")).exists())
                raw.replace(kept)
            if plan.to is LogKind.DISK:
                self._draft.replace(raw)
            sync_folder(raw.parent)
        raw.mkdir(exist_ok=True)
        replace_durably(raw / _REVISIONS, json.encode(plan.revisions))
        return kept

    def _refuse_filled_topic(self) -> None:
        held = sum(KafkaFigures(self._places.connection).ends().values())
        if held:
            raise MigrationRefused(
                f"topic {self._places.connection.topic} has had {held:,} messages, and only an empty one can take a "
                "raw log: choose another HAULWATCH_KAFKA_PREFIX and run `haulwatch kafka init`"
            )

    def _refuse_segments(self) -> None:
        if _has_segments(self._places.raw_folder):
            raise MigrationRefused(
                f"{self._places.raw_folder} holds segments of a raw log: move them elsewhere if they are not needed"
            )

    def _refuse_old_and_unread(self, log: RawLog) -> None:
        """Kafka removes by age, read or not: what is too old and not yet read would be lost."""
        if not self._places.keep_ms:
            return
        for state in self._places.states:
            read_to = max(sum(state.positions().values()), log.first_offset() - 1)
            for record in log.read(read_to, 1):
                if record.message.received_at < self._places.now() - self._places.keep_ms:
                    raise MigrationRefused(
                        f"the {state.reader} has not read messages that are older than HAULWATCH_RAW_LOG_KEEP_DAYS, "
                        "and Kafka removes by age: let it read them first, or keep messages longer"
                    )


def _answered(ask: Callable[[], _T]) -> _T:
    """Ask again for a while: a cluster that has just started knows no groups yet. Raises RawLogUnavailable."""
    give_up_at = time.monotonic() + _STARTING_S
    while True:
        try:
            return ask()
        except RawLogUnavailable:
            if time.monotonic() > give_up_at:
                raise
        time.sleep(_ASK_AGAIN_S)


def _has_segments(folder: Path) -> bool:
    return any(folder.glob(f"*{SUFFIX}"))
