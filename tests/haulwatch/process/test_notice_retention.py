"""Old notices go, with what was noted of planning them; those of open alerts stay, and digests with their members."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from devices.db.database import open_database, transaction
from haulwatch import migrations
from ingest.notices.notice import Climb, Kind, NewNotice, State
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.retention import NoticeRetention
from ingest.notices.tables import notice, notice_change, notice_climb
from rules.alerts.actions import Close, Outcome
from rules.alerts.journal import AlertJournal
from tests.api.fakes import change

NOW = 1_790_000_000_000
OPEN, OVER = change(0).alert_id, change(7_200, subject="truck-2").alert_id


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'haulwatch.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    migrations.upgrade(url)
    opened = open_database(url)
    journal = AlertJournal(opened)
    journal.record([change(0), change(7_200, subject="truck-2")], NOW)
    journal.act(OVER, Close(actor="li", at=NOW, outcome=Outcome.NO_ACTION))
    yield opened
    opened.dispose()


def new(alert_id: str, event: str, recipient: str = "li", kind: Kind = Kind.CALL) -> NewNotice:
    return NewNotice(alert_id, event, "mail", recipient, (), kind, "illegal_dumping", "P1", "zh", "题", "文", None)


def left(engine: Engine) -> list[tuple[str, str]]:
    with transaction(engine) as connection:
        return [(row.alert_id, row.event) for row in connection.execute(select(notice).order_by(notice.c.no)).all()]


def test_what_is_old_and_over_goes_and_all_else_stays(engine: Engine) -> None:
    outbox = NoticeOutbox(engine)
    for alert_id in (OPEN, OVER, "f" * 16):  # the last has no alert any more
        climbs = [Climb(alert_id, "all", 0, None)]
        outbox.plan(alert_id, "old", [new(alert_id, "old")], climbs, NOW)
        outbox.plan(alert_id, "new", [new(alert_id, "new")], [], NOW)
        outbox.plan(alert_id, "waits", [new(alert_id, "waits")], [], NOW)
        for one in outbox.waiting("mail", 99):
            if one.new.event in {"old", "new"} and one.new.alert_id == alert_id:
                outbox.begin(one.no, NOW)
                outbox.sent(one.no, NOW + (0 if one.new.event == "old" else 100))
    retention = NoticeRetention(engine)
    assert retention.purge(NOW) == 0, "a limit is a limit"
    assert retention.purge(NOW + 1) == 2
    events = {alert_id: {event for of, event in left(engine) if of == alert_id} for alert_id, _ in left(engine)}
    assert events == {OPEN: {"old", "new", "waits"}, OVER: {"new", "waits"}, "f" * 16: {"new", "waits"}}
    with transaction(engine) as connection:
        assert len(connection.execute(select(notice_climb)).all()) == 3, "as long as one notice of the alert is there"
    for one in outbox.waiting("mail", 99):
        outbox.withdraw([one.no], NOW)
    assert retention.purge(NOW + 1_000) == 4
    assert {alert_id for alert_id, _ in left(engine)} == {OPEN}
    with transaction(engine) as connection:
        for table in (notice_climb, notice_change):
            assert {row.alert_id for row in connection.execute(select(table)).all()} == {OPEN}


def test_a_digest_stays_as_long_as_one_that_it_stands_for(engine: Engine) -> None:
    outbox = NoticeOutbox(engine)
    members = []
    for alert_id in (OPEN, OVER):
        outbox.plan(alert_id, "confirmed 1", [new(alert_id, "confirmed 1")], [], NOW)
    members = [one.no for one in outbox.waiting("mail", 9)]
    assert outbox.bundle(members, new("", "digest 1", kind=Kind.DIGEST), NOW)
    [digest] = outbox.waiting("mail", 9)
    outbox.begin(digest.no, NOW)
    outbox.sent(digest.no, NOW)
    retention = NoticeRetention(engine)
    assert retention.purge(NOW + 1) == 1
    assert left(engine) == [(OPEN, "confirmed 1"), ("", "digest 1")]
    AlertJournal(engine).act(OPEN, Close(actor="li", at=NOW, outcome=Outcome.NO_ACTION))
    assert retention.purge(NOW + 1) == 2
    assert left(engine) == []


def test_very_many_go_in_several_transactions(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.notices.retention._AT_ONCE", 3)
    outbox = NoticeOutbox(engine)
    outbox.plan(OVER, "old", [new(OVER, "old", f"p{number}") for number in range(10)], [], NOW)
    for one in outbox.waiting("mail", 99):
        outbox.begin(one.no, NOW)
        outbox.give_up(one.no, State.FAILED, NOW, "no such person")
    assert NoticeRetention(engine).purge(NOW + 1) == 10
