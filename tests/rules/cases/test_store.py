"""Cases in the database: numbers, deadlines, alerts, events, versions. The same stories on both databases."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from devices.db.database import open_database
from devices.db.page_cursor import InvalidCursor
from haulwatch import migrations
from rules.alerts.actions import AlertDetail, Outcome, UnknownAlert
from rules.alerts.actions import Close as CloseAlert
from rules.alerts.actions import Comment as CommentOnAlert
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Amendment, Phase
from rules.cases.actions import (
    AddAlerts,
    Assign,
    Begin,
    Change,
    Close,
    Comment,
    RemoveAlert,
    Reopen,
    SetDeadline,
)
from rules.cases.model import (
    AlertTaken,
    CaseChange,
    CaseDetail,
    CaseFilter,
    CaseKind,
    CaseOutcome,
    CaseRefused,
    CaseScope,
    CaseState,
    EventKind,
    NewCase,
    OutdatedCase,
    UnknownCase,
    WrongState,
)
from rules.cases.store import CaseStore
from tests.api.fakes import change
from tests.closing import closed_later
from tests.rules.cases.conftest import TERMS

DAY = 86_400_000


def at(text_: str) -> int:
    return round(datetime.fromisoformat(text_).timestamp() * 1_000)


NOW = at("2026-12-31T09:00:00+08:00")


def raised(journal: AlertJournal, second: float = 0, **changed: Any) -> str:
    made = change(second, **changed)
    journal.record([made], recorded_at=NOW)
    return made.alert_id


def alert(journal: AlertJournal, alert_id: str) -> AlertDetail:
    found = journal.alert(alert_id)
    assert found is not None
    return found


def opened(store: CaseStore, *alerts: str, now: int = NOW, **given: Any) -> CaseDetail:
    kind = CaseKind.ALERT if alerts else CaseKind.MANUAL
    return store.open_case(NewCase(**{"kind": kind, "title": "Spoil heap", "alerts": alerts, **given}), "li", now)


def by(case: CaseDetail, now: int = NOW + 1, **given: Any) -> dict[str, Any]:
    return {"actor": "wang", "at": now, "version": case.case.version, **given}


def kinds(case: CaseDetail) -> list[EventKind]:
    return [event.kind for event in case.events]


def test_numbers_count_on_within_the_year_of_the_city(store: CaseStore) -> None:
    """At 23:59 in Shanghai it is 15:59 in Greenwich; the year turns eight hours before that of UTC."""
    times = ["2026-12-31T23:59:59+08:00", "2026-12-31T23:59:59+08:00", "2027-01-01T00:00:00+08:00"]
    assert [opened(store, now=at(time)).case.number for time in times] == ["2026-000001", "2026-000002", "2027-000001"]


def test_a_deadline_is_the_last_second_of_the_last_day_in_the_city(store: CaseStore) -> None:
    expected = {CaseKind.REPORT: "2027-01-15", CaseKind.MANUAL: "2027-01-10"}
    for kind, day in expected.items():
        for time in ("2026-12-31T00:00:00+08:00", "2026-12-31T23:59:59+08:00"):
            assert opened(store, kind=kind, now=at(time)).case.deadline == at(f"{day}T23:59:59+08:00")


def test_an_alert_that_is_taken_up_is_a_case_with_its_place_and_time(store: CaseStore, journal: AlertJournal) -> None:
    first, second = raised(journal, 60), raised(journal, 0, subject="truck-2", closed=300)
    case = opened(store, first, second, assignee="team-3", reason="两车同地")
    view = case.case
    assert (view.number, view.kind, view.state, view.version) == ("2026-000001", "alert", "open", 1)
    assert (view.alerts, view.lat, view.lon, view.assignee) == ((first, second), 35.46, 112.86, "team-3")
    found = [alert(journal, one).alert for one in (first, second)]
    assert (view.happened_from, view.happened_until) == (found[1].opened_at, found[1].closed_at)
    assert kinds(case) == ["opened", "alert_added", "alert_added"]
    assert [(one.acknowledged_by, one.acknowledged_at) for one in found] == [("li", NOW)] * 2
    assert store.case(view.number, NOW) == case


def test_what_a_person_gives_stands_before_what_the_alert_says(store: CaseStore, journal: AlertJournal) -> None:
    given: dict[str, Any] = {"lat": 35.1, "lon": 112.1, "happened_from": 5, "happened_until": 6, "deadline": NOW + 1}
    view = opened(store, raised(journal), **given).case
    assert {name: getattr(view, name) for name in given} == given


def test_an_alert_belongs_to_one_open_case_at_most(store: CaseStore, journal: AlertJournal) -> None:
    one, other = raised(journal, 0), raised(journal, 60)
    case = opened(store, one)
    with pytest.raises(AlertTaken, match="2026-000001"):
        opened(store, other, one)
    second = opened(store, other)
    assert second.case.number == "2026-000002", "what was refused has left no number"
    with pytest.raises(AlertTaken, match="2026-000001"):
        store.act(second.case.number, AddAlerts(alerts=(one,), **by(second)))
    closed = store.act(case.case.number, Close(outcome=CaseOutcome.NO_ACTION, reason="x", **by(case)))
    third = opened(store, one)
    with pytest.raises(AlertTaken, match="2026-000003"):
        store.act(closed.case.number, Reopen(reason="y", **by(closed)))
    store.act(third.case.number, RemoveAlert(alert_id=one, reason="z", **by(third)))
    assert store.act(closed.case.number, Reopen(reason="y", **by(closed))).case.state is CaseState.OPEN


def test_alerts_are_added_and_removed_and_both_stay_written(store: CaseStore, journal: AlertJournal) -> None:
    one, other = raised(journal, 0), raised(journal, 60)
    case = opened(store, one)
    case = store.act(case.case.number, AddAlerts(alerts=(other, other), reason="same lorry", **by(case)))
    assert (case.case.alerts, case.case.version) == ((one, other), 2)
    case = store.act(case.case.number, RemoveAlert(alert_id=one, reason="another lorry", **by(case)))
    assert case.case.alerts == (other,)
    removal = case.events[-1]
    assert (removal.kind, removal.actor, removal.reason) == ("alert_removed", "wang", "another lorry")
    assert removal.detail == {"alert_id": one}
    case = store.act(case.case.number, AddAlerts(alerts=(one,), **by(case)))
    assert case.case.alerts == (other, one)
    third = raised(journal, 120)
    assert store.act(case.case.number, AddAlerts(alerts=(third,), **by(case))).case.alerts == (other, one, third)
    assert kinds(case) == ["opened", "alert_added", "alert_added", "alert_removed", "alert_added"]
    notes = [action.note for action in alert(journal, one).actions]
    assert all(note is not None and "2026-000001" in note for note in notes)
    assert [str(action.kind) for action in alert(journal, one).actions] == ["acknowledge", "comment", "acknowledge"]


def test_the_outcome_goes_to_alerts_that_have_none(store: CaseStore, journal: AlertJournal) -> None:
    """Open ones, those that ended by themselves; not those that a person closed or judgement took back."""
    going_on, ended, handled, retracted = (raised(journal, second) for second in (0, 60, 120, 180))
    journal.record([change(60, phase=Phase.CLOSED, revision=2, closed=90)], NOW)
    journal.act(handled, CloseAlert(actor="zhao", at=NOW, outcome=Outcome.FALSE_ALARM))
    taken_back = change(180, phase=Phase.AMENDED, revision=2).model_copy(update={"amendment": Amendment.RETRACTED})
    journal.record([taken_back], NOW)
    case = opened(store, going_on, ended, handled, retracted)
    case = store.act(
        case.case.number, Close(outcome=CaseOutcome.CONFIRMED_VIOLATION, reason="fined", **by(case, NOW + 5))
    )
    view = case.case
    assert (view.state, view.outcome, view.closed_by, view.closed_at) == (
        "closed",
        "confirmed_violation",
        "wang",
        NOW + 5,
    )
    found = {name: alert(journal, name) for name in (going_on, ended, handled, retracted)}
    expected = {going_on: "confirmed_violation", ended: "confirmed_violation", handled: "false_alarm", retracted: None}
    assert {name: one.alert.outcome for name, one in found.items()} == expected
    last = {name: found[name].actions[-1] for name in (going_on, handled)}
    assert isinstance(last[going_on], CloseAlert)
    assert isinstance(last[handled], CommentOnAlert)
    assert all(action.note == "case 案件 2026-000001: closed 结案, confirmed_violation" for action in last.values())


@pytest.mark.parametrize(
    ("outcome", "of_alert"),
    [
        ("unfounded", "false_alarm"),
        ("device_fault", "device_fault"),
        ("transferred", "no_action"),
        ("no_action", "no_action"),
    ],
)
def test_each_outcome_has_one_for_its_alerts(
    store: CaseStore, journal: AlertJournal, outcome: str, of_alert: str
) -> None:
    one = raised(journal)
    case = opened(store, one)
    store.act(case.case.number, Close(outcome=CaseOutcome(outcome), reason="x", **by(case)))
    assert alert(journal, one).alert.outcome == of_alert


def test_a_duplicate_holds_no_alerts(store: CaseStore, journal: AlertJournal) -> None:
    case = opened(store, raised(journal))
    closing = Close(outcome=CaseOutcome.DUPLICATE, reason="as 2026-000002", **by(case))
    with pytest.raises(CaseRefused, match="remove them"):
        store.act(case.case.number, closing)
    empty = opened(store)
    done = store.act(empty.case.number, closing.model_copy(update={"version": 1}))
    assert done.case.outcome is CaseOutcome.DUPLICATE


def test_an_alert_that_goes_on_after_the_case_was_closed_is_open_again_and_free(
    store: CaseStore, journal: AlertJournal
) -> None:
    one = raised(journal)
    case = opened(store, one)
    store.act(case.case.number, Close(outcome=CaseOutcome.NO_ACTION, reason="x", **by(case)))
    journal.record([change(phase=Phase.CONFIRMED, revision=2)], NOW + 10)
    assert alert(journal, one).alert.open
    assert opened(store, one).case.number == "2026-000002"


def test_reopening_takes_the_closing_away_and_gives_time(store: CaseStore) -> None:
    case = opened(store)
    case = store.act(case.case.number, Close(outcome=CaseOutcome.UNFOUNDED, reason="x", **by(case)))
    case = store.act(case.case.number, Reopen(reason="appeal", **by(case, NOW + 20 * DAY)))
    view = case.case
    assert (view.state, view.outcome, view.closed_at, view.closed_by, view.closing_reason) == ("open", *[None] * 4)
    assert (view.reopened, view.deadline) == (1, at("2027-01-30T23:59:59+08:00"))
    assert kinds(case) == ["opened", "closed", "reopened"]
    assert case.events[-1].detail == {"deadline": view.deadline, "outcome": "unfounded"}


def test_every_other_action_leaves_an_event_with_what_was_before(store: CaseStore) -> None:
    case = opened(store, address="Mill road")
    number = case.case.number
    case = store.act(number, Assign(assignee="team-3", **by(case)))
    case = store.act(number, Begin(**by(case)))
    assert case.case.state is CaseState.IN_PROGRESS
    due = case.case.deadline
    case = store.act(number, SetDeadline(deadline=due + DAY, reason="laboratory", **by(case)))
    case = store.act(number, Change(change=CaseChange(address=None, title="Heap"), reason="measured", **by(case)))
    case = store.act(number, Comment(actor="wang", at=NOW + 2, reason="第一行\n第二行"))
    assert [(event.kind, event.detail) for event in case.events[1:]] == [
        ("assigned", {"assignee": "team-3"}),
        ("begun", {}),
        ("deadline_set", {"deadline": due + DAY, "before": due}),
        (
            "changed",
            {"before": {"address": "Mill road", "title": "Spoil heap"}, "after": {"address": None, "title": "Heap"}},
        ),
        ("commented", {}),
    ]
    assert (case.case.address, case.case.title, case.case.version) == (None, "Heap", 5)


def test_who_was_overtaken_is_told_and_changes_nothing(store: CaseStore) -> None:
    case = opened(store)
    after = store.act(case.case.number, Assign(assignee="team-3", **by(case)))
    with pytest.raises(OutdatedCase, match="version 2, not 1"):
        store.act(case.case.number, Close(outcome=CaseOutcome.NO_ACTION, reason="x", **by(case)))
    assert store.case(case.case.number, NOW) == after


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"lat": 35.0}, "lon"),
        ({"happened_until": 5}, "happened_from"),
        ({"happened_from": 6, "happened_until": 5}, "happened_until"),
        ({"deadline": NOW}, "deadline"),
        ({"kind": CaseKind.ALERT}, "alerts"),
    ],
)
def test_what_cannot_stand_is_named(store: CaseStore, given: dict[str, Any], field: str) -> None:
    with pytest.raises(CaseRefused) as refused:
        opened(store, **given)
    assert refused.value.field == field
    assert store.cases(CaseFilter(), NOW, limit=9).items == ()


def test_changes_are_checked_with_what_stands(store: CaseStore) -> None:
    case = opened(store, lat=35.0, lon=112.0)
    for field, asked in (("lat", {"lat": None}), ("title", {"title": None}), ("change", {})):
        with pytest.raises(CaseRefused) as refused:
            store.act(case.case.number, Change(change=CaseChange(**asked), reason="x", **by(case)))
        assert refused.value.field == field


def test_what_never_was_is_named(store: CaseStore, journal: AlertJournal) -> None:
    with pytest.raises(UnknownAlert, match="0000"):
        opened(store, "0" * 16)
    case = opened(store)
    assert case.case.number == "2026-000001"
    with pytest.raises(UnknownCase, match="2026-000009"):
        store.act("2026-000009", Begin(**by(case)))
    assert store.case("2026-000009", NOW) is None
    with pytest.raises(CaseRefused, match="does not hold"):
        store.act(case.case.number, RemoveAlert(alert_id=raised(journal), reason="x", **by(case)))


def test_a_closed_case_takes_remarks_only(store: CaseStore, journal: AlertJournal) -> None:
    case = opened(store)
    number = case.case.number
    case = store.act(number, Close(outcome=CaseOutcome.NO_ACTION, reason="x", **by(case)))
    for action in (
        Begin(**by(case)),
        Assign(assignee="x", **by(case)),
        AddAlerts(alerts=(raised(journal),), **by(case)),
        SetDeadline(deadline=NOW + DAY, reason="x", **by(case)),
        Close(outcome=CaseOutcome.UNFOUNDED, reason="x", **by(case)),
    ):
        with pytest.raises(WrongState, match=f"{number}: it is closed: reopen it"):
            store.act(number, action)
    after = store.act(number, Comment(actor="li", at=NOW, reason="paid"))
    assert after.case == case.case
    assert kinds(after) == ["opened", "closed", "commented"]


def test_events_can_neither_be_changed_nor_removed(url: str) -> None:
    migrations.upgrade(url)
    engine = open_database(url)
    opened(closed_later(CaseStore(engine, lambda: TERMS)))
    row = "(no, number, at, actor, kind, detail) VALUES ({}, '2026-000001', 0, 'x', 'closed', '{{}}')"
    statements = ["UPDATE case_event SET actor = 'x'", "DELETE FROM case_event"]
    if engine.dialect.name == "sqlite":
        statements += [f"REPLACE INTO case_event {row.format(1)}", f"INSERT INTO case_event {row.format(-5)}"]
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))


def test_lists_are_filtered_and_come_in_pages(store: CaseStore, journal: AlertJournal) -> None:
    one = raised(journal)
    opened(store, one, district="zezhou", title="砖厂后土堆", assignee="team-3")
    for minute in range(1, 6):
        opened(store, now=NOW + minute * 60_000, title=f"Heap {minute}", address="Mill 50%_road")
    opened(store, now=NOW + 6 * 60_000, kind=CaseKind.REPORT, deadline=NOW + 7 * 60_000)

    def serials(now: int = NOW, **where: Any) -> list[int]:
        return [int(view.number[5:]) for view in store.cases(CaseFilter(**where), now, limit=50).items]

    assert serials() == [7, 6, 5, 4, 3, 2, 1]
    assert serials(kind=CaseKind.REPORT) == serials(now=NOW + DAY, overdue_at=NOW + DAY) == [7]
    assert store.cases(CaseFilter(kind=CaseKind.REPORT), NOW + DAY, limit=1).items[0].overdue
    assert serials(district="zezhou") == serials(alert_id=one) == serials(text="土堆 2026-") == [1]
    assert serials(text="HEAP mill 50%_") == [6, 5, 4, 3, 2]
    assert serials(text="mill 50__") == [], "no wildcard"
    assert serials(assignee="team-3", state=CaseState.OPEN, is_open=True) == [1]
    assert serials(is_open=False) == serials(state=CaseState.CLOSED) == []
    assert serials(start=NOW + 60_000, end=NOW + 180_000) == [3, 2]
    found, cursor = [], None
    while True:
        page = store.cases(CaseFilter(), NOW, limit=3, before=cursor)
        found += [int(view.number[5:]) for view in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [7, 6, 5, 4, 3, 2, 1]
    with pytest.raises(InvalidCursor):
        store.cases(CaseFilter(), NOW, limit=3, before="MSAy")


def test_a_scope_shows_cases_all_of_whose_alerts_are_in_it(store: CaseStore, journal: AlertJournal) -> None:
    own = [raised(journal, second) for second in range(3)]
    other = raised(journal, 9, subject="truck-OTHER")
    opened(store, own[0], district="d1")  # 1
    opened(store, other, district="d2")  # 2
    both = opened(store, own[1], other_free := raised(journal, 10, subject="truck-OTHER"))  # 3
    opened(store, district="d1")  # 4
    opened(store, district="d2")  # 5
    opened(store)  # 6
    opened(store, own[2], kind=CaseKind.REPORT, district="d1")  # 7
    devices, districts = frozenset({"truck-1"}), frozenset({"d1"})

    def seen(scope: CaseScope) -> list[int]:
        return [int(view.number[5:]) for view in store.cases(CaseFilter(scope=scope), NOW, limit=50).items]

    of_district, of_haulier = CaseScope(devices, districts, False, True), CaseScope(devices, None, True, False)
    nothing = CaseScope(frozenset(), frozenset(), False, True)
    assert (seen(of_district), seen(of_haulier), seen(nothing)) == ([7, 4, 1], [1], [])
    store.act(both.case.number, RemoveAlert(alert_id=other_free, reason="x", **by(both)))
    assert seen(of_district) == [7, 4, 1], "its events still name the alert of the other"
    for number in range(1, 8):
        found = store.case(f"2026-{number:06}", NOW, of_district)
        assert (found is not None) == (number in {7, 4, 1})
    assert store.indicators(NOW, NOW + 1, NOW, of_district).opened == 3
    assert store.indicators(NOW, NOW + 1, NOW).opened == 7
