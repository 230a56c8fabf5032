"""The journal on SQLite, and on a real PostgreSQL."""

from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.event import listen

from devices.db.database import DatabaseMisconfigured, open_database, transaction
from devices.db.page_cursor import InvalidCursor
from rules.alerts.actions import (
    Acknowledge,
    AlertAction,
    AlertFilter,
    AlreadyClosed,
    Assign,
    Close,
    Comment,
    Continue,
    Correct,
    JournalPosition,
    NotCorrected,
    Outcome,
    Reopen,
    UnknownAlert,
)
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, ReadingRef, Severity, Text, alert_id
from rules.alerts.tables import alert, alert_change
from tests.waiting import PATIENCE_S

NOW = 1_790_000_500_000


def change(
    subject: str = "T1",
    opened_at: int = 1_000,
    *,
    revision: int = 1,
    phase: Phase = Phase.CONFIRMED,
    severity: Severity = Severity.P2,
    rule: str = "route_deviation",
    amendment: Amendment | None = None,
    onset: int | None = None,
    revised: bool = False,
) -> AlertChange:
    ended = phase in {Phase.CLOSED, Phase.AMENDED}
    ref = ReadingRef(device_id=subject, kind="position", ts=opened_at, values={"speed_kmh": 40.5})
    return AlertChange(
        alert_id=alert_id(rule, subject, opened_at),
        revision=revision,
        rule=rule,
        rule_version=1,
        subject=subject,
        phase=phase,
        severity=severity,
        at=opened_at + revision * 10,
        opened_at=opened_at,
        closed_at=opened_at + revision * 10 if ended else None,
        amendment=amendment,
        title=Text(en=f"{subject} revision {revision}", zh=f"{subject}第{revision}版"),
        lat=35.5,
        lon=112.8,
        evidence=Evidence(parameters={"enter_m": 60}, readings=(ref,), measures={"detour_m": 412.5, "loaded": True}),
        onset=onset,
        revised=revised,
    )


def test_an_alert_is_read_back_whole(journal: AlertJournal) -> None:
    changes = [
        change(phase=Phase.PROVISIONAL),
        change(revision=2),
        change(revision=3, severity=Severity.P1),
        change(revision=4, phase=Phase.CLOSED, severity=Severity.P1),
    ]
    assert journal.record(changes, NOW) == 4
    detail = journal.alert(changes[0].alert_id)
    assert detail is not None
    assert [entry.change for entry in detail.changes] == changes
    view = detail.alert
    assert (view.phase, view.severity, view.revision) == (Phase.CLOSED, Severity.P1, 4)
    assert (view.opened_at, view.confirmed_at, view.closed_at) == (1_000, 1_020, 1_040)
    assert view.title.zh == "T1第4版"
    assert view.evidence == changes[-1].evidence
    assert view.first_recorded_at == NOW
    assert not view.open


def test_recording_twice_changes_nothing(journal: AlertJournal) -> None:
    changes = [change(), change(revision=2, phase=Phase.CLOSED)]
    assert journal.record(changes, NOW) == 2
    before = journal.alert(changes[0].alert_id)
    assert journal.record([*changes, *changes[:1]], NOW + 1) == 0
    assert journal.alert(changes[0].alert_id) == before
    assert len(journal.changes_after(0, 10)) == 2


def test_a_change_recorded_under_the_former_name_of_its_values_is_read(journal: AlertJournal) -> None:
    """Until 2026-11-22 a reading's values were recorded as `says`."""
    journal.record([change()], NOW)
    former = change().model_dump(mode="json")
    for ref in former["evidence"]["readings"]:
        ref["says"] = ref.pop("values")
    with transaction(journal._engine) as connection:
        connection.execute(update(alert_change).values(change=former))
        connection.execute(update(alert).values(evidence=former["evidence"]))
    detail = journal.alert(change().alert_id)
    assert detail is not None
    assert [entry.change for entry in detail.changes] == [change()]
    assert detail.alert.evidence.readings[0].values == {"speed_kmh": 40.5}
    assert detail.alert.model_dump(mode="json")["evidence"]["readings"][0].keys() >= {"values"}


def test_recording_a_part_again_adds_only_the_rest(journal: AlertJournal) -> None:
    journal.record([change()], NOW)
    assert journal.record([change(), change(revision=2)], NOW + 1) == 1
    assert journal.record([], NOW) == 0


def test_reopened_is_open_again(journal: AlertJournal) -> None:
    journal.record([change(), change(revision=2, phase=Phase.CLOSED), change(revision=3)], NOW)
    (view,) = journal.alerts(AlertFilter(), limit=5).items
    assert view.open
    assert view.closed_at is None
    assert view.confirmed_at == 1_010


def test_followers_read_on_from_where_they_were(journal: AlertJournal) -> None:
    journal.record([change(opened_at=n) for n in range(5)], NOW)
    first = journal.changes_after(0, 3)
    rest = journal.changes_after(first[-1].sequence, 3)
    assert [entry.change.opened_at for entry in first + rest] == [0, 1, 2, 3, 4]
    assert journal.changes_after(rest[-1].sequence, 3) == []
    assert journal.last_sequence() == rest[-1].sequence
    assert all(entry.recorded_at == NOW for entry in first)


def test_an_empty_journal(journal: AlertJournal) -> None:
    assert journal.last_sequence() == 0
    assert journal.alert("0" * 16) is None
    assert journal.alerts(AlertFilter(), limit=5).items == ()


def test_pages_are_newest_first_and_lose_nothing_at_equal_times(journal: AlertJournal) -> None:
    journal.record([change(f"T{n}", opened_at=n // 3) for n in range(10)], NOW)
    seen, cursor = [], None
    for _ in range(4):
        page = journal.alerts(AlertFilter(), limit=3, before=cursor)
        seen += [(view.opened_at, view.alert_id) for view in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 10


@pytest.mark.parametrize("cursor", ["", "x", "äö", "bm9uc2Vuc2U="])
def test_a_foreign_cursor_is_refused(journal: AlertJournal, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        journal.alerts(AlertFilter(), limit=3, before=cursor)


def test_filters(journal: AlertJournal) -> None:
    journal.record(
        [
            change("T1", 100),
            change("T2", 200, rule="illegal_dumping", severity=Severity.P1),
            change("T3", 300, phase=Phase.PROVISIONAL),
            change("T4", 400, phase=Phase.CLOSED),
            change("T5", 500, phase=Phase.AMENDED, amendment=Amendment.RETRACTED),
        ],
        NOW,
    )
    journal.act(alert_id("route_deviation", "T1", 100), Close(actor="li", at=NOW, outcome=Outcome.FALSE_ALARM))

    def subjects(where: AlertFilter) -> str:
        return " ".join(sorted(view.subject for view in journal.alerts(where, limit=10).items))

    assert subjects(AlertFilter(rule="illegal_dumping")) == "T2"
    assert subjects(AlertFilter(severity=Severity.P2)) == "T1 T3 T4 T5"
    assert subjects(AlertFilter(phase=Phase.PROVISIONAL)) == "T3"
    assert subjects(AlertFilter(subject="T4")) == "T4"
    assert subjects(AlertFilter(start=200, end=400)) == "T2 T3"
    assert subjects(AlertFilter(subjects=frozenset())) == ""
    assert subjects(AlertFilter(subjects=frozenset({"T1", "T3", "T9", "o'clock%"}), open=True)) == "T3"
    assert subjects(AlertFilter(subjects=frozenset({"T5", *(f"truck-{n}" for n in range(40_000))}))) == "T5"
    assert subjects(AlertFilter(open=True)) == "T2 T3"
    assert subjects(AlertFilter(open=False)) == "T1 T4 T5"
    assert subjects(AlertFilter(handled=True)) == "T1"
    assert subjects(AlertFilter(handled=False, severity=Severity.P1)) == "T2"


def test_open_alerts_are_counted_by_rule_and_severity(journal: AlertJournal) -> None:
    assert journal.open_alerts() == {}
    closed = change("T4", revision=2, phase=Phase.CLOSED)
    journal.record([change("T1"), change("T2"), change("T3", severity=Severity.P1), change("T4"), closed], NOW)
    dismissed = change("T5", rule="bin_overflow")
    journal.record([dismissed], NOW)
    assert journal.open_alerts()["bin_overflow", "P2"] == 1
    journal.act(dismissed.alert_id, Close(actor="li", at=NOW, outcome=Outcome.FALSE_ALARM))
    assert journal.open_alerts() == {("route_deviation", "P1"): 1, ("route_deviation", "P2"): 2}


def test_people_handle_an_alert(journal: AlertJournal) -> None:
    journal.record([change()], NOW)
    key = change().alert_id
    actions: list[AlertAction] = [
        Acknowledge(actor="wang", at=NOW),
        Acknowledge(actor="li", at=NOW + 1),
        Assign(actor="wang", at=NOW + 2, assignee="team-2"),
        Comment(actor="team-2", at=NOW + 3, note="on the way"),
        Close(actor="team-2", at=NOW + 4, outcome=Outcome.CONFIRMED_VIOLATION, note="fined"),
    ]
    for action in actions:
        detail = journal.act(key, action)
    assert list(detail.actions) == actions
    view = detail.alert
    assert (view.acknowledged_by, view.acknowledged_at) == ("wang", NOW)
    assert view.assigned_to == "team-2"
    assert (view.outcome, view.handled_by, view.handled_at) == (Outcome.CONFIRMED_VIOLATION, "team-2", NOW + 4)
    assert not view.open


def test_a_correction_changes_the_outcome_that_stands_and_no_other(journal: AlertJournal) -> None:
    journal.record([change()], NOW)
    key = change().alert_id
    correction = Correct(actor="zhao", at=NOW + 9, outcome=Outcome.FALSE_ALARM, note="appeal upheld")
    with pytest.raises(NotCorrected, match="nobody has closed"):
        journal.act(key, correction)
    journal.act(key, Close(actor="li", at=NOW, outcome=Outcome.CONFIRMED_VIOLATION))
    detail = journal.act(key, correction)
    assert (detail.alert.outcome, detail.alert.handled_by, detail.alert.handled_at) == (Outcome.FALSE_ALARM, "li", NOW)
    assert detail.actions[-1] == correction
    with pytest.raises(NotCorrected, match="has this outcome already"):
        journal.act(key, correction)
    touched, _ = journal.touched_after(JournalPosition(9, 1), 10)
    assert [one.outcome for one in touched] == [Outcome.FALSE_ALARM]


def test_a_closed_alert_stays_closed_but_takes_comments(journal: AlertJournal) -> None:
    journal.record([change()], NOW)
    key = change().alert_id
    journal.act(key, Close(actor="li", at=NOW, outcome=Outcome.NO_ACTION))
    with pytest.raises(AlreadyClosed, match="closed by li: no_action"):
        journal.act(key, Close(actor="wang", at=NOW, outcome=Outcome.FALSE_ALARM))
    detail = journal.act(key, Comment(actor="wang", at=NOW, note="I disagree"))
    assert len(detail.actions) == 2
    journal.record([change(revision=2, phase=Phase.CLOSED)], NOW)
    again = journal.alert(key)
    assert again is not None
    assert again.alert.outcome is Outcome.NO_ACTION


def closed_by_li(journal: AlertJournal, *changes: AlertChange) -> str:
    journal.record(changes, NOW)
    journal.act(changes[-1].alert_id, Close(actor="li", at=NOW, outcome=Outcome.NO_ACTION))
    return changes[-1].alert_id


def open_ids(journal: AlertJournal) -> set[str]:
    return {view.alert_id for view in journal.alerts(AlertFilter(open=True), limit=50).items}


def test_what_goes_on_after_a_person_closed_it_is_open_again(journal: AlertJournal) -> None:
    key = closed_by_li(journal, change(onset=1_000))
    assert open_ids(journal) == set()
    goes_on = change(revision=2, onset=1_000)
    assert journal.record([goes_on], NOW + 5) == 1
    assert journal.record([goes_on], NOW + 6) == 0
    detail = journal.alert(key)
    assert detail is not None
    assert open_ids(journal) == {key}
    assert (detail.alert.outcome, detail.alert.handled_by, detail.alert.reopened_at) == (None, None, NOW + 5)
    *_, closing, reopening = detail.actions
    assert isinstance(closing, Close)
    assert reopening == Reopen(actor="haulwatch", at=NOW + 5, outcome=Outcome.NO_ACTION, closed_by="li", since=1_000)
    journal.act(key, Close(actor="wang", at=NOW + 7, outcome=Outcome.FALSE_ALARM))
    assert open_ids(journal) == set()


@pytest.mark.parametrize(
    "later",
    [
        {"phase": Phase.CLOSED},
        {"phase": Phase.AMENDED, "amendment": Amendment.RETRACTED},
        {"revised": True},
    ],
)
def test_an_end_and_better_values_leave_it_closed(journal: AlertJournal, later: dict[str, Any]) -> None:
    key = closed_by_li(journal, change(onset=1_000))
    journal.record([change(revision=2, onset=1_000, **later)], NOW)
    detail = journal.alert(key)
    assert detail is not None
    assert (detail.alert.outcome, detail.alert.revision) == (Outcome.NO_ACTION, 2)


def test_an_incident_that_began_after_the_closing_is_a_new_alert(journal: AlertJournal) -> None:
    key = closed_by_li(journal, change(onset=1_000))
    new = [change(revision=2, onset=5_000), change(revision=3, onset=5_000), change(revision=4, onset=9_000)]
    assert [journal.record([one], NOW + 1) for one in new] == [1, 1, 1]
    assert journal.record(new, NOW + 2) == 0
    (began,) = open_ids(journal)
    assert began != key
    old, now = journal.alert(key), journal.alert(began)
    assert old is not None
    assert now is not None
    assert (old.alert.outcome, old.alert.revision) == (Outcome.NO_ACTION, 1)
    assert old.actions[-1] == Continue(actor="haulwatch", at=NOW + 1, alert_id=began, onset=5_000)
    assert (now.alert.opened_at, now.alert.revision, now.alert.first_recorded_at) == (5_000, 4, NOW + 1)
    assert {entry.change.continues for entry in now.changes} == {key}
    journal.record([change(revision=5, onset=9_000, phase=Phase.CLOSED)], NOW)
    assert open_ids(journal) == set()


def test_a_new_alert_that_a_person_closed_gives_way_to_the_next(journal: AlertJournal) -> None:
    closed_by_li(journal, change(onset=1_000))
    journal.record([change(revision=2, onset=5_000)], NOW)
    (second,) = open_ids(journal)
    journal.act(second, Close(actor="li", at=NOW, outcome=Outcome.FALSE_ALARM))
    journal.record([change(revision=3, onset=9_000)], NOW)
    (third,) = open_ids(journal)
    assert len({change().alert_id, second, third}) == 3
    retracted = change(revision=4, onset=9_000, phase=Phase.AMENDED, amendment=Amendment.RETRACTED)
    assert journal.record([retracted], NOW) == 3
    assert {view.amendment for view in journal.alerts(AlertFilter(), limit=9).items} == {Amendment.RETRACTED}


def test_a_new_alert_begins_also_where_it_went_on_before(journal: AlertJournal) -> None:
    """Closed by a person, open again, ended by itself: what begins then is new."""
    key = closed_by_li(journal, change(onset=1_000))
    journal.record([change(revision=2, onset=1_000), change(revision=3, onset=1_000, phase=Phase.CLOSED)], NOW)
    journal.record([change(revision=4, onset=5_000)], NOW)
    (began,) = open_ids(journal)
    assert began != key


def test_changes_judged_again_after_a_crash_stay_where_they_were(journal: AlertJournal) -> None:
    """The journal had them before a person closed the alert."""
    merged = [change(onset=1_000), change(revision=2, onset=5_000)]
    key = closed_by_li(journal, *merged)
    assert journal.record(merged, NOW) == 0
    assert [view.alert_id for view in journal.alerts(AlertFilter(), limit=9).items] == [key]


def test_records_without_an_onset_belong_to_their_alert(journal: AlertJournal) -> None:
    """As all were that were written before 2026-11-29."""
    key = closed_by_li(journal, change())
    journal.record([change(revision=2)], NOW)
    assert open_ids(journal) == {key}


def test_an_unknown_alert_cannot_be_acted_on(journal: AlertJournal) -> None:
    with pytest.raises(UnknownAlert):
        journal.act("0" * 16, Acknowledge(actor="li", at=NOW))


def test_without_tables_the_error_names_the_fix(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DatabaseMisconfigured, match="haulwatch db upgrade"):
        AlertJournal(engine).record([change()], NOW)
    engine.dispose()


def test_an_action_that_is_committed_late_is_not_skipped(journal: AlertJournal) -> None:
    """A number is given when a row is written and seen when it is committed; no other action may come in between."""
    first, second = change("T1"), change("T2")
    journal.record([first, second], NOW)
    (_, position) = journal.touched_after(JournalPosition(), 10)
    committing, may_commit = Event(), Event()

    def slowly(_: object) -> None:
        if current_thread() is slow:
            committing.set()
            may_commit.wait(PATIENCE_S)

    def acknowledging(alert: AlertChange) -> Thread:
        return Thread(target=journal.act, args=(alert.alert_id, Acknowledge(actor="li", at=NOW)))

    listen(journal._engine, "commit", slowly)
    slow, quick = acknowledging(first), acknowledging(second)
    slow.start()
    assert committing.wait(PATIENCE_S)
    quick.start()
    quick.join(0.3)
    seen, position = journal.touched_after(position, 10)
    may_commit.set()
    slow.join()
    quick.join()
    more, _ = journal.touched_after(position, 10)
    assert sorted(view.subject for view in (*seen, *more)) == ["T1", "T2"]
