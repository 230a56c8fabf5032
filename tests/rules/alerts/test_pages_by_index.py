"""Pages of a long journal come from an index: no page reads those before it, and open ones are found among all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from devices.db.database import open_database
from rules.alerts.actions import AlertFilter, Box
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Phase, Severity
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
    return "\n".join(str(step[-1]) for step in steps)


def test_a_page_begins_where_the_one_before_it_ended(engine: Engine) -> None:
    journal = AlertJournal(engine)
    journal.record([change(n) for n in range(4)], recorded_at=NOW)
    before = journal.alerts(AlertFilter(), limit=2).next_cursor
    assert "SEARCH alert USING COVERING INDEX ix_alert_opened_at (" in plan(engine, journal, AlertFilter(), before)


def test_open_alerts_have_an_index_of_their_own(engine: Engine) -> None:
    journal = AlertJournal(engine)
    journal.record([change(n) for n in range(4)], recorded_at=NOW)
    assert "ix_alert_open" in plan(engine, journal, AlertFilter(open=True)).split()


RARE = {
    "rule": AlertFilter(rule="speeding"),
    "severity": AlertFilter(severity=Severity.P1),
    "phase": AlertFilter(phase=Phase.PROVISIONAL),
    "assigned": AlertFilter(assigned_to="li.wei"),
    "acknowledged": AlertFilter(acknowledged=True),
    "not acknowledged": AlertFilter(acknowledged=False, severity=Severity.P1),
    "handled": AlertFilter(handled=True),
    "over": AlertFilter(open=False, rule="speeding"),
    "place": AlertFilter(box=Box(112.0, 35.0, 112.1, 35.1)),
    "a district of many devices": AlertFilter(subjects=frozenset(f"truck-{n:03}" for n in range(300))),
}


@pytest.mark.parametrize("where", RARE.values(), ids=RARE)
def test_a_filter_with_few_hits_reads_an_index_and_not_every_alert(engine: Engine, where: AlertFilter) -> None:
    found = plan(engine, AlertJournal(engine), where)
    assert "USING COVERING INDEX ix_alert_filtered" in found
    assert not [step for step in found.splitlines() if step.startswith("SCAN alert") and "COVERING" not in step]


def test_alerts_of_few_devices_are_looked_up_by_device(engine: Engine) -> None:
    assert "ix_alert_subject (subject=?)" in plan(engine, AlertJournal(engine), AlertFilter(subjects=frozenset("ab")))


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
