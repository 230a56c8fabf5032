"""What is closed is closed whole, once: whenever the server dies, and whoever else acts at the same time."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, event

from devices.db.database import open_database
from rules.alerts.actions import AlertDetail
from rules.alerts.journal import AlertJournal
from rules.cases.actions import AddAlerts, Close
from rules.cases.model import AlertTaken, CaseDetail, CaseKind, CaseOutcome, NewCase, OutdatedCase
from rules.cases.store import CaseStore
from tests import ROOT
from tests.api.fakes import change
from tests.closing import closed_later
from tests.rules.cases.conftest import TERMS

NOW = 1_790_000_000_000
ALERTS = [change(second) for second in range(3)]
IDS = tuple(one.alert_id for one in ALERTS)


class Crash(BaseException):
    """The server dies."""


def state(store: CaseStore, journal: AlertJournal) -> tuple[CaseDetail | None, list[AlertDetail | None]]:
    return store.case("2026-000001", NOW), [journal.alert(alert_id) for alert_id in IDS]


def taking_up(store: CaseStore) -> CaseDetail:
    return store.open_case(NewCase(kind=CaseKind.ALERT, title="x", alerts=IDS[:2]), "li", NOW)


def adding(store: CaseStore) -> CaseDetail:
    return store.act("2026-000001", AddAlerts(actor="li", at=NOW, version=1, alerts=IDS[2:]))


def closing(store: CaseStore) -> CaseDetail:
    outcome = CaseOutcome.CONFIRMED_VIOLATION
    return store.act("2026-000001", Close(actor="li", at=NOW, version=2, outcome=outcome, reason="x"))


def test_a_crash_at_any_statement_leaves_all_of_an_action_or_nothing(
    store: CaseStore, journal: AlertJournal, engine: Engine
) -> None:
    journal.record(ALERTS, NOW)
    left = 0

    def dies(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    crashes, step = 0, 1 if engine.dialect.name == "sqlite" else 5  # a server takes longer to forget
    for does in (taking_up, adding, closing):
        before, at_statement = state(store, journal), 1 - step
        event.listen(engine, "before_cursor_execute", dies)
        while True:
            left = at_statement = at_statement + step
            try:
                does(store)
            except Crash:
                crashes += 1
                left = 0
                assert state(store, journal) == before, f"{does.__name__}, statement {at_statement}"
            else:
                break
        event.remove(engine, "before_cursor_execute", dies)
        assert state(store, journal) != before
    case, alerts = state(store, journal)
    assert case is not None
    assert (case.case.state, case.case.version, len(case.events)) == ("closed", 3, 5)
    kinds = [[str(action.kind) for action in one.actions] for one in alerts if one is not None]
    assert kinds == [["acknowledge", "close"]] * 3
    assert crashes > 30 / step


def test_killed_before_the_commit_it_can_be_done_again_and_afterwards_it_cannot(
    url: str, store: CaseStore, journal: AlertJournal
) -> None:
    """A process that ends without a word, at the worst instant: all is written, and nothing committed."""
    journal.record(ALERTS, NOW)
    taking_up(store)
    adding(store)
    before = state(store, journal)
    script = f"""
        import os
        from sqlalchemy import event
        from devices.db.database import open_database
        from rules.cases.actions import Close
        from rules.cases.store import CaseStore
        engine = open_database({url!r})
        event.listen(engine, "commit", lambda connection: os._exit(99))
        action = Close(actor="li", at={NOW}, version=2, outcome="confirmed_violation", reason="x")
        CaseStore(engine, lambda: None).act("2026-000001", action)
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 99, done.stderr
    assert state(store, journal) == before
    closing(store)
    after = state(store, journal)
    with pytest.raises(OutdatedCase):
        closing(store)  # whose answer was lost, and who tries again
    assert state(store, journal) == after


@pytest.fixture
def two(engine: Engine) -> list[CaseStore]:
    """Two servers."""
    url = engine.url.render_as_string(hide_password=False)
    return [closed_later(CaseStore(open_database(url), lambda: TERMS)) for _ in range(2)]


def at_once(does: Callable[[CaseStore], CaseDetail], two: list[CaseStore]) -> list[Any]:
    barrier = Barrier(2)

    def run(store: CaseStore) -> Any:
        barrier.wait()
        try:
            return does(store).case.number
        except (AlertTaken, OutdatedCase) as exc:
            return type(exc)

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(run, two), key=str)


def test_of_two_who_act_at_once_one_does_and_the_other_is_told(
    two: list[CaseStore], store: CaseStore, journal: AlertJournal
) -> None:
    journal.record(ALERTS, NOW)
    assert at_once(taking_up, two) == ["2026-000001", AlertTaken]
    assert at_once(adding, two) == ["2026-000001", OutdatedCase]
    assert at_once(closing, two) == ["2026-000001", OutdatedCase]
    case, alerts = state(store, journal)
    assert case is not None
    assert [str(one.kind) for one in case.events] == ["opened", *["alert_added"] * 3, "closed"]
    assert [sum(action.kind == "close" for action in one.actions) for one in alerts if one is not None] == [1, 1, 1]


def test_two_cases_that_are_opened_at_once_have_two_numbers(two: list[CaseStore]) -> None:
    manual = NewCase(kind=CaseKind.MANUAL, title="x")
    assert at_once(lambda one: one.open_case(manual, "li", NOW), two) == ["2026-000001", "2026-000002"]
