"""`haulwatch weighings` and `haulwatch ledger city`, at the command line, with the demonstration city."""

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.readings.models import Weighing
from haulwatch.commands.csv_output import cell
from haulwatch.process.system_clock import now_ms
from haulwatch.wiring.desk.recyclables import open_deposits
from haulwatch.wiring.desk.weighings import open_sessions, open_stocks
from rules.recyclables.reading import read_deposits
from rules.stocks.store import StatedDay
from rules.weighing.balance import Calendar
from tests.haulwatch.commands.desk import Desk

CITY = read_city(JINCHENG)
CALENDAR = Calendar(CITY.timezone)


def ticket(at: int, plate: str, number: str, net_kg: float = 15_000.0, bridge: str = "weighbridge-02") -> Weighing:
    return Weighing(
        device_id=bridge, ts=at, gross_kg=12_000.0 + net_kg, tare_kg=12_000.0, net_kg=net_kg, ticket=number,
        direction="out", plate=plate, material="spoil",
    )  # fmt: skip


@pytest.fixture
def weighed(desk: Desk) -> int:
    """One truck twice, and one that nobody knows, an hour ago. Returns when."""
    at = now_ms() - 3_600_000
    with open_sessions(desk.settings(), lambda: CITY) as store:
        known = [ticket(at, "晋ED0101", "A"), ticket(at + 900_000, "晋ED0101", "B", 14_000.0, "weighbridge-03")]
        store.take("file", 1, [*known, ticket(at + 60_000, "豫A99999", "C")], now_ms())
    return at


def test_a_weighing_without_a_truck_is_listed_and_resolved(desk: Desk, weighed: int) -> None:
    listed = desk.ask("weighings", "list")
    assert [one["tickets"] for one in listed] == [["B"], ["C"], ["A"]]
    [unknown] = desk.ask("weighings", "unmatched")
    table = desk.run("weighings", "unmatched").stdout
    assert unknown["id"] in table
    assert "豫A99999" in table
    refused = desk.refused("weighings", "resolve", unknown["id"], "--reason", "x")
    assert "--vehicle ID, or --none" in refused
    assert "no vehicle 'v-9'" in desk.refused(
        "weighings", "resolve", unknown["id"], "--vehicle", "v-9", "--reason", "x"
    )
    resolved = desk.ask(
        "weighings", "resolve", unknown["id"], "--vehicle", "vehicle-003", "--reason", "现场核实", "--by", "li.wei"
    )
    assert (resolved["session"]["vehicle_id"], resolved["session"]["vehicle"]) == ("vehicle-003", "truck-003")
    assert desk.ask("weighings", "unmatched") == []
    shown = desk.run("weighings", "show", unknown["id"])
    assert "vehicle-003" in shown.stdout
    assert "no weighing session '0'" in desk.refused("weighings", "show", "0")


def test_tares_and_bridges_are_compared(desk: Desk, weighed: int) -> None:
    [tare] = desk.ask("weighings", "tares")
    assert (tare["vehicle_id"], tare["tares"], tare["usual_kg"], tare["registered_kg"]) == (
        "vehicle-001", 2, 12_000, 12_800,
    )  # fmt: skip
    assert tare["off_registered_kg"] == -800
    bridges = {one["bridge"]: one for one in desk.ask("weighings", "bridges")}
    assert (bridges["weighbridge-02"]["drift_kg"], bridges["weighbridge-02"]["trucks"]) == (0, 1)
    assert bridges["weighbridge-01"]["drift_kg"] is None
    assert "weighbridge-03" in desk.run("weighings", "bridges").stdout
    assert "vehicle-001" in desk.run("weighings", "tares").stdout


def test_the_ledger_of_the_city_has_tonnes_by_day_site_stream_and_haulier(desk: Desk, weighed: int) -> None:
    first, last = CALENDAR.day(weighed), CALENDAR.day(weighed + 900_000)
    span = ("--from", first, "--to", last)
    data = desk.ask("ledger", "city", *span)
    by_site: dict[str, Any] = {}
    for line in data["lines"]:
        by_site[line["site"]] = by_site.get(line["site"], 0) + line["net_kg"]
        assert (line["stream"], line["flow"]) == ("spoil", "in")
    assert by_site == {"spoil-nw-1": 30_000, "spoil-s-1": 14_000}
    assert sum(one["in_kg"] for one in data["balances"]) == 44_000
    printed = desk.run("ledger", "city", *span, "--csv").stdout
    rows = list(csv.DictReader(printed.splitlines()))
    assert sum(float(row["net_kg"]) for row in rows) == 44_000
    assert {row["haulier"] for row in rows} == {"", CITY.vehicles["vehicle-001"].carrier}
    table = desk.run("ledger", "city", *span, "--by", "haulier").stdout
    assert "44.000" not in table
    assert "29.000" in table


def test_the_ledger_of_the_city_has_deposits_apart_from_loads(desk: Desk, weighed: int) -> None:
    span = ("--from", CALENDAR.day(weighed), "--to", CALENDAR.day(weighed + 900_000))
    point = next(one for one in CITY.devices.values() if one.role == "recycling_point")
    said = {"number": "1", "ts": weighed, "material": "纸类", "weight_kg": 12.345}
    with open_deposits(desk.settings(), lambda: CITY) as store:
        assert store.take(point.id, read_deposits([said, said | {"number": "2", "weight_kg": 1}]), now_ms()).taken == 2
    data = desk.ask("ledger", "city", *span)
    [line] = data["deposits"]
    assert (line["site"], line["stream"], line["deposits"], line["kg"]) == (point.site_id, "paper", 2, 13.345)
    assert sum(one["net_kg"] for one in data["lines"]) == 44_000
    assert sum(one["in_kg"] for one in data["balances"]) == 44_000
    rows = list(csv.DictReader(desk.run("ledger", "city", *span, "--csv").stdout.splitlines()))
    assert [(row["sessions"], float(row["net_kg"])) for row in rows if row["flow"] == "deposit"] == [("2", 13.345)]
    assert "0.013" in desk.run("ledger", "city", *span, "--by", "haulier").stdout


def test_a_site_says_what_stays_there(desk: Desk, weighed: int, tmp_path: Path) -> None:
    day = CALENDAR.day(weighed)
    span = ("ledger", "city", "--from", day, "--to", CALENDAR.day(weighed + 900_000))
    assert all(one["stays_on_site"] and one["difference_kg"] == 0 for one in desk.ask(*span)["balances"])
    said = tmp_path / "stocks.csv"
    said.write_text(f"day,site,stock_change_kg,residue_kg\n{day},spoil-nw-1,1000,50\n", encoding="utf-8")
    of_site = {one["site"]: one for one in desk.ask(*span, "--stocks", str(said))["balances"] if one["day"] == day}
    assert of_site["spoil-nw-1"]["difference_kg"] == of_site["spoil-nw-1"]["in_kg"] - 1_050
    for text, hint in (
        ("day,site,stock_change_kg\n2026-03-01,spoil-nw-1,much\n", "line 2"),
        ("day,site\n2026-03-01,nowhere\n", "no site 'nowhere'"),
        ("day,site\n2026-03-01,spoil-nw-1\n2026-03-01,spoil-nw-1\n", "line 3"),
    ):
        said.write_text(text, encoding="utf-8")
        assert hint in desk.refused(*span, "--stocks", str(said))


def test_what_is_stated_of_stocks_is_kept_and_balanced(desk: Desk, weighed: int, tmp_path: Path) -> None:
    day = CALENDAR.day(weighed)
    before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    said = tmp_path / "stocks.csv"
    lines = ("spoil-nw-1,much", "spoil-nw-19,1", "spoil-nw-1,", "spoil-s-1,2", "spoil-s-1,2")
    said.write_text("day,site,stock_kg\n" + "".join(f"{day},{line}\n" for line in lines), encoding="utf-8")
    refused = desk.refused("weighings", "state-stocks", str(said), "--reason", "x")
    assert [f"line {n}:" in refused for n in (2, 3, 4, 5, 6)] == [True, True, True, False, True]
    assert "spoil-nw-1" in refused
    said.write_text(
        f"day,site,stock_kg,residue_kg,error_kg\n{before},spoil-nw-1,1000,,30\n{day},spoil-nw-1,2000,50,40\n",
        encoding="utf-8",
    )
    span = ("--from", before, "--to", CALENDAR.day(weighed + 900_000))
    state = ("weighings", "state-stocks", str(said), "--reason", "测量", "--by", "li.wei")
    assert desk.ask(*state, "--dry-run") == {"days": 2, "stated": False}
    assert desk.ask("weighings", "stocks", *span) == []
    assert desk.ask(*state) == {"days": 2, "stated": True}
    [_, last] = desk.ask("weighings", "stocks", *span)
    assert (last["stated"]["stock_kg"], last["actor"], last["reason"]) == (2_000, "li.wei", "测量")
    assert "spoil-nw-1" in desk.run("weighings", "stocks", *span).stdout
    balances = {(one["day"], one["site"]): one for one in desk.ask("ledger", "city", *span)["balances"]}
    of_day = balances[day, "spoil-nw-1"]
    assert (of_day["stock_change_kg"], of_day["residue_kg"]) == (1_000, 50)
    assert of_day["difference_kg"] == of_day["in_kg"] - of_day["out_kg"] - 1_050
    assert not of_day["stays_on_site"]


def test_what_is_stated_of_a_site_that_is_no_more_stays_in_its_days(desk: Desk, weighed: int) -> None:
    day = CALENDAR.day(weighed)
    with open_stocks(desk.settings()) as stocks:
        stocks.state([StatedDay(site="gone", day=date.fromisoformat(day), residue_kg=7)], "li.wei", "Survey", weighed)
    found = desk.ask("ledger", "city", "--from", day, "--to", day)["balances"]
    assert {one["site"]: one["residue_kg"] for one in found}["gone"] == 7


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "＝1+1", "＋1", "－1", "＠a"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_a_ledger_of_no_days_is_refused(desk: Desk) -> None:
    assert "--to: must not be before" in desk.refused("ledger", "city", "--from", "2026-03-02", "--to", "2026-03-01")
    assert "366 days" in desk.refused("ledger", "city", "--from", "2024-03-02", "--to", "2026-03-01")
    both = ("ledger", "city", "--from", "2026-03-01", "--to", "2026-03-01", "--csv", "--json")
    assert "--csv" in desk.refused(*both)
    assert desk.run("ledger", "city", "--from", "yesterday", "--to", "2026-03-01").exit_code == 2
