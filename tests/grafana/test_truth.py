"""What the boards say, compared with what the simulator did: its incidents and its readings, summed here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, TypeVar

import pytest

from devices.city.model import City
from devices.readings.models import Fill, Position, Reading, Throughput, Weighing
from tests.grafana.answers import BOARDS, EVERYTHING, Answers, values
from tests.grafana.demonstration import HANDLED, SHELF, SUSPECTED, Demonstration

pytestmark = pytest.mark.real

ReadingT = TypeVar("ReadingT", bound=Reading)
RECENT_MS: Final = 900_000
P1_RULES: Final = {"route_deviation", "illegal_dumping", "silent_device"}
"""Of the rules of the demonstration, those whose incidents need action now."""


@dataclass(frozen=True)
class Part:
    """A part of the city that a viewer chooses."""

    chosen: Mapping[str, str]

    def has(self, device_id: str, city: City) -> bool:
        device = city.devices[device_id]
        own = {"district": device.district, "fleet": device.fleet, "site": device.site_id, "device": device.id}
        return all(own[name] == value for name, value in self.chosen.items())

    def of(self, kind: type[ReadingT], shown: Demonstration) -> list[ReadingT]:
        return [
            reading
            for reading in shown.readings
            if isinstance(reading, kind) and self.has(reading.device_id, shown.city)
        ]


WHOLE: Final = Part({})
DISTRICTS: Final = [Part({"district": name}) for name in ("urban", "zezhou", "gaoping", "lingchuan")]
FLEETS: Final = [Part({"fleet": name}) for name in ("taihang", "danhe", "fengtai", "qinhe")]
BRIDGES: Final = [Part({"site": name}) for name in ("plant-wangjiang", "spoil-nw-1", "spoil-s-1")]
LINES: Final = [Part({"site": name}) for name in ("sorting-dongtianshi", "transfer-lingchuan")]
POINTS: Final = [Part({"site": name}) for name in ("recycling-001", "recycling-010")]


def each(*parts: Part) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("part", parts, ids=["-".join(part.chosen.values()) or "all" for part in parts])


Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def ask(answers: Answers) -> Ask:
    """The answer to a query of the first panel with that title."""

    def of_panel(board: str, title: str, part: Part = WHOLE, *, ref: str = "A") -> list[dict[str, Any]]:
        shown = BOARDS[f"en/{board}.json"]
        panel = next(panel for panel in shown["panels"] if panel["title"] == title)
        query = next(target["query"] for target in panel["targets"] if target["refId"] == ref)
        return answers.ask(answers.fill(query, panel, shown, {**EVERYTHING, **part.chosen}))

    return of_panel


def figure(series: list[dict[str, Any]]) -> Any:
    """The number that a panel shows: 0 for no row, as the panel has it."""
    return series[0]["values"][-1][-1] if series else 0


def newest(readings: Iterable[ReadingT], *, since: int = 0) -> list[ReadingT]:
    """The newest reading of each device, or of each compartment."""
    found: dict[tuple[str, str], ReadingT] = {}
    for reading in sorted(readings, key=lambda reading: reading.ts):
        if reading.ts >= since:
            found[reading.device_id, reading.compartment if isinstance(reading, Fill) else ""] = reading
    return list(found.values())


def tonnes(weighings: Iterable[Weighing]) -> float:
    """Each simulated ticket is sent once, from a scale at rest."""
    return sum(weighing.net_kg or 0.0 for weighing in weighings) / 1000


@each(WHOLE, *DISTRICTS, *BRIDGES, Part({"device": "weighbridge-01"}))
def test_tonnes_and_tickets_are_those_the_bridges_weighed(part: Part, answers: Answers, ask: Ask) -> None:
    weighings = part.of(Weighing, answers.shown)
    total = pytest.approx(tonnes(weighings))
    assert figure(ask("weighbridges", "Tonnes", part)) == total
    assert figure(ask("weighbridges", "Tickets", part)) == sum(w.net_kg is not None for w in weighings)
    assert sum(values(ask("weighbridges", "Tonnes by weighbridge", part), "Value")) == total
    assert sum(values(ask("weighbridges", "Tonnes by stream", part), "tonnes")) == total
    if "device" not in part.chosen:  # the overview has no such choice
        assert figure(ask("overview", "Net today", part)) == total
    assert len(values(ask("weighbridges", "Weighings", part), "gross_kg")) == len(weighings)


def test_the_bridges_share_the_tonnes_as_they_weighed_them(answers: Answers, ask: Ask) -> None:
    series = ask("weighbridges", "Tonnes by weighbridge")
    shown = {one["tags"]["device"]: sum(values([one], "Value")) for one in series}
    assert len(shown) == 3
    for bridge, total in shown.items():
        assert total == pytest.approx(tonnes(Part({"device": bridge}).of(Weighing, answers.shown))), bridge


@each(WHOLE, *DISTRICTS, *FLEETS)
def test_trucks_out_loaded_and_with_open_covers_are_those_that_drove(part: Part, answers: Answers, ask: Ask) -> None:
    shown = answers.shown
    recent = [p for p in part.of(Position, shown) if p.ts >= shown.end - RECENT_MS]
    out = len({p.device_id for p in recent if (p.speed_kmh or 0) > 10})
    assert figure(ask("overview", "Trucks out", part)) == figure(ask("trucks", "Driving", part)) == out
    now = newest(recent)
    assert figure(ask("trucks", "Loaded", part)) == sum(p.load == "loaded" for p in now)
    assert figure(ask("trucks", "Bed raised", part)) == sum(p.lift_up is True for p in now)
    assert figure(ask("trucks", "Cover open", part)) == sum(p.cover_open is True for p in now)
    rows = ask("trucks", "Trucks, newest state", part)
    assert set(values(rows, "device")) == {p.device_id for p in part.of(Position, shown)}


@each(WHOLE, *DISTRICTS, *FLEETS, *POINTS)
def test_open_alerts_are_the_incidents_that_go_on_and_that_nobody_closed(
    part: Part, answers: Answers, ask: Ask
) -> None:
    shown = answers.shown
    here = [label for label in shown.labels if part.has(label.device_id, shown.city)]
    going_on = [label for label in here if label.end_ms == shown.end and label.rule not in HANDLED]
    for board, all_of_them, urgent in (("overview", "Alerts open", "P1 open"), ("enforcement", "Open", "Open P1")):
        assert figure(ask(board, all_of_them, part)) == len(going_on)
        assert figure(ask(board, urgent, part)) == sum(label.rule in P1_RULES for label in going_on)
        rows = ask(board, "Open alerts", part)
        assert set(zip(values(rows, "rule"), values(rows, "device"), strict=True)) == {
            (label.rule, label.device_id) for label in going_on
        }
        shelved = [
            rule for rule, until in zip(values(rows, "rule"), values(rows, "shelved_until"), strict=True) if until
        ]
        assert shelved == [label.rule for label in going_on if label.rule == SHELF.rule]
        assert set(values(rows, "shelved_until")) <= {0, SHELF.until}
        assert not any(values(rows, "learned_at")), "nothing was uploaded late"
    assert figure(ask("enforcement", "Not acknowledged", part)) == len(going_on)
    # A raised bed is told at once, and merged into the dump that it is a part of.
    by_rule = {one["tags"]["rule"] for one in ask("enforcement", "Summary by rule", part)} - {"bed_raised_outside"}
    assert by_rule == {label.rule for label in here}


def test_what_people_did_with_alerts_is_what_enforcement_shows(ask: Ask) -> None:
    assert figure(ask("enforcement", "Acknowledged in")) == median(
        [acknowledged_s for acknowledged_s, _, _ in HANDLED.values()]
    )
    assert figure(ask("enforcement", "False alarms")) == pytest.approx(50)
    assert sum(values(ask("enforcement", "Summary by rule"), "handled")) == len(HANDLED)
    outcomes = values(ask("enforcement", "Outcomes"), "outcome")
    assert sorted(outcomes) == sorted(str(outcome) for _, outcome, _ in HANDLED.values())


def test_suspected_sites_are_those_that_nobody_dismissed(ask: Ask) -> None:
    shown = ask("enforcement", "Suspected sites")
    assert sorted(values(shown, "site_id")) == [site.id for site in SUSPECTED if site.state != "dismissed"]
    assert len(values(ask("overview", "Where alerts are open", ref="C"), "lat")) == len(values(shown, "site_id"))
    assert values(ask("trucks", "All trucks", ref="D"), "state") == values(shown, "state")
    assert {
        (hour, trucks) for hour, trucks in zip(values(shown, "busiest_hour"), values(shown, "trucks"), strict=True)
    } == {(1, 2)}


@each(WHOLE, *DISTRICTS, *POINTS)
def test_levels_are_those_of_the_compartments(part: Part, answers: Answers, ask: Ask) -> None:
    levels = newest(part.of(Fill, answers.shown))
    full = sum(fill.fill_pct >= 90 for fill in levels)
    assert figure(ask("overview", "Bins full", part)) == figure(ask("recycling", "Full", part)) == full
    assert figure(ask("recycling", "Filling up", part)) == sum(80 <= fill.fill_pct < 90 for fill in levels)
    assert figure(ask("recycling", "Bins reporting", part)) == len(levels)
    hottest = max((fill.temperature_c for fill in levels if fill.temperature_c is not None), default=0)
    assert figure(ask("recycling", "Hottest", part)) == hottest
    rows = ask("recycling", "Compartments, fullest first", part)
    shown = set(zip(*(values(rows, name) for name in ("device", "compartment", "fill_pct")), strict=True))
    assert shown == {(fill.device_id, fill.compartment, fill.fill_pct) for fill in levels}
    fullest: dict[str, float] = {}
    for fill in levels:
        fullest[fill.device_id] = max(fill.fill_pct, fullest.get(fill.device_id, 0))
    on_map = ask("recycling", "Points by level", part)
    assert dict(zip(values(on_map, "device"), values(on_map, "fill_pct"), strict=True)) == fullest


@each(WHOLE, *DISTRICTS, *POINTS)
def test_an_emptying_is_a_fall_of_thirty_points_that_two_readings_show(part: Part, answers: Answers, ask: Ask) -> None:
    """Simulated sensors do not leap, and nobody covers them."""
    levels: dict[tuple[str, str], list[Fill]] = {}
    for fill in sorted(part.of(Fill, answers.shown), key=lambda fill: fill.ts):
        levels.setdefault((fill.device_id, fill.compartment), []).append(fill)
    emptied = {
        (name, compartment, low.ts, before.fill_pct, after.fill_pct)
        for (name, compartment), one in levels.items()
        for before, low, after in zip(one, one[1:], one[2:], strict=False)
        if before.fill_pct - max(low.fill_pct, after.fill_pct) >= 30
    }
    assert figure(ask("recycling", "Emptied", part)) == len(emptied)
    rows = ask("recycling", "Emptyings", part)
    columns = ("device", "compartment", "time", "from_pct", "to_pct")
    assert set(zip(*(values(rows, column) for column in columns), strict=True)) == emptied
    assert part != WHOLE or emptied


@each(WHOLE, *DISTRICTS, *LINES)
def test_lines_show_their_newest_report(part: Part, answers: Answers, ask: Ask) -> None:
    now = newest(part.of(Throughput, answers.shown))
    assert figure(ask("weighbridges", "Lines running", part)) == sum(line.running is True for line in now)
    rates = sum(line.rate_t_per_h or 0 for line in now)
    assert figure(ask("weighbridges", "Throughput", part)) == pytest.approx(rates)
    assert figure(ask("weighbridges", "Trucks queueing", part)) == sum(line.queue_trucks or 0 for line in now)


@each(WHOLE, *DISTRICTS, *FLEETS, *POINTS)
def test_every_device_but_the_one_without_power_reports(part: Part, answers: Answers, ask: Ask) -> None:
    shown = answers.shown
    [silent] = [label.device_id for label in shown.labels if label.rule == "silent_device"]
    reporting = [id_ for id_ in shown.city.devices if id_ != silent and part.has(id_, shown.city)]
    assert figure(ask("overview", "Devices on", part)) == len(reporting)


def test_the_ledger_sums_are_those_of_the_loads(ask: Ask) -> None:
    """Two days, each with 203 t that were weighed and 15 t estimated, by 16 loads (`tests.grafana.demonstration`)."""
    assert figure(ask("ledger", "Received")) == 436
    assert figure(ask("ledger", "Weighed in full")) == pytest.approx(100 * 203 / 218)
    assert figure(ask("ledger", "Loads")) == 32
    assert figure(ask("ledger", "Without weight")) == 2
    assert figure(ask("ledger", "Truck not known")) == 4
    assert figure(ask("ledger", "Sites that weigh")) == 3
    by_stream = ask("ledger", "Tonnes received each day, by stream")
    assert {one["tags"]["stream"]: sum(values([one], "sum")) for one in by_stream} == {
        "demolition": 90, "spoil": 300, "unknown": 16
    }  # fmt: skip
    by_flow = ask("ledger", "In and out each day")
    assert {one["tags"]["flow"]: sum(values([one], "sum")) for one in by_flow} == {"in": 406, "out": 40}
    assert sum(values(ask("ledger", "Tonnes by district"), "tonnes")) == 436
    assert set(values(ask("ledger", "Tonnes by district"), "district_label")) == {"Zezhou", "Urban district"}
    assert sum(values(ask("ledger", "Tonnes by site", Part({"site": "landfill-urban"})), "tonnes")) == 16
    assert figure(ask("ledger", "Received", Part({"district": "zezhou"}))) == 420


def test_an_indicator_without_a_value_stands_apart_with_the_reason(ask: Ask) -> None:
    shown = ask("ledger", "Indicators over the last 30 days")
    assert values(shown, "name") == ["Construction-waste recycling rate"]
    assert (values(shown, "value"), values(shown, "target"), values(shown, "progress_pct")) == ([21.43], [60], [15.5])
    without = ask("ledger", "Indicators without a value")
    assert len(values(without, "name")) == 10
    assert set(values(without, "why")) == {"no load was weighed"}


def test_manifests_are_counted_by_hand(ask: Ask) -> None:
    """Six of the span: two closed, one overdue, one that differs, one under way, one void; and an old overdue one."""
    assert figure(ask("manifests", "Issued")) == 6
    assert figure(ask("manifests", "Closed")) == 40  # 2 of 5 that are not void
    assert figure(ask("manifests", "Open now")) == 4
    assert figure(ask("manifests", "Overdue now")) == 2
    assert figure(ask("manifests", "Not matching")) == 1
    assert figure(ask("manifests", "Void")) == 1
    by_ref = {ref: sum(values(ask("manifests", "Manifests by time of issue", ref=ref), name)) for ref, name in SUMS}
    assert by_ref == {"A": 2, "B": 1, "C": 1, "D": 1}
    assert set(values(ask("manifests", "Overdue and not matching"), "number")) == {"M0", "M3", "M4"}
    assert values(ask("manifests", "Newest manifests"), "number")[-1] == "M1"
    assert figure(ask("manifests", "Issued", Part({"fleet": "danhe"}))) == 3  # of truck-001 and truck-005
    assert figure(ask("manifests", "Overdue now", Part({"fleet": "qinhe"}))) == 1


SUMS: Final = (("A", "sum"), ("B", "sum_sum_sum"), ("C", "sum"), ("D", "sum"))
"""Columns as InfluxDB names them."""
