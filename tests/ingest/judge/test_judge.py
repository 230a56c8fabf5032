"""The judge on a log: what it reads, what it skips, and every step at which it may be killed."""

import asyncio
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
import pytest

from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from devices.db.database import DatabaseUnavailable
from devices.readings.models import Reading
from ingest.judge.checkpoint import Checkpoint, JudgeState, JudgeStateUnavailable
from ingest.judge.judge import Judge, run_judge
from ingest.judge.rejudge import fleet_times, rejudge
from ingest.judge.replay import alert_steps, shuffled
from ingest.log.ports import OnePartition
from ingest.log.raw_log import RawLog, RawLogCorrupt, RawLogFull
from ingest.log.records import TICK_TOPIC, LogRecord, RawMessage
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.engine.rows.unwritten import Row
from tests.closing import closed_later
from tests.ingest.judge.saving import InPlace
from tests.rules.engine.test_reorder_buffer import fix
from tests.rules.town import Trip, fills, in_time, town
from tests.waiting import PATIENCE_S

CITY = town()


class Killed(Exception):
    """The process ends here."""


@dataclass
class Script:
    """Counts the judge's steps outside memory, and kills it before the chosen one."""

    kill_before: int = -1
    taken: int = 0
    end: Callable[[], None] = lambda: None  # of the process: it closes its files

    def step(self) -> None:
        self.taken += 1
        if self.taken == self.kill_before:
            self.end()
            raise Killed


@dataclass
class FakeLog(OnePartition):
    records: Sequence[LogRecord]
    partition: int = 0
    script: Script = field(default_factory=Script)
    errors: list[Exception] = field(default_factory=list)
    committed: int = 0

    def read(self, after: int, limit: int) -> list[LogRecord]:
        if self.errors:
            raise self.errors.pop()
        self.script.step()
        return list(self.records[after : after + limit])

    def last_offset(self) -> int:
        return len(self.records)

    def commit(self, consumer: str, offset: int) -> None:
        assert consumer == "judge"
        self.script.step()
        self.committed = offset


@dataclass
class FakeJournal:
    """Takes each change once, as the real one does."""

    script: Script = field(default_factory=Script)
    changes: dict[tuple[str, str, int], AlertChange] = field(default_factory=dict)
    order: list[AlertChange] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def has(self, key: str) -> bool:
        return any(change.key == key for change in self.order)

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        if self.errors:
            raise self.errors.pop()
        self.script.step()
        for change in changes:
            key = (change.alert_id, str(change.phase), change.revision)
            if key not in self.changes:
                self.order.append(change)
            assert self.changes.setdefault(key, change) == change, "the same change with other content"
        self.script.step()
        return len(changes)


class KillableState(InPlace):
    """Killed before rows are put, and before or after the checkpoint is durable."""

    def __init__(self, path: Path, script: Script) -> None:
        super().__init__(path)
        self.script, script.end = script, self.close

    def put(self, rows: Sequence[Row]) -> None:
        self.script.step()
        super().put(rows)

    def commit(self, partition: int, checkpoint: Checkpoint) -> None:
        self.script.step()
        super().commit(partition, checkpoint)
        self.script.step()


def message(reading: Reading) -> RawMessage:
    return RawMessage(reading_topic(reading.device_id, reading.kind), encode(reading), reading.ts + 500)


@cache
def log() -> tuple[LogRecord, ...]:
    off = Trip("T1", 500, 0, load="loaded").drive(3000, 0).drive(3000, 1200).stand(300).drive(3000, 0).drive(5000, 0)
    dump = Trip("T2", 500, 0, load_kg=12_000.0, lift_up=False, cover_open=False).drive(3000, 0).stand(30)
    dump.now(lift_up=True, cover_open=True).stand(40).now(load_kg=100.0).stand(30).now(lift_up=False).stand(60)
    silent = Trip("T3", 500, 0, load="loaded").stand(200)
    points = fills([60, 75, 85, 92, 95, 97, 97], every_s=120, deposits=3)
    messages = [message(reading) for reading in in_time(off.readings, dump.readings, silent.readings, points)]
    messages[40:40] = [
        RawMessage("haulwatch/v1/T1/position", b"{broken", 1),
        RawMessage("somebody/else", b"", 1),
        RawMessage("haulwatch/v1/T9/position", messages[0].payload, 1),
        RawMessage(TICK_TOPIC, b"nonsense", 1),
        RawMessage("haulwatch/v1/P01/fill", b'[{"ts": 1}, ' + msgspec.json.encode(points[0]) + b"]", 9 * 10**14),
    ]
    messages += [RawMessage(TICK_TOPIC, b"10000", 0)] * 25
    return tuple(LogRecord(offset, message) for offset, message in enumerate(messages, 1))


@cache
def expected() -> tuple[AlertChange, ...]:
    return tuple(rejudge(log(), CITY, build_rules()))


def judge_of(
    folder: Path,
    records: Sequence[LogRecord] | None = None,
    *,
    journal: FakeJournal | None = None,
    script: Script | None = None,
) -> tuple[Judge, FakeLog, FakeJournal]:
    script = script or Script()
    raw, journal = FakeLog(log() if records is None else records, script=script), journal or FakeJournal(script)
    journal.script = script
    state = closed_later(KillableState(folder / "judge.db", script))
    return Judge(raw, journal, state, build_rules(), lambda: CITY, checkpoint_max_messages=50), raw, journal


def judge_all(judge: Judge) -> None:
    while judge.step(limit=20):
        pass
    judge.checkpoint()


def test_every_rule_raises_alerts_from_the_log_and_bad_messages_are_skipped(tmp_path: Path) -> None:
    judge, raw, journal = judge_of(tmp_path)
    judge_all(judge)
    assert {change.rule for change in journal.order} == {
        "route_deviation",
        "stopped_loaded",
        "illegal_dumping",
        "bin_overflow",
        "silent_device",
    }
    assert raw.committed == len(log())
    assert not judge.engine.failures


def test_judging_the_whole_log_at_once_gives_the_same(tmp_path: Path) -> None:
    judge, _, journal = judge_of(tmp_path)
    judge_all(judge)
    assert tuple(journal.order) == expected()


def test_a_shuffled_log_gives_the_same_alerts() -> None:
    times = fleet_times(log(), CITY, build_rules())
    for seed in range(3):
        again = rejudge(shuffled(log(), times, seed), CITY, build_rules())
        assert alert_steps(again) == alert_steps(expected())


def test_killed_before_any_step_it_repeats_no_alert_and_misses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.judge.judge.SLICE_ROWS", 1)  # so that it is killed between two slices as well
    judge, _, _ = judge_of(tmp_path / "counted", script=(counted := Script()))
    judge_all(judge)
    assert counted.taken > 40
    for kill in range(1, counted.taken + 1):
        folder, journal = tmp_path / str(kill), FakeJournal()
        with pytest.raises(Killed):
            judge_all(judge_of(folder, journal=journal, script=Script(kill))[0])
        judge_all(judge_of(folder, journal=journal)[0])
        assert tuple(journal.order) == expected(), f"killed before step {kill}"


def test_the_offset_is_committed_only_with_a_checkpoint(tmp_path: Path) -> None:
    """So that retention never deletes records that a restart must read again."""
    judge, raw, _ = judge_of(tmp_path)
    judge.step(limit=20)
    assert (judge.offset, raw.committed) == (20, 0)
    judge.step(limit=40)
    assert raw.committed == 60


def test_a_checkpoint_waits_until_its_rows_are_worth_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.judge.judge.CHECKPOINT_MIN_MESSAGES", 30)

    def first_checkpoint(devices: int, max_messages: int) -> int:
        fixes = [fix(second, device_id=f"T{n + 1}") for second in range(60) for n in range(devices)]
        raw = FakeLog([LogRecord(offset, message(reading)) for offset, reading in enumerate(fixes, 1)])
        state = closed_later(JudgeState(tmp_path / f"{devices}-{max_messages}.db"))
        judge = Judge(raw, FakeJournal(), state, build_rules(), lambda: CITY, checkpoint_max_messages=max_messages)
        while not raw.committed:
            judge.step(limit=10)
        return raw.committed

    assert first_checkpoint(devices=1, max_messages=1_000) == 30
    assert first_checkpoint(devices=3, max_messages=1_000) == 60
    assert first_checkpoint(devices=3, max_messages=40) == 40


def test_a_journal_that_is_down_loses_nothing(tmp_path: Path) -> None:
    judge, _, journal = judge_of(tmp_path)
    for _ in range(len(log()) // 10):
        journal.errors = [DatabaseUnavailable("locked")]
        try:
            judge.step(limit=10)
        except DatabaseUnavailable:
            assert judge.offset % 10 == 0
        journal.errors = []
    judge_all(judge)
    assert tuple(journal.order) == expected()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE checkpoint SET snapshot = x'00'",
        "UPDATE device SET known = x'00' WHERE device_id = 'T1'",
        "DROP TABLE device",  # as in the first format, which had no rows of devices
    ],
)
def test_a_checkpoint_that_cannot_be_read_means_judging_again_from_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    judge, _, journal = judge_of(tmp_path)
    judge_all(judge)
    state = closed_later(JudgeState(tmp_path / "judge.db"))
    state._db.execute(damage)
    if damage.startswith("DROP"):
        state._db.execute("UPDATE checkpoint SET snapshot = ?", (zlib.compress(b'{"format":1,"lanes":{}}'),))
    state.close()
    again, _, _ = judge_of(tmp_path, journal=journal)
    assert again.offset == 0
    assert "judged again from its start" in caplog.text
    assert judge_of(tmp_path, journal=journal)[0].offset == 0
    assert caplog.text.count("judged again from its start") == 1
    judge_all(again)
    assert tuple(journal.order) == expected()
    assert judge_of(tmp_path, journal=journal)[0].offset == len(log())


FORMER_SCHEMA = """
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    log_offset INTEGER NOT NULL,
    snapshot BLOB NOT NULL
);
CREATE TABLE device (
    device_id TEXT PRIMARY KEY NOT NULL,
    known BLOB NOT NULL
);
"""
"""The tables of versions without partitions."""


def test_a_file_without_partitions_keeps_its_checkpoint(tmp_path: Path) -> None:
    judge, _, journal = judge_of(tmp_path)
    judge.step(limit=60)
    assert judge.offset == 60
    former = tmp_path / "former" / "judge.db"
    former.parent.mkdir()
    with closing(sqlite3.connect(tmp_path / "judge.db")) as now, closing(sqlite3.connect(former)) as db, db:
        db.executescript(FORMER_SCHEMA)
        [row] = now.execute("SELECT log_offset, snapshot FROM checkpoint")
        db.execute("INSERT INTO checkpoint VALUES (1, ?, ?)", row)
        db.executemany("INSERT INTO device VALUES (?, ?)", now.execute("SELECT device_id, known FROM device"))
    again, _, _ = judge_of(former.parent, journal=journal)
    assert again.offset == 60
    judge_all(again)
    assert tuple(journal.order) == expected()
    with closing(sqlite3.connect(former)) as db:
        assert list(db.execute("SELECT partition, log_offset FROM checkpoint")) == [(0, len(log()))]
        names = "checkpoint log position device not_judged revision journaled emptying emptying_file sqlite_sequence"
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == set(names.split())


def test_an_upgrade_that_is_killed_leaves_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "judge.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(FORMER_SCHEMA)
        db.execute("INSERT INTO checkpoint VALUES (1, 7, x'00')")
    monkeypatch.setattr("ingest.judge.checkpoint._DEVICE_TABLE", "no statement")
    with pytest.raises(JudgeStateUnavailable):
        closed_later(JudgeState(path))
    monkeypatch.undo()
    state = closed_later(JudgeState(path))
    checkpoint = state.load(0)
    assert checkpoint is not None
    assert checkpoint.offset == 7
    state.close()


def test_a_checkpoint_that_fails_is_made_whole_by_the_next(tmp_path: Path) -> None:
    """It also holds the rows of devices that sent nothing after the failure."""
    judge, _, journal = judge_of(tmp_path)
    judge.step(limit=30)
    with closing(sqlite3.connect(tmp_path / "judge.db", isolation_level=None)) as db:
        db.execute("CREATE TRIGGER broken BEFORE INSERT ON device BEGIN SELECT RAISE(ABORT, 'no'); END")
        with pytest.raises(JudgeStateUnavailable):
            judge.checkpoint()
        db.execute("DROP TRIGGER broken")
    judge.checkpoint()
    again, _, _ = judge_of(tmp_path, journal=journal)
    assert again.offset == 30
    judge_all(again)
    assert tuple(journal.order) == expected()


def test_a_state_file_that_cannot_be_opened_says_which(tmp_path: Path) -> None:
    (tmp_path / "judge.db").mkdir()
    with pytest.raises(JudgeStateUnavailable, match=r"judge\.db"):
        closed_later(JudgeState(tmp_path / "judge.db"))


async def test_it_runs_until_stopped_through_outages_and_damage(tmp_path: Path) -> None:
    judge, raw, journal = judge_of(tmp_path)
    raw.errors = [RawLogCorrupt(tmp_path, 0, "damaged"), RawLogFull("disk")]
    journal.errors = [DatabaseUnavailable("locked")]
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(run_judge(judge, stop), name="judge")
        while judge.offset < len(log()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stop.set()
    assert tuple(journal.order) == expected()
    assert raw.committed == len(log())


def test_the_judge_commits_an_offset_before_it_has_read_anything(tmp_path: Path) -> None:
    """Retention counts only consumers with a committed offset; a judge that has not run yet must hold it back."""
    raw = RawLog(tmp_path / "log")
    judge = Judge(raw, FakeJournal(), closed_later(JudgeState(tmp_path / "judge.db")), build_rules(), lambda: CITY)
    assert raw.committed() == {"judge": 0}
    raw.append([record.message for record in log()[:30]])
    judge.step()
    judge.checkpoint()
    Judge(raw, FakeJournal(), closed_later(JudgeState(tmp_path / "judge.db")), build_rules(), lambda: CITY)
    assert raw.committed() == {"judge": 30}
    raw.close()


def test_a_log_that_was_lost_is_judged_from_its_new_start(tmp_path: Path) -> None:
    """Its offsets begin again at 1: a judge that stayed at the old offset would skip thousands of messages."""
    raw, messages = RawLog(tmp_path / "log"), [record.message for record in log()]
    raw.append(messages[:40])
    judge = Judge(raw, FakeJournal(), closed_later(JudgeState(tmp_path / "judge.db")), build_rules(), lambda: CITY)
    judge.step()
    judge.checkpoint()
    raw.close()
    (tmp_path / "log").rename(tmp_path / "lost")

    fresh = RawLog(tmp_path / "log")
    fresh.append(messages[40:60])
    judge = Judge(fresh, FakeJournal(), closed_later(JudgeState(tmp_path / "judge.db")), build_rules(), lambda: CITY)
    assert judge.step() == 20
    judge.checkpoint()
    assert fresh.committed() == {"judge": 20}
    fresh.close()
