"""The database goes away and comes back: no alert waits for it, none is lost, none is written or sent twice."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from devices.db.database import DatabaseUnavailable, open_database
from haulwatch import migrations
from ingest.alerts.cursors import PublisherCursors
from ingest.alerts.outbox import AlertOutbox, OutboxUnavailable, read_waiting
from ingest.alerts.publisher import AlertPublisher
from rules.alerts.actions import AlertFilter, JournalEntry
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Phase, Text
from tests.closing import closed_later
from tests.ingest.alerts.test_publisher import FakeJournal, FakeSink, change
from tests.servers.postgres import Postgres
from tests.spoiled import spoil_pages


def story() -> list[AlertChange]:
    """Three alerts that open, and two that close."""
    opened = [change(no) for no in (1, 2, 3)]
    closed = [change(no, phase=Phase.CLOSED, revision=2, closed_at=1_790_000_500_000) for no in (2, 1)]
    return [*opened, *closed]


class KeySink(FakeSink):
    """Notes the keys of what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[tuple[str, str, int]] = []

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        self.keys += [(entry.change.alert_id, str(entry.change.phase), entry.change.revision) for entry in entries]
        return ()


@contextmanager
def journal_at(url: str) -> Iterator[AlertJournal]:
    migrations.upgrade(url)
    engine = open_database(url)
    yield AlertJournal(engine)
    engine.dispose()


def written(journal: AlertJournal) -> list[tuple[int, AlertChange]]:
    return [(entry.recorded_at, entry.change) for entry in journal.changes_after(0, 100)]


@pytest.mark.real
@pytest.mark.parametrize("away_from", [0, 1, 3, 4])
async def test_with_postgresql_stopped_changes_go_out_on_mqtt_and_into_the_journal_once(
    tmp_path: Path, away_from: int
) -> None:
    changes = story()
    with ExitStack() as resources:
        server = Postgres()
        resources.callback(server.close)
        server.start()
        undisturbed, journal = (resources.enter_context(journal_at(server.new_database())) for _ in range(2))
        for at, one in enumerate(changes):
            undisturbed.record([one], at)
        outbox, sink = AlertOutbox(tmp_path / "outbox.db", journal), KeySink()
        publisher = AlertPublisher(
            "mqtt", sink, journal, closed_later(PublisherCursors(tmp_path / "announcer.db")), outbox
        )
        for at, one in enumerate(changes):
            if at == away_from:
                server.stop()
            outbox.record([one], at)
            await publisher.step()
            assert sink.keys[-1] == (one.alert_id, one.phase, one.revision), "sent although the database is away"
        assert read_waiting(tmp_path / "outbox.db") == (len(changes) - away_from, away_from)
        with pytest.raises(DatabaseUnavailable):
            outbox.drain()
        outbox.close()

        again = AlertOutbox(tmp_path / "outbox.db", journal)  # the judge is started again, still without a database
        publisher = AlertPublisher(
            "mqtt", sink, journal, closed_later(PublisherCursors(tmp_path / "announcer.db")), again
        )
        assert await publisher.step() == 0
        server.start()
        assert again.drain() == len(changes) - away_from
        assert written(journal) == written(undisturbed)
        assert [alert.alert_id for alert in journal.alerts(AlertFilter(), limit=9).items] == [
            alert.alert_id for alert in undisturbed.alerts(AlertFilter(), limit=9).items
        ]
        while await publisher.step():
            pass
        assert len(sink.keys) == len(changes), "sent once each"
        again.record([change(9)], 9)
        await publisher.step()
        assert (again.waiting, len(sink.keys)) == (0, len(changes) + 1)
        again.close()


class Database:
    """A journal that may be away, and may break before or after it has written."""

    def __init__(self) -> None:
        self.written: dict[tuple[str, str, int], tuple[int, AlertChange]] = {}
        self.away = False
        self.breaks_after_writing = False

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        if self.away:
            raise DatabaseUnavailable("connection refused")
        for one in changes:
            self.written.setdefault((one.alert_id, str(one.phase), one.revision), (recorded_at, one))
        if self.breaks_after_writing:
            raise DatabaseUnavailable("connection lost")
        return len(changes)

    def has(self, key: str) -> bool:
        if self.away:
            raise DatabaseUnavailable("connection refused")
        return any(one.key == key for _, one in self.written.values())


def test_a_connection_that_breaks_at_any_change_writes_each_once_and_in_order(tmp_path: Path) -> None:
    changes = story()
    for broken_at in range(len(changes)):
        database = Database()
        with closing(AlertOutbox(tmp_path / f"{broken_at}.db", database)) as outbox:
            for at, one in enumerate(changes):
                database.breaks_after_writing = at == broken_at
                outbox.record([one], at)
            database.breaks_after_writing = True
            with pytest.raises(DatabaseUnavailable):
                outbox.drain()
            database.breaks_after_writing = False
            while outbox.drain():
                pass
            assert list(database.written.values()) == list(enumerate(changes))


def test_later_changes_wait_behind_earlier_ones(tmp_path: Path) -> None:
    database = Database()
    with closing(AlertOutbox(tmp_path / "outbox.db", database)) as outbox:
        database.away = True
        outbox.record([change(1)], 1)
        database.away = False
        outbox.record([change(2)], 2)
        assert (outbox.waiting, len(database.written)) == (2, 0)
        outbox.drain()
        outbox.record([change(3)], 3)
        assert [at for at, _ in database.written.values()] == [1, 2, 3]


async def test_what_a_killed_judge_judges_again_is_kept_once_and_sent_once(tmp_path: Path) -> None:
    """The database went away after the first change was sent; the judge was killed after the third and begins anew."""
    database, journal, sink = Database(), FakeJournal(), KeySink()
    with (
        closing(PublisherCursors(tmp_path / "announcer.db")) as cursors,
        closing(AlertOutbox(tmp_path / "outbox.db", database)) as outbox,
    ):
        journal.add(1)
        publisher = AlertPublisher("mqtt", sink, journal, cursors, outbox)
        await publisher.step()
        database.away = journal.away = True
        for numbers in ((2, 3), (1, 2, 3, 4)):
            outbox.record([change(no) for no in numbers], 5)
            while await publisher.step():
                pass
        assert outbox.waiting == 4
    assert [int(alert_id, 16) for alert_id, *_ in sink.keys] == [1, 2, 3, 4]


@pytest.mark.parametrize("under_way", [False, True])
def test_spoiled_pages_are_set_aside_and_what_waited_there_is_to_be_judged_again(
    tmp_path: Path, under_way: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Real pages of a real file, all of them, or some with noise in place of a row only."""
    set_aside = 0
    for seed in range(8):
        path, database = tmp_path / f"{seed}.db", Database()
        database.away = True
        outbox = closed_later(AlertOutbox(path, database))
        outbox.record([change(no, title=Text(en="long " * 2_000, zh="长")) for no in range(1, 40)], 5)
        if under_way:
            outbox._db.execute("PRAGMA shrink_memory")
        else:
            outbox.close()
        spoil_pages(path, random.Random(seed), pages=1 if seed % 2 else 5)
        if not under_way:
            outbox = closed_later(AlertOutbox(path, database))
        for number in (100, 101):
            with suppress(OutboxUnavailable):
                outbox.record([change(number)], 6)
                outbox.undelivered(1_000)
        with pytest.raises(DatabaseUnavailable):
            outbox.has(change(101).key)
        database.away = False
        if not list(tmp_path.glob(f"{path.name}.spoiled-*")):
            assert outbox.has(change(101).key), "only free pages were spoiled"
            continue
        set_aside += 1
        again = closed_later(AlertOutbox(path, database))
        assert not again.has(change(101).key), "also after a restart"
        again.record([change(1)], 7)
        while again.drain():
            pass
        assert again.has(change(1).key)
        assert closed_later(AlertOutbox(path, database)).has(change(1).key), "judged again once"
    assert set_aside > 4
    assert "is spoiled and was set aside" in caplog.text


def test_a_file_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").mkdir()
    with pytest.raises(OutboxUnavailable, match=r"outbox\.db"):
        AlertOutbox(tmp_path / "outbox.db", Database())
