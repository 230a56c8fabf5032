"""Boards show what is shelved and what was learned of late, from a real journal and real shelves to a real store."""

from pathlib import Path
from typing import Any

import pytest

from devices.db.database import open_database
from devices.readings.series import ALERT_STATE_MEASUREMENT
from haulwatch import migrations
from ingest.boards.feed import BoardFeed, open_cursors
from ingest.boards.points import DAY_MS
from ingest.boards.shelving import Shelving
from ingest.store.sqlite import SqliteStore
from rules.alerts.actions import Close, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Amendment, Phase, Severity
from rules.alerts.shelves import NewShelf, ShelfStore
from tests.closing import closed_later
from tests.ingest.boards.test_feed import CITY, HOUR_MS, NOON, POINT, change, status

UNTIL = NOON + 2 * HOUR_MS


class Wall:
    """Journal, shelves and a store, the feed between them, and a clock."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder / 'haulwatch.db'}"
        migrations.upgrade(url)
        self.folder, self.now = folder, NOON
        self.journal = closed_later(AlertJournal(open_database(url)))
        self.shelves = closed_later(ShelfStore(open_database(url)))
        self.store = SqliteStore(folder / "readings.db")
        self.start()

    def start(self) -> None:
        """Start the feed anew, as `haulwatch serve` does."""
        shelving = Shelving(self.shelves, self.journal, lambda: self.now, call_within_ms=4 * HOUR_MS)
        cursors = closed_later(open_cursors(self.folder))
        self.feed = BoardFeed(self.store, self.journal, lambda: CITY, status, cursors, lambda: (), shelving)

    def shelve(self, rule: str | None = "bin_overflow", subject: str | None = None) -> int:
        new = NewShelf(
            rule=rule, subject=subject, reason="festival", shelved_by="Wang", shelved_at=self.now, until=UNTIL
        )
        return self.shelves.add(new).no

    async def rows(self) -> dict[str, dict[str, Any]]:
        """What the boards show, by alert, after the feed wrote."""
        await self.feed.write_alerts()
        found = await self.store.rows(ALERT_STATE_MEASUREMENT, POINT.id, 0, NOON + DAY_MS, limit=999)
        return {str(row.fields["alert_id"])[-1]: dict(row.fields) for row in found}

    async def shelved(self) -> dict[str, int]:
        return {name: row["shelved_until"] for name, row in (await self.rows()).items()}


@pytest.fixture
async def wall(tmp_path: Path) -> Any:
    made = Wall(tmp_path)
    made.journal.record(
        [
            change(alert_id=f"{0:015}a"),
            change(alert_id=f"{0:015}b", opened_at=NOON - 1_000, rule="silent_device"),
            change(alert_id=f"{0:015}c", opened_at=NOON - 2_000, severity=Severity.P1),
        ],
        NOON,
    )
    yield made
    await made.store.close()


async def test_a_shelf_marks_the_open_alerts_it_covers_until_it_is_over(wall: Wall) -> None:
    assert await wall.shelved() == {"a": 0, "b": 0, "c": 0}
    wall.shelve()
    assert await wall.shelved() == {"a": UNTIL, "b": 0, "c": 0}, "P1 is shelved by its device only"
    wall.now = UNTIL
    assert await wall.shelved() == {"a": 0, "b": 0, "c": 0}


async def test_a_shelf_that_a_person_ends_marks_nothing_any_more(wall: Wall) -> None:
    number = wall.shelve(rule=None, subject=POINT.id)
    assert await wall.shelved() == {"a": UNTIL, "b": UNTIL, "c": UNTIL}
    wall.shelves.end(number, "Li", NOON + 60_000)
    wall.now = NOON + 61_000
    assert await wall.shelved() == {"a": 0, "b": 0, "c": 0}


async def test_an_alert_that_begins_under_a_shelf_is_marked_and_one_that_ends_is_not(wall: Wall) -> None:
    wall.shelve()
    await wall.feed.write_alerts()
    wall.journal.record([change(alert_id=f"{0:015}d", opened_at=NOON - 3_000)], NOON)
    assert (await wall.shelved())["d"] == UNTIL
    wall.journal.act(f"{0:015}a", Close(actor="Wang", at=NOON, outcome=Outcome.NO_ACTION))
    assert (await wall.shelved()) == {"a": 0, "b": 0, "c": 0, "d": UNTIL}


async def test_a_shelf_that_ended_while_the_feed_was_away_is_noticed(wall: Wall) -> None:
    wall.shelve()
    assert (await wall.shelved())["a"] == UNTIL
    wall.now = UNTIL + 1
    wall.start()
    assert await wall.shelved() == {"a": 0, "b": 0, "c": 0}


async def test_more_open_alerts_than_one_page_are_marked(wall: Wall) -> None:
    wall.journal.record([change(alert_id=f"{n:015}e", opened_at=NOON - 10_000 - n) for n in range(450)], NOON)
    await wall.feed.write_alerts()
    wall.shelve()
    await wall.feed.write_alerts()
    found = await wall.store.rows(ALERT_STATE_MEASUREMENT, POINT.id, 0, NOON, limit=999)
    assert sum(row.fields["shelved_until"] == UNTIL for row in found) == 451


async def test_an_alert_of_late_readings_shows_when_people_could_know_it(wall: Wall) -> None:
    """Also after it went on, or was taken back: the first change says that it came late."""
    late: dict[str, Any] = {"amendment": Amendment.NEW_LATE, "opened_at": NOON - 6 * HOUR_MS}
    over: dict[str, Any] = {"phase": Phase.CLOSED, "closed_at": NOON - 5 * HOUR_MS}
    wall.journal.record([change(alert_id=f"{0:015}f", **late, **over)], NOON + 1)
    wall.journal.record([change(alert_id=f"{0:015}g", **late | {"opened_at": NOON - 7 * HOUR_MS})], NOON + 2)
    wall.journal.record([change(2, alert_id=f"{0:015}g", opened_at=NOON - 7 * HOUR_MS)], NOON + 3)
    rows = await wall.rows()
    assert {name: (rows[name]["learned_at"], rows[name]["listed_only"]) for name in "afg"} == {
        "a": (0, 0),
        "f": (NOON + 1, 1),
        "g": (NOON + 2, 0),
    }
