"""What people did as followers read it, and which alerts a filter selects, on SQLite and on a real PostgreSQL."""

from typing import Any

from rules.alerts.actions import Acknowledge, AlertFilter, Assign, Box, Close, Comment, JournalPosition, Outcome
from rules.alerts.journal import AlertJournal
from tests.rules.alerts.test_journal import NOW, change


def test_a_follower_of_actions_reads_each_once_and_in_order(journal: AlertJournal) -> None:
    first, second = change(), change(subject="T2")
    journal.record([first, second], NOW)
    assert journal.last_position() == JournalPosition(change=2, action=0)
    journal.act(first.alert_id, Acknowledge(actor="li", at=NOW))
    journal.act(second.alert_id, Comment(actor="wang", at=NOW + 1, note="seen"))
    journal.act(first.alert_id, Close(actor="li", at=NOW + 2, outcome=Outcome.FALSE_ALARM))
    one, two = journal.actions_after(0, 2)
    assert [(one.subject, one.action.kind), (two.subject, two.action.kind)] == [
        ("T1", "acknowledge"),
        ("T2", "comment"),
    ]
    [three] = journal.actions_after(two.sequence, 9)
    assert (three.alert_id, three.action.kind) == (first.alert_id, "close")
    assert journal.last_position() == JournalPosition(change=2, action=three.sequence)
    assert journal.actions_after(three.sequence, 9) == []


def test_alerts_are_selected_by_devices_place_words_and_what_people_did(journal: AlertJournal) -> None:
    changes = [change(subject=f"T{n}") for n in range(3)]
    journal.record(changes, NOW)
    journal.act(changes[0].alert_id, Acknowledge(actor="li", at=NOW))
    journal.act(changes[1].alert_id, Assign(actor="li", at=NOW, assignee="team-3"))

    def found(**where: Any) -> set[str]:
        return {view.subject for view in journal.alerts(AlertFilter(**where), limit=9).items}

    assert found(acknowledged=True) == {"T0"}
    assert found(acknowledged=False) == {"T1", "T2"}
    assert found(assigned_to="team-3") == {"T1"}
    assert found(subjects=frozenset({"T1", "T2", "T9"})) == {"T1", "T2"}
    assert found(subjects=frozenset()) == set()
    assert found(subjects=frozenset(f"T{n}" for n in range(2, 70_000))) == {"T2"}, "more than a database has parameters"
    assert found(subjects=frozenset({"T1'; DROP TABLE alert; --"})) == set()
    assert found(text="t1") == {"T1"}
    assert found(text="版 T2") == {"T2"}
    assert found(text="T_") == set()
    assert found(box=Box(-180, -90, 180, 90)) == {
        view.subject for view in journal.alerts(AlertFilter(), limit=9).items if view.lat is not None
    }
