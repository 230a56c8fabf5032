"""`haulwatch case`: cases at the command line."""

from haulwatch.process.system_clock import now_ms
from haulwatch.wiring.desk.cases import open_cases
from rules.cases.actions import Close
from rules.cases.model import CaseFilter, CaseKind, CaseOutcome, NewCase
from tests.haulwatch.commands.desk import Desk


def test_cases_are_listed_shown_and_counted(desk: Desk) -> None:
    now = now_ms()
    with open_cases(desk.settings(), lambda: "Asia/Shanghai") as cases:
        for title, kind in (("砖厂后土堆", CaseKind.REPORT), ("Heap", CaseKind.MANUAL)):
            new = NewCase(kind=kind, title=title, lat=35.5, lon=112.8, address="Mill road", deadline=now + 1)
            cases.open_case(new, "li.wei", now)
        [second, first] = [one.number for one in cases.cases(CaseFilter(), now, limit=9).items]
        outcome = CaseOutcome.UNFOUNDED
        cases.act(second, Close(actor="wang", at=now, version=1, outcome=outcome, reason="一家饭馆"))
    assert [one["number"] for one in desk.ask("case", "list")] == [second, first]
    assert [one["number"] for one in desk.ask("case", "list", "--state", "open", "--kind", "report")] == [first]
    assert [one["number"] for one in desk.ask("case", "list", "--overdue")] == [first]
    table = desk.run("case", "list", "--limit", "1").stdout
    assert second in table
    assert "more follow" in table
    shown = desk.run("case", "show", second).stdout
    assert all(word in shown for word in (second, "Mill road", "closed", "wang", "一家饭馆", "unfounded"))
    assert [event["kind"] for event in desk.ask("case", "show", second)["events"]] == ["opened", "closed"]
    figures = desk.ask("case", "rate")
    assert (figures["opened"], figures["closed"], figures["overdue"], figures["closing_rate_pct"]) == (2, 1, 1, 50.0)
    assert desk.ask("case", "rate", "--to", "2020-01-01T00:00:00Z")["closing_rate_pct"] is None
    assert "50.0 %" in desk.run("case", "rate").stdout


def test_what_cannot_be_shown_is_said(desk: Desk) -> None:
    assert "no case '2026-000009': `haulwatch case list` shows them" in desk.refused("case", "show", "2026-000009")
