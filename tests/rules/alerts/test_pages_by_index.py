"""Pages of a long journal come from an index: no page reads those before it, and open ones are found among all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from devices.db.database import open_database
from rules.alerts.actions import AlertFilter
from rules.alerts.journal import AlertJournal
from rules.alerts.tables import metadata
from tests.api.fakes import NOW, change


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def plan(engine: Engine, journal: AlertJournal, where: AlertFilter, before: str | None = None) -> str:
    """How SQLite finds the rows of a page."""
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(*heard: object) -> None:
        _, _, statement, parameters, *_ = heard
        asked.append((str(statement), parameters))  # type: ignore[arg-type]

    event.listen(engine, "before_cursor_execute", note)
    journal.alerts(where, limit=1, before=before)
    event.remove(engine, "before_cursor_execute", note)
    [(statement, parameters)] = [one for one in asked if "FROM alert" in one[0]]
    with engine.connect() as connection:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return str(steps[0][-1])


def test_a_page_begins_where_the_one_before_it_ended(engine: Engine) -> None:
    journal = AlertJournal(engine)
    journal.record([change(n) for n in range(4)], recorded_at=NOW)
    before = journal.alerts(AlertFilter(), limit=2).next_cursor
    assert plan(engine, journal, AlertFilter(), before).startswith("SEARCH alert USING INDEX ix_alert_opened_at (")


def test_open_alerts_have_an_index_of_their_own(engine: Engine) -> None:
    journal = AlertJournal(engine)
    journal.record([change(n) for n in range(4)], recorded_at=NOW)
    assert "ix_alert_open" in plan(engine, journal, AlertFilter(open=True)).split()


def test_of_alerts_that_opened_at_one_time_no_page_loses_or_repeats_one(engine: Engine) -> None:
    journal = AlertJournal(engine)
    journal.record([change(0, subject=f"truck-{n}") for n in range(7)], recorded_at=NOW)
    found: list[str] = []
    before: str | None = None
    while True:
        page = journal.alerts(AlertFilter(), limit=2, before=before)
        found += [alert.subject for alert in page.items]
        before = page.next_cursor
        if before is None:
            break
    assert sorted(found) == [f"truck-{n}" for n in range(7)]
