"""No order of actions reaches an illegal state, loses an event, or closes a case or an alert twice.

The oracle is a model of a few dictionaries that is written out by hand and shares no code with the store.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from devices.db.database import open_database
from rules.alerts import tables as alert_tables
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Phase
from rules.cases import tables
from rules.cases.actions import AddAlerts, Assign, Begin, CaseAction, Close, Comment, RemoveAlert, Reopen, SetDeadline
from rules.cases.deadlines import Terms
from rules.cases.model import CaseError, CaseKind, CaseOutcome, NewCase
from rules.cases.store import CaseStore
from tests.api.fakes import change

DAY = 86_400_000
NOW = 1_790_000_000_000
ALERTS = [change(second) for second in range(4)]
IDS = [one.alert_id for one in ALERTS]
OUTCOMES = {
    "confirmed_violation": "confirmed_violation",
    "unfounded": "false_alarm",
    "no_action": "no_action",
    "device_fault": "device_fault",
    "transferred": "no_action",
    "duplicate": None,
}
"""Of cases, and of the alerts that they close."""


@dataclass
class Modelled:
    """What a case has to be."""

    state: str = "open"
    version: int = 1
    held: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=lambda: ["opened"])
    outcome: str | None = None
    reopened: int = 0


class Desk(RuleBasedStateMachine):
    """People who work on cases, and the judge."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.engine = open_database(f"sqlite:///{Path(self.folder.name) / 'db'}")
        alert_tables.metadata.create_all(self.engine)
        tables.metadata.create_all(self.engine)
        self.journal = AlertJournal(self.engine)
        self.journal.record(ALERTS, NOW)
        self.store = CaseStore(self.engine, lambda: Terms(dict.fromkeys(CaseKind, 7), ZoneInfo("Asia/Shanghai")))
        self.cases: dict[str, Modelled] = {}
        self.outcomes: dict[str, str | None] = dict.fromkeys(IDS)
        self.closings = dict.fromkeys(IDS, 0)
        self.revisions = dict.fromkeys(IDS, 1)

    def holder(self, alert_id: str) -> str | None:
        """The open case that holds it."""
        found = [number for number, one in self.cases.items() if one.state != "closed" and alert_id in one.held]
        assert len(found) <= 1
        return found[0] if found else None

    def does(self, number: str, action: CaseAction, *, may: bool) -> bool:
        """Try an action; it succeeds exactly if it may."""
        try:
            self.store.act(number, action)
        except CaseError:
            assert not may
            return False
        assert may
        return True

    def by(self, number: str, stale: bool = False) -> dict[str, Any]:
        return {"actor": "li", "at": NOW + 1, "version": self.cases[number].version - stale}

    @rule(alerts=st.lists(st.sampled_from(IDS), unique=True, max_size=3))
    def open(self, alerts: list[str]) -> None:
        may = all(self.holder(one) is None for one in alerts)
        kind = CaseKind.ALERT if alerts else CaseKind.MANUAL
        try:
            number = self.store.open_case(NewCase(kind=kind, title="x", alerts=tuple(alerts)), "li", NOW).case.number
        except CaseError:
            assert not may
            return
        assert may
        assert number == f"2026-{len(self.cases) + 1:06}"
        self.cases[number] = Modelled(held=list(alerts), events=["opened", *["alert_added"] * len(alerts)])

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), alert=st.sampled_from(IDS), stale=st.booleans())
    def add(self, data: st.DataObject, alert: str, stale: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.cases)))
        case = self.cases[number]
        may = not stale and case.state != "closed" and self.holder(alert) is None
        if self.does(number, AddAlerts(alerts=(alert,), **self.by(number, stale)), may=may):
            case.held.append(alert)
            self.done(case, "alert_added")

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), alert=st.sampled_from(IDS))
    def remove(self, data: st.DataObject, alert: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.cases)))
        case = self.cases[number]
        may = case.state != "closed" and alert in case.held
        if self.does(number, RemoveAlert(alert_id=alert, reason="x", **self.by(number)), may=may):
            case.held.remove(alert)
            self.done(case, "alert_removed")

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), what=st.sampled_from(["assigned", "begun", "deadline_set"]), stale=st.booleans())
    def work(self, data: st.DataObject, what: str, stale: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.cases)))
        case, by = self.cases[number], self.by(number, stale)
        actions: dict[str, CaseAction] = {
            "assigned": Assign(assignee="wang", **by),
            "begun": Begin(**by),
            "deadline_set": SetDeadline(deadline=NOW + DAY, reason="x", **by),
        }
        allowed = {"open": {"assigned", "begun", "deadline_set"}, "in_progress": {"assigned", "deadline_set"}}
        may = not stale and what in allowed.get(case.state, set())
        if self.does(number, actions[what], may=may):
            self.done(case, what)
            if what == "begun":
                case.state = "in_progress"

    @precondition(lambda self: self.cases)
    @rule(data=st.data())
    def remark(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.cases)))
        self.does(number, Comment(actor="li", at=NOW, reason="x"), may=True)
        self.cases[number].events.append("commented")

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), outcome=st.sampled_from(sorted(OUTCOMES)), stale=st.booleans())
    def close(self, data: st.DataObject, outcome: str, stale: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.cases)))
        case = self.cases[number]
        may = not stale and case.state != "closed" and not (outcome == "duplicate" and case.held)
        action = Close(outcome=CaseOutcome(outcome), reason="x", **self.by(number, stale))
        if self.does(number, action, may=may):
            case.state, case.outcome = "closed", outcome
            self.done(case, "closed")
            for alert in case.held:
                if self.outcomes[alert] is None:
                    self.outcomes[alert] = OUTCOMES[outcome]
                    self.closings[alert] += 1

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), stale=st.booleans())
    def reopen(self, data: st.DataObject, stale: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.cases)))
        case = self.cases[number]
        may = not stale and case.state == "closed" and all(self.holder(alert) is None for alert in case.held)
        if self.does(number, Reopen(reason="x", **self.by(number, stale)), may=may):
            case.state, case.outcome, case.reopened = "open", None, case.reopened + 1
            self.done(case, "reopened")

    @rule(which=st.integers(0, 3))
    def judge_goes_on(self, which: int) -> None:
        """The incident goes on: the journal opens an alert again that was closed."""
        alert = IDS[which]
        self.revisions[alert] += 1
        self.journal.record([change(which, phase=Phase.CONFIRMED, revision=self.revisions[alert])], NOW)
        self.outcomes[alert] = None

    @staticmethod
    def done(case: Modelled, event: str) -> None:
        case.version += 1
        case.events.append(event)

    @invariant()
    def all_is_as_modelled(self) -> None:
        for number, wanted in getattr(self, "cases", {}).items():
            found = self.store.case(number, NOW)
            assert found is not None
            view = found.case
            assert (view.state, view.version, list(view.alerts), view.outcome, view.reopened) == (
                wanted.state,
                wanted.version,
                wanted.held,
                wanted.outcome,
                wanted.reopened,
            )
            assert [event.kind for event in found.events] == wanted.events
            assert (view.closed_at is None) == (view.outcome is None) == (view.state != "closed")
        for alert in IDS if hasattr(self, "cases") else ():
            detail = self.journal.alert(alert)
            assert detail is not None
            assert detail.alert.outcome == self.outcomes[alert]
            assert sum(action.kind == "close" for action in detail.actions) == self.closings[alert]

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.folder.cleanup()


TestDesk = Desk.TestCase
TestDesk.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
