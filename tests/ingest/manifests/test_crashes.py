"""The judge is killed before any of its steps, and the database goes away: the same manifests, each transition once."""

from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from devices.codecs.manifests import MANIFEST, encode_action
from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from devices.db.database import DatabaseUnavailable, open_database
from devices.readings.models import Kind, ManifestAction, Reading
from ingest.judge.judge import Judge
from ingest.log.raw_log import RawLog
from ingest.log.records import TICK_TOPIC, LogRecord, RawMessage
from ingest.manifests.feed import ManifestFeed
from ingest.manifests.writer import ManifestWriter
from rules.catalogue import build_rules
from rules.manifests import tables
from rules.manifests.journal import ManifestJournal
from rules.manifests.model import TruckManifest
from rules.manifests.store import ManifestStore
from rules.manifests.tables import manifest_action, manifest_state, manifest_transition
from tests.closing import closed_later
from tests.ingest.judge.test_judge import FakeJournal, FakeLog, KillableState, Killed, Script, judge_all
from tests.rules.manifests.test_any_order import HAPPENED, story
from tests.rules.manifests.test_store import NOW, document, request
from tests.rules.town import in_time, town

CITY = town()


def message(reading: Reading) -> RawMessage:
    if isinstance(reading, ManifestAction):
        topic, payload = encode_action(reading)
        return RawMessage(topic, payload, reading.ts + 500, MANIFEST.dialect)
    assert isinstance(reading.kind, Kind)
    return RawMessage(reading_topic(reading.device_id, reading.kind), encode(reading), reading.ts + 500)


@cache
def log() -> tuple[LogRecord, ...]:
    """The story, with the ticks of a collector that hears nobody."""
    messages: list[RawMessage] = []
    for reading in in_time(*story().values()):
        before = messages[-1].received_at if messages else reading.ts
        quiet = range(before + 10_000, reading.ts + 500, 10_000)
        messages += [RawMessage(TICK_TOPIC, b"10000", at) for at in quiet]
        messages.append(message(reading))
    messages += [RawMessage(TICK_TOPIC, b"10000", messages[-1].received_at + 10_000 * n) for n in range(1, 30)]
    return tuple(LogRecord(offset, one) for offset, one in enumerate(messages, 1))


class Yard:
    """A judge that writes its manifests into a database at each step; killed by the script, or at the database."""

    def __init__(self, folder: Path, engine: Engine, script: Script | None = None) -> None:
        script = script or Script()
        self.down = False
        self._journal = ManifestJournal(engine)
        self.feed = ManifestFeed(self, lambda: NOW)
        self._script = script
        state = closed_later(KillableState(folder / "judge.db", script))
        self.judge = Judge(
            FakeLog(log(), script=script), FakeJournal(script), state, build_rules(), lambda: CITY,
            checkpoint_max_messages=150, on_manifests=self._offer,
        )  # fmt: skip

    def record(self, found: Sequence[tuple[TruckManifest, int]], judged_in: str, recorded_at: int) -> int:
        if self.down:
            raise DatabaseUnavailable("away")
        self._script.step()
        written = self._journal.record(found, judged_in, recorded_at)
        self._script.step()
        return written

    def _offer(self, found: Sequence[TruckManifest], judged_to: int) -> None:
        self.feed.offer(found, judged_to)

    def run(self) -> None:
        while self.judge.step(limit=60):
            self.write()
        self.judge.checkpoint()
        self.write()

    def write(self) -> None:
        try:
            while self.feed.step():
                pass
        except DatabaseUnavailable:
            assert self.down


def fresh(folder: Path) -> Engine:
    folder.mkdir(exist_ok=True)
    engine = open_database(f"sqlite:///{folder / 'db'}")
    tables.metadata.create_all(engine)
    return engine


def written(engine: Engine) -> dict[str, list[str]]:
    """The states through which each manifest went; none was written twice, or withdrawn."""
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        rows = connection.execute(select(manifest_transition).order_by(manifest_transition.c.no)).mappings().all()
        state = dict(connection.execute(select(manifest_state.c.number, manifest_state.c.state)).all())
    for row in rows:
        assert row["withdrawn_at"] is None, row
        found.setdefault(row["number"], []).append(row["after"])
    assert state == {number: path[-1] for number, path in found.items()}
    return found


def test_the_database_has_what_happened(tmp_path: Path) -> None:
    with closing_engine(fresh(tmp_path / "1")) as engine:
        Yard(tmp_path / "1", engine).run()
        assert written(engine) == HAPPENED


def test_killed_before_any_step_it_repeats_no_transition_and_misses_none(tmp_path: Path) -> None:
    counted = Script()
    with closing_engine(fresh(tmp_path / "counted")) as engine:
        Yard(tmp_path / "counted", engine, counted).run()
    assert counted.taken > 30
    for kill in range(1, counted.taken + 1, counted.taken // 12):
        folder = tmp_path / str(kill)
        with closing_engine(fresh(folder)) as engine:
            with pytest.raises(Killed):
                Yard(folder, engine, Script(kill)).run()
            Yard(folder, engine).run()
            assert written(engine) == HAPPENED, f"killed before step {kill}"


def test_a_database_that_is_away_holds_up_nobody(tmp_path: Path) -> None:
    with closing_engine(fresh(tmp_path / "1")) as engine:
        yard = Yard(tmp_path / "1", engine)
        yard.down = True
        judge_all(yard.judge)
        yard.write()
        assert written(engine) == {}
        yard.down = False
        yard.write()
        assert written(engine) == HAPPENED


def test_an_action_goes_into_the_log_once_or_is_known_again(tmp_path: Path) -> None:
    """The writer is killed between the log and the note that it is there."""
    with closing_engine(fresh(tmp_path / "1")) as engine, closing(RawLog(tmp_path / "log", 1 << 20)) as raw:
        store = ManifestStore(engine, lambda: CITY, lambda terms, device_id: terms.arrive_by)
        number = store.issue(document(), "li", NOW).manifest.number
        store.act(number, request("confirm_source", 1))

        class Dies:
            check_due, waiting = store.check_due, store.waiting

            def mark_appended(self, numbers: Sequence[int]) -> None:
                raise Killed

        with pytest.raises(Killed):
            ManifestWriter(Dies(), raw, lambda: NOW).step()
        assert ManifestWriter(store, raw, lambda: NOW).step() == 2
        assert ManifestWriter(store, raw, lambda: NOW).step() == 0
        records = raw.read(0, 100)
        assert len(records) == 4
        assert {record.message.dialect for record in records} == {"manifest"}
        with engine.connect() as connection:
            assert list(connection.execute(select(manifest_action.c.appended)).scalars()) == [True, True]


class closing_engine:  # noqa: N801 - used as `closing` is
    """Disposes of an engine at the end of the block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Engine:
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()
