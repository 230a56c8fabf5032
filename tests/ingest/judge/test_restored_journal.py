"""A journal that was restored from a backup: the judge notices that changes are missing, and judges the log again."""

import logging
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from devices.db.database import DatabaseUnavailable, open_database
from haulwatch import migrations
from ingest.alerts.outbox import AlertOutbox
from ingest.judge.judge import Judge
from rules.alerts.actions import Close, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from tests.closing import closed_later
from tests.ingest.judge.test_judge import CITY, FakeLog, KillableState, Script, expected, judge_all, log


class Database:
    """A journal in a file that can be saved and restored. Only the file is, as by an administrator."""

    def __init__(self, folder: Path) -> None:
        self.path, self.backup = folder / "journal.db", folder / "backup.db"
        migrations.upgrade(f"sqlite:///{self.path}")
        self._connect()

    def _connect(self) -> None:
        self._engine = open_database(f"sqlite:///{self.path}")
        self.journal = AlertJournal(self._engine)

    def save(self) -> None:
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(self.backup)) as copy:
            source.backup(copy)

    def restore(self) -> None:
        self._engine.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.backup, self.path)
        self._connect()

    def close(self) -> None:
        self._engine.dispose()

    # The journal as the judge has it: each call goes to the file of now.

    away = False

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        self._answer()
        return self.journal.record(changes, recorded_at)

    def has(self, key: str) -> bool:
        self._answer()
        return self.journal.has(key)

    def _answer(self) -> None:
        if self.away:
            raise DatabaseUnavailable("connection refused")

    def keys(self) -> list[str]:
        return [entry.change.key for entry in self.journal.changes_after(0, 10_000)]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return closed_later(Database(tmp_path))


def judge_on(database: Database, folder: Path) -> Judge:
    outbox = closed_later(AlertOutbox(folder / "outbox.db", database))
    state = closed_later(KillableState(folder / "judge.db", Script()))
    return Judge(FakeLog(log(), script=Script()), outbox, state, build_rules(), lambda: CITY)


def judge_half(judge: Judge, database: Database) -> None:
    """Judge until the first change is in the journal, save that, and judge a part of the rest."""
    while not database.keys():
        judge.step(limit=20)
    database.save()
    while len(database.keys()) < len(expected()) - 2:
        judge.step(limit=20)


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("away", [False, True])
def test_what_is_missing_is_judged_again_and_nothing_is_there_twice(
    tmp_path: Path,
    database: Database,
    checkpointed: bool,
    restarted: bool,
    away: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    judge = judge_on(database, tmp_path)
    judge_half(judge, database)
    if checkpointed:
        judge.checkpoint()
    database.restore()
    if restarted:
        judge = judge_on(database, tmp_path)
    if away:  # it cannot be asked, so nothing is judged again yet
        database.away, offset = True, judge.offset
        judge.step(limit=20)
        assert judge.offset > offset
        database.away = False
        while judge._journal.drain():  # type: ignore[attr-defined]  # the outbox
            pass
    judge_all(judge)
    assert sorted(database.keys()) == sorted(change.key for change in expected())
    if checkpointed:
        assert "restored from a backup" in caplog.text


@pytest.mark.parametrize("restarted", [False, True])
def test_changes_that_waited_while_it_was_restored_do_not_hide_what_is_missing(
    tmp_path: Path, database: Database, restarted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    judge = judge_on(database, tmp_path)
    judge_half(judge, database)
    judge.checkpoint()
    database.away = True
    judge_all(judge)
    judge.checkpoint()
    database.restore()
    database.away = False
    if restarted:
        judge = judge_on(database, tmp_path)
    outbox = judge._journal
    assert isinstance(outbox, AlertOutbox)
    assert outbox.waiting
    while outbox.drain():
        pass
    judge.step()
    judge_all(judge)
    assert sorted(database.keys()) == sorted(change.key for change in expected())
    assert caplog.text.count("restored from a backup") == 2, "outbox and judge"
    judge.checkpoint()
    judge.step()
    assert caplog.text.count("restored from a backup") == 2


def test_a_sound_journal_is_never_judged_again(
    tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor where a person closed an alert, and the journal records under another one what comes later."""
    caplog.set_level(logging.ERROR)
    judge = judge_on(database, tmp_path)
    judge_half(judge, database)
    first = database.journal.changes_after(0, 1)[0].change
    database.journal.act(first.alert_id, Close(actor="Li", at=first.at + 1, outcome=Outcome.NO_ACTION))
    judge.checkpoint()
    offset = judge.offset
    judge = judge_on(database, tmp_path)
    judge.step(limit=1)
    assert judge.offset == offset + 1
    judge_all(judge)
    assert "restored" not in caplog.text
