"""`haulwatch sites`: from alerts to a decision, at the command line."""

from contextlib import closing

from haulwatch.process.system_clock import now_ms
from haulwatch.wiring.databases import open_journal
from rules.alerts.model import AlertChange, Evidence, Phase, Severity, Text, alert_id
from tests.haulwatch.commands.desk import Desk

HOUR = 3_600_000


def dumped(desk: Desk, truck: str, hours_ago: int) -> None:
    at = now_ms() - hours_ago * HOUR
    change = AlertChange(
        alert_id=alert_id("illegal_dumping", truck, at),
        revision=1,
        rule="illegal_dumping",
        rule_version=1,
        subject=truck,
        phase=Phase.CONFIRMED,
        severity=Severity.P1,
        at=at,
        opened_at=at,
        title=Text(en="x", zh="x"),
        lat=35.7,
        lon=112.6,
        evidence=Evidence(parameters={}),
    )
    with closing(open_journal(desk.settings())) as journal:
        journal.record([change], now_ms())


def test_a_place_is_found_decided_and_kept_with_its_reason(desk: Desk) -> None:
    assert desk.ask("sites", "suspect") == {"new": 0, "waiting": 0}
    for truck, hours_ago in (("truck-001", 30), ("truck-002", 3)):
        dumped(desk, truck, hours_ago)
    assert desk.ask("sites", "suspect") == {"new": 1, "waiting": 1}
    [site] = desk.ask("sites", "list", "--state", "proposed")
    assert (site["kind"], site["trucks"]) == ("dump", ["truck-001", "truck-002"])
    accepted = desk.ask("sites", "accept", site["id"], "--reason", "现场核实", "--by", "li.wei")
    assert [(one["state"], one["actor"], one["reason"]) for one in accepted["decisions"]] == [
        ("accepted", "li.wei", "现场核实")
    ]
    assert "is accepted already" in desk.refused("sites", "accept", site["id"], "--reason", "again")
    table = desk.run("sites", "list").stdout
    assert site["id"] in table
    assert "现场核实" in table
    assert desk.ask("sites", "suspect") == {"new": 0, "waiting": 0}
    assert desk.ask("sites", "dismiss", site["id"], "--reason", "cleared")["state"] == "dismissed"


def test_what_cannot_be_decided_is_said(desk: Desk) -> None:
    assert "no suspected site '12'" in desk.refused("sites", "dismiss", "12", "--reason", "x")
    assert "--reason" in desk.refused("sites", "dismiss", "12", "--reason", " ")
