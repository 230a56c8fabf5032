"""`haulwatch rules`: a person looks at rules, checks a file and applies it; and `haulwatch replay --rules`."""

from pathlib import Path

import pytest

from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.rules import known_rules
from ingest.log.records import RawMessage
from rules.catalogue import rule_names
from tests.closing import closed_later
from tests.haulwatch.commands.desk import Desk
from tests.rules.town import fills

CITY = """speeding: {limit_kmh: 90}
exceptions:
  - where: {fleet: fleet-a, hours: "22:00-06:00"}
    why: nobody sleeps there
    rules: {stopped_loaded: {hold_s: 300}}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(CITY)
    return str(path)


def test_before_the_first_rule_set_the_shipped_one_holds(desk: Desk) -> None:
    answer = desk.ask("rules", "list")
    assert (answer["version"], [rule["rule"] for rule in answer["rules"]]) == (0, list(rule_names()))
    assert all(rule["on"] and not rule["changed"] for rule in answer["rules"])
    assert "no rule set was applied" in desk.refused("rules", "show")


def test_a_file_is_compared_then_applied_and_holds(desk: Desk, file: str) -> None:
    compared = desk.run("rules", "diff", file, "--json")
    assert compared.exit_code == 1
    applied = desk.ask("rules", "apply", file, "--reason", "new limit", "--by", "li")
    assert applied["version"] == 1
    limit, hold = applied["changed"]
    assert (limit["parameter"], limit["before"], limit["after"]) == ("limit_kmh", 100, 90)
    assert (hold["where"], hold["before"], hold["after"]) == ("fleet fleet-a, 22:00-06:00", None, 300)
    assert known_rules(desk.settings()).version == 1
    assert desk.run("rules", "diff", file).exit_code == 0
    assert desk.run("rules", "diff", "shipped", "1").exit_code == 1
    assert [(one["version"], one["applied_by"], one["reason"]) for one in desk.ask("rules", "history")] == [
        (1, "li", "new limit")
    ]
    shown = desk.run("rules", "show").stdout
    assert shown.startswith("# rule set 1, 20")
    assert shown.endswith(CITY)
    assert "holds already, as rule set 1" in desk.refused("rules", "apply", file, "--reason", "again")


def test_a_rule_is_shown_as_it_holds_for_a_device_at_an_hour(desk: Desk, file: str) -> None:
    desk.ask("rules", "apply", file, "--reason", "new limit")
    fleet = next(device for device in desk.ask("device", "list") if device.get("fleet"))
    Path(file).write_text(CITY.replace("fleet-a", fleet["fleet"]))
    desk.ask("rules", "apply", file, "--reason", "of this fleet")

    def hold_s(*options: str) -> object:
        parameters = desk.ask("rules", "show", "stopped_loaded", *options)["parameters"]
        return {one["name"]: one["value"] for one in parameters}["hold_s"]

    device = ("--device", fleet["device"])
    assert (hold_s(), hold_s(*device), hold_s(*device, "--at", "23:30")) == (600, 600, 300)
    assert hold_s("--version", "1", *device, "--at", "23:30") == 600
    assert "did you mean" in desk.refused("rules", "show", "stoped_loaded")
    assert "write an hour" in desk.refused("rules", "list", "--at", "25")


def test_a_file_with_faults_is_refused_with_all_of_them(desk: Desk, file: str) -> None:
    Path(file).write_text("speding: off\nbin_overflow: {full: 3}\n")
    for command in (("validate", file), ("apply", file, "--reason", "x"), ("diff", file)):
        told = desk.refused("rules", *command)
        assert "rules.yaml:1: speding: no such rule: did you mean 'speeding'?" in told
        assert "rules.yaml:2: bin_overflow.full: no such parameter" in told
    assert desk.ask("rules", "history") == []


def test_places_that_the_city_does_not_have_are_named(desk: Desk, file: str) -> None:
    done = desk.run("rules", "validate", file)
    assert done.exit_code == 0
    assert "fleet 'fleet-a': jincheng has none of this name" in " ".join(done.stdout.split())


def test_another_rule_set_is_tried_on_the_log_before_it_holds(desk: Desk, file: str) -> None:
    readings = fills([50, 92, 92, 92, 92, 50, 50, 50], point="point-001", every_s=300)
    log = closed_later(open_raw_log(desk.settings()))
    log.append([RawMessage(reading_topic(r.device_id, r.kind), encode(r), r.ts + 500) for r in readings])
    Path(file).write_text("bin_overflow: {warn_pct: 95, full_pct: 97}\n")
    answer = desk.ask("replay", "--rules", file)
    assert (answer["messages"], answer["alerts_before"], answer["alerts_after"]) == (8, 1, 0)
    assert [(one["effect"], one["before"]["rule"]) for one in answer["differ"]] == [("lost", "bin_overflow")]
    Path(file).write_text("speeding: off\n")
    assert desk.ask("replay", "--rules", file)["differ"] == []
    later = str(readings[-1].ts + 10_000)
    assert "no message was received in that time" in desk.refused("replay", "--rules", file, "--from", later)
    assert "need --rules" in desk.refused("replay", "--from", later)
