"""`haulwatch ledger indicators`, `assessment` and `report`, at the command line, with the demonstration city."""

import csv
from datetime import date

import pytest
from typer import BadParameter

from devices.cities import JINCHENG
from haulwatch.commands.programme.spans import quarter
from haulwatch.process.system_clock import now_ms
from haulwatch.wiring.desk.weighings import open_sessions
from tests.haulwatch.commands.desk import Desk
from tests.haulwatch.commands.weighings.test_weighings import CALENDAR, CITY, ticket


@pytest.fixture
def span(desk: Desk) -> tuple[str, ...]:
    """A load of 15 t at one tip, of 5 t at another, an hour ago; the options that ask for this day."""
    desk.env["HAULWATCH_PROGRAMME"] = str(JINCHENG / "programme.yaml")
    at = now_ms() - 3_600_000
    with open_sessions(desk.settings(), lambda: CITY) as store:
        sent = [ticket(at, "晋ED0101", "A"), ticket(at, "晋ED0102", "B", 5_000.0, "weighbridge-03")]
        store.take("file", 1, sent, now_ms())
    return "--from", CALENDAR.day(at), "--to", CALENDAR.day(at)


def test_indicators_have_value_target_and_reasons(desk: Desk, span: tuple[str, ...]) -> None:
    found = desk.ask("ledger", "indicators", *span)
    by_id = {one["id"]: one for one in found["indicators"]}
    assert by_id["spoil_inflow"]["parts"][0]["value"] == 20.0
    assert by_id["spoil_inflow"]["value"] is not None
    assert (by_id["construction_recycling"]["value"], by_id["construction_recycling"]["target"]) == (0.0, 60.0)
    assert by_id["points_reporting"]["value"] == 0.0
    assert by_id["household_recycling"]["withheld"][0]["reason"] == "sites_without_scale"
    table = desk.run("ledger", "indicators", *span).stdout
    assert "消纳量" in table
    assert "weighbridge" in table
    printed = desk.run("ledger", "indicators", *span, "--csv").stdout
    rows = {row["id"]: row for row in csv.DictReader(printed.splitlines())}
    assert (rows["construction_recycling"]["target"], rows["construction_recycling"]["loads"]) == ("60.0", "2")
    assert rows["spoil_inflow"]["formula_zh"].startswith("时段内重量")
    assert rows["reports_closed"]["withheld"] == "no case of a public report was opened"


def test_a_span_that_cannot_be_is_refused(desk: Desk) -> None:
    assert "--to: must not be before" in desk.refused(
        "ledger", "indicators", "--from", "2026-03-02", "--to", "2026-03-01"
    )
    assert "at most 366 days" in desk.refused("ledger", "assessment", "--from", "2024-01-01", "--to", "2026-03-01")
    assert "--from: it is" in desk.refused("ledger", "indicators", "--from", "2999-01-01", "--to", "2999-01-02")
    assert "--csv" in desk.refused(
        "ledger", "assessment", "--from", "2026-03-01", "--to", "2026-03-02", "--csv", "--json"
    )


def test_a_file_with_a_fault_is_named_with_its_field(desk: Desk, span: tuple[str, ...]) -> None:
    file = desk.home / "mine.yaml"
    file.write_text("needs: {days_pct: 200}", encoding="utf-8")
    desk.env["HAULWATCH_PROGRAMME"] = str(file)
    assert "mine.yaml: needs.days_pct" in desk.refused("ledger", "indicators", *span)


def test_who_made_one_trip_is_not_assessed(desk: Desk, span: tuple[str, ...]) -> None:
    found = desk.ask("ledger", "assessment", *span, "--of", "vehicle")
    assert [(one["id"], one["score"], one["why_not"]) for one in found["items"]] == [
        ("vehicle-001", None, "few_trips"), ("vehicle-002", None, "few_trips"),
    ]  # fmt: skip
    assert "not assessed" in desk.run("ledger", "assessment", *span).stdout
    rows = list(csv.DictReader(desk.run("ledger", "assessment", *span, "--csv").stdout.splitlines()))
    assert {row["id"]: (row["trips"], row["loads_in_full"], row["score"]) for row in rows} == {
        "haulier-danhe": ("1", "1", ""), "haulier-fengtai": ("1", "1", ""),
    }  # fmt: skip


def test_the_report_of_a_quarter_is_written_once_and_its_csv_is_stable(desk: Desk, span: tuple[str, ...]) -> None:
    day = date.fromisoformat(span[1])
    name = f"{day.year}Q{(day.month + 2) // 3}"
    file = desk.home / "report.csv"
    done = desk.run("ledger", "report", "--quarter", name, "--out", str(file))
    assert done.exit_code == 0, done.output
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 11
    assert {row["id"]: row["loads"] for row in rows}["spoil_inflow"] == "2"
    assert "is there" in desk.refused("ledger", "report", "--quarter", name, "--out", str(file))
    pdf = desk.home / "report.pdf"
    done = desk.run("ledger", "report", "--quarter", name, "--out", str(pdf), "--language", "en")
    assert done.exit_code == 0, done.output
    assert pdf.read_bytes().startswith(b"%PDF")
    assert ".pdf or .csv" in desk.refused("ledger", "report", "--quarter", name, "--out", str(desk.home / "a.txt"))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026Q1", "2026-01-01", "2026-03-31"),
        ("2024q1", "2024-01-01", "2024-03-31"),
        ("2026Q3", "2026-07-01", "2026-09-30"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
    ],
)
def test_a_quarter(text: str, first: str, last: str) -> None:
    assert quarter(text) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("text", ["2026Q5", "2026", "Q3", "1999Q1", "2026Q3x", "２０２６Q3"])
def test_what_is_no_quarter(text: str) -> None:
    with pytest.raises(BadParameter, match="write it as 2026Q3"):
        quarter(text)
