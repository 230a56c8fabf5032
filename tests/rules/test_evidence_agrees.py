"""Title, findings, measures and cited readings of one change say the same, for every rule, over random stories."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.city.hours import Hours
from devices.city.sites import Site, SiteKind, ZoneKind
from devices.readings.models import Reading
from rules.alerts.model import AlertChange, Amendment
from rules.catalogue import CATALOGUE, build_rules
from rules.contract.wording import MAX_REFS
from rules.detectors.illegal_dumping.judgement import IllegalDumping
from rules.detectors.illegal_dumping.parameters import IllegalDumpingParameters
from rules.engine.engine import RuleEngine
from tests.examples import examples
from tests.rules import agreement, agreement_on_devices
from tests.rules.agreement import numbers
from tests.rules.detectors.sites.test_station_backlog import Line, station
from tests.rules.engine.test_same_alerts import busy_hour
from tests.rules.town import Trip, fills, in_time, judged, place, square, ticket, town, zone

CHECKS = agreement.CHECKS | agreement_on_devices.CHECKS
CITED_BEFORE_MS = 10 * 60_000
"""The weight before a stop is at most so old."""

CITY = replace(
    station(),
    sites={
        **station().sites,
        "point": replace(town().sites["point"], deposit_hours=(Hours(6 * 60, 21 * 60),)),
        "works": Site("works", SiteKind.CONSTRUCTION_SITE, "Works", "工地", square(6_000, 0, 100), streams=("spoil",)),
        "yard": Site("yard", SiteKind.RECYCLING_POINT, "Yard", "回收点", square(7_000, 0, 100), streams=("kitchen",)),
    },
    permits=tuple(
        replace(permit, hours=(Hours(6 * 60, 22 * 60 + 15),), area_ids=("west",)) for permit in town().permits
    ),
    zones=(
        zone("old-town", ZoneKind.FORBIDDEN, 3_500, 50, 9_000, 950),
        zone("town", ZoneKind.JURISDICTION, -2_000, -300, 12_000, 2_000),
        zone("west", ZoneKind.PERMITTED_AREA, -2_000, -300, 5_000, 2_000),
    ),
)

Readings = dict[tuple[str, str, int], Reading]

_weights = st.sampled_from([12_000.0, 11_950.0, 11_200.0, 8_700.0, 6_000.0, 2_400.0, 390.0, 0.0])
_levels = st.sampled_from([5.0, 30.5, 62.0, 68.0, 79.96, 85.25, 91.0, 98.0])
_steps = st.one_of(
    st.tuples(st.just("stand"), st.integers(1, 30)),
    st.tuples(st.just("creep"), st.integers(5, 60)),
    st.tuples(st.just("drive"), st.integers(100, 1500)),
    st.tuples(st.just("race"), st.integers(100, 3000)),
    st.tuples(st.just("aside"), st.integers(-900, 900)),
    st.tuples(st.just("quiet"), st.integers(30, 400)),
    st.tuples(st.just("lift_up"), st.booleans()),
    st.tuples(st.just("cover_open"), st.booleans()),
    st.tuples(st.just("load"), st.sampled_from(["loaded", "empty"])),
    st.tuples(st.just("load_kg"), _weights),
)


def told(steps: Sequence[tuple[str, Any]], every_s: float) -> Trip:
    """A trip along the east road; it has reported for a minute and may be anywhere after that."""
    start: dict[str, Any] = {"load_kg": 12_000.0, "load": "loaded", "lift_up": False, "cover_open": False}
    trip = Trip("T1", 500, 0, every_s=every_s, **start).drive(3000, 0)
    for what, value in steps:
        if what == "stand":
            trip.stand(value * every_s)
        elif what == "creep":
            trip.drive(trip.x + value, trip.y, kmh=4)
        elif what == "drive":
            trip.drive(trip.x + value, trip.y)
        elif what == "race":
            trip.drive(trip.x + value, trip.y, kmh=130)
        elif what == "aside":
            trip.drive(trip.x, float(value))
        elif what == "quiet":
            trip.quiet(value)
        else:
            trip.now(**{what: value})
    return trip.stand(5 * every_s)


def agrees(change: AlertChange, sent: Readings) -> None:
    evidence = change.evidence
    for text in (change.title, *evidence.findings, *evidence.ruled_out):
        assert text.en
        assert text.zh
        assert numbers(text.en) == numbers(text.zh), text
    withdrawn = (change.title.en.startswith("Withdrawn: "), change.title.zh.startswith("已撤回："))
    assert withdrawn == (change.amendment is Amendment.RETRACTED,) * 2
    merged = (change.title.en.startswith("Part of another alert: "), change.title.zh.startswith("已并入其他告警："))
    assert merged == (change.amendment is Amendment.MERGED,) * 2
    times = [cited.ts for cited in evidence.readings]
    assert times == sorted(set(times))
    assert len(times) <= MAX_REFS
    # The last two readings of a silent device, the first stop of a haul and former tickets may be hours old.
    cites_older = change.rule in {"silent_device", "mixed_haulage", "weighbridge_integrity", "mass_shortfall"}
    before_ms = math.inf if cites_older else CITED_BEFORE_MS
    for cited in evidence.readings:
        by_wrong_clock = change.rule == "device_clock"
        assert by_wrong_clock or change.opened_at - before_ms <= cited.ts <= change.at
        reading = sent[cited.device_id, cited.kind, cited.ts]
        assert {name: getattr(reading, name) for name in cited.values} == cited.values
    CHECKS[change.rule](change)


@pytest.mark.parametrize("off_s", [-28_800, -3_601, -121, 150, 86_400 * 40])
def test_clocks(off_s: int) -> None:
    """A truck alone, received at the pace of its wrong clock; another time it is set right."""
    trip = Trip("T1", 500, 0).stand(600)
    engine, changes = RuleEngine(town(), build_rules()), list[AlertChange]()
    sent: Readings = {}
    for n, reading in enumerate(trip.readings):
        engine.receive(reading.ts - off_s * 1000 if n < 40 else reading.ts)
        changes += engine.judge(reading)
        sent[reading.device_id, str(reading.kind), reading.ts] = reading
    found = [change for change in changes if change.rule == "device_clock"]
    assert found
    for change in found:
        agrees(change, sent)


def check(*readings: Sequence[Reading], rules: Any = None) -> list[AlertChange]:
    changes = judged(rules or build_rules(), *readings, quiet_s=2400, city=CITY)
    sent = {(reading.device_id, str(reading.kind), reading.ts): reading for row in readings for reading in row}
    for change in changes:
        agrees(change, sent)
    return changes


def test_every_rule_has_its_check() -> None:
    assert CHECKS.keys() >= {entry.name for entry in CATALOGUE}


@settings(max_examples=examples(30, exploring=300))
@given(st.lists(_steps, max_size=25), st.sampled_from([1.5, 7, 9.6, 10, 30]))
def test_trips(steps: list[tuple[str, Any]], every_s: float) -> None:
    check(told(steps, every_s).readings)


@settings(max_examples=examples(30, exploring=300))
@given(
    st.lists(
        st.tuples(st.sampled_from([5.0, 30.5, 62.0, 68.0, 79.96, 85.25, 91.0, 98.0]), st.integers(0, 9)), max_size=50
    ),
    st.sampled_from([60, 120, 900]),
)
def test_bins(levels: list[tuple[float, int]], every_s: int) -> None:
    readings = [
        fills([level], every_s=every_s, start_s=n * every_s, deposits=deposits)[0]
        for n, (level, deposits) in enumerate(levels)
    ]
    check(readings)


@settings(max_examples=examples(30, exploring=300))
@given(
    st.lists(st.tuples(st.sampled_from([19.5, 38.0, 44.0, 47.25, 58.0, 71.5, 90.0, None]), st.booleans()), max_size=40),
    st.sampled_from([20, 60, 300]),
)
def test_fires(values: list[tuple[float | None, bool]], every_s: int) -> None:
    readings = [
        fills([30.0], every_s=every_s, start_s=n * every_s, temperature_c=temperature_c, smoke=smoke and n % 3 == 0)[0]
        for n, (temperature_c, smoke) in enumerate(values)
    ]
    check(readings)


@settings(max_examples=examples(30, exploring=300))
@given(
    st.lists(
        st.tuples(
            st.integers(1, 15),
            st.sampled_from([30.0, 69.9, 88.25, 90.0, 97.5, None]),
            st.sampled_from([0, 1, 6, None]),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_lines(stretches: list[tuple[int, float | None, int | None, bool]]) -> None:
    line = Line()
    for minutes, hopper_pct, queue_trucks, running in stretches:
        line.works(minutes, hopper_pct, queue_trucks=queue_trucks, running=running)
    check(line.readings)


@settings(max_examples=examples(30, exploring=300))
@given(
    st.lists(
        st.tuples(
            st.integers(1, 40),
            st.sampled_from(["T1", "T2", None]),
            st.sampled_from(["in", "out"]),
            st.sampled_from([0.0, 5_000.0, 11_640.25, 12_000.0, 12_020.0, 12_700.0, 200_000.0]),
            st.sampled_from([None, 0.0, 40.5, 14_000.0]),
            st.sampled_from(["stable", "moves", "manual", "half"]),
        ),
        max_size=40,
    ),
    st.integers(0, 10_000),
)
def test_weighings(tickets: list[tuple[int, str | None, Any, float, float | None, str]], x: int) -> None:
    weighings, now_s = list[Reading](), 100.0
    for n, (minutes, truck, direction, tare_kg, net_kg, how) in enumerate(tickets):
        now_s += 60 * minutes + 0.5
        one = ticket(truck or "T1", now_s, direction=direction, ticket=f"{n % 20}")
        half = how == "half"
        weighings.append(
            msgspec.structs.replace(
                one,
                plate=one.plate if truck else None,
                gross_kg=min(tare_kg + (net_kg or 0.0), 200_000.0),
                tare_kg=None if half else tare_kg,
                net_kg=None if half else net_kg,
                stable=how != "moves",
                manual_entry=how == "manual",
            )
        )
    trip = Trip("T1", x, 0, every_s=60).stand(600).drive(9_990, 0).stand(now_s / 2).drive(x, 0)
    check(trip.readings, weighings)


@settings(max_examples=examples(25, exploring=200))
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 5.0, 60.0, 100.0]),
            st.sampled_from([True, False, None]),
            st.sampled_from([True, False, None]),
            st.sampled_from([None, 0.0, 150.25, 12_000.0, 199_999.9]),
            st.integers(1, 40),
        ),
        max_size=25,
    ),
    st.sampled_from([1, 5, 10, 60]),
    st.booleans(),
)
def test_sensors(
    steps: list[tuple[float, bool | None, bool | None, float | None, int]], every_s: int, odd: bool
) -> None:
    """Values that last, or alternate with their opposites."""
    trip = Trip("T1", 0, 0, every_s=every_s)
    for kmh, lift_up, cover_open, load_kg, count in steps:
        for n in range(count):
            flips = odd and n % 2 == 1
            trip.now(lift_up=not lift_up if flips and lift_up is not None else lift_up, cover_open=cover_open)
            trip.now(load_kg=load_kg)
            if kmh:
                trip.drive((trip.x + kmh / 3.6 * every_s) % 12_000, 0, kmh=max(kmh, 1))
            else:
                trip.stand(every_s)
    check(trip.readings)


@settings(max_examples=examples(30, exploring=300))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["drive", "stand", "frozen", "leap", "spike", "alarm", "lost", "quiet"]),
            st.integers(1, 40),
            st.sampled_from([-90_000.0, 800.0, 1_500.0, 12_000.0]),
        ),
        max_size=25,
    ),
    st.sampled_from([1, 10, 60]),
    st.booleans(),
)
def test_places(steps: list[tuple[str, int, float]], every_s: int, places_only: bool) -> None:
    trip = Trip("T1", 0, 0, every_s=every_s, odometer_km=10.0).drive(2_000, 0)
    for what, count, far_m in steps:
        at = place(trip.x, trip.y)
        spike = place(trip.x + far_m, trip.y + far_m)
        if what == "quiet":
            trip.quiet(count * 40)
        elif what == "leap":
            trip.x, trip.y = (trip.x + far_m) % 15_000, (trip.y + far_m) % 15_000
        odd: dict[str, dict[str, Any]] = {
            "frozen": {"lat": at.lat, "lon": at.lon},
            "spike": {"lat": spike.lat, "lon": spike.lon},
            "alarm": {"alarm_bits": 0x10 << count % 3},
            "lost": {"located": False},
        }
        fields = odd.get(what, {})
        if places_only:
            fields["speed_kmh"] = None
        for _ in range(count):
            trip.fields["odometer_km"] += every_s * 0.01
            if what == "stand":
                trip.stand(every_s)
            else:
                trip.drive(trip.x + every_s * 10, trip.y, kmh=36, **fields)
    check(trip.readings)


def test_an_interference() -> None:
    trips = [Trip(f"T{n}", 1_000, 0, at_s=60 * n).drive(4_000, 0) for n in (1, 2, 3)]
    for trip in trips:
        trip.y = 9_000
    found = check(*(trip.drive(5_000, 9_000).readings for trip in trips))
    assert any(change.rule == "gnss_anomaly" and change.subject == "system" for change in found)


def test_hours() -> None:
    """It has stood for six minutes when the hours end, and sets out later."""
    steps = [("stand", 30), *[("drive", 1500)] * 6, ("stand", 40)]
    assert "restricted_hours" in {change.rule for change in check(told(steps, 10).readings)}


def test_deposits_at_night() -> None:
    """On three days, so that it is worse on the third."""
    nights = [fills([33.0] * 30, every_s=120, start_s=day * 86_400, deposits=1) for day in range(3)]
    found = [change for change in check(*nights) if change.rule == "deposit_outside_hours"]
    assert {change.severity for change in found} == {"P3", "P4"}


def test_areas() -> None:
    """It stands at a construction site outside its area, loads there, and loads more at another source."""
    steps: list[tuple[str, Any]] = [("load_kg", 390.0), ("drive", 3000), ("stand", 20), ("load_kg", 8_700.0)]
    steps += [("stand", 20), ("drive", 1000), ("stand", 10), ("load_kg", 9_900.0), ("stand", 10), ("drive", -3000)]
    found = [change for change in check(told(steps, 10).readings) if change.rule == "outside_permitted_area"]
    assert found[-1].evidence.measures["sources"] == "works,yard"
    assert {change.severity for change in found} == {"P3", "P4"}


def test_hauls() -> None:
    """Spoil and kitchen waste; the load rises at both stops, at the second one by and by."""
    steps: list[tuple[str, Any]] = [("load_kg", 390.0), ("drive", 3000), ("stand", 20), ("load_kg", 6_000.0)]
    steps += [("stand", 20), ("drive", 1000), ("stand", 2), ("load_kg", 6_400.0), ("stand", 18)]
    steps += [("load_kg", 8_700.0), ("stand", 20)]
    found = [change for change in check(told(steps, 10).readings) if change.rule == "mixed_haulage"]
    assert [change.severity for change in found] == ["P4", "P3"]


def test_zones() -> None:
    trip = told([("aside", 700), ("drive", 1500), ("aside", -900), ("stand", 30), ("aside", 0), ("drive", 900)], 10)
    raised = {change.rule for change in check(trip.readings)}
    assert raised >= {"forbidden_zone", "left_jurisdiction"}


def test_the_busy_hour() -> None:
    """Everything at once: closures, an outage, tickets that retract."""
    raised = {change.rule for change in check(busy_hour())}
    assert raised >= {"bin_overflow", "illegal_dumping", "route_deviation", "silent_device"}


@pytest.mark.parametrize("start_score", [-4.0, -3.75, -2.5])
def test_weights_with_two_decimals_add_up(start_score: float) -> None:
    parameters = IllegalDumpingParameters(start_score=start_score, weight_drop_score=3.333, off_corridor_score=0.25)
    steps = [("cover_open", True), ("lift_up", True), ("stand", 4), ("load_kg", 390.0), ("load", "empty"), ("stand", 9)]
    assert check(told(steps, 10).readings, rules=[IllegalDumping(parameters)])


def test_the_weight_after_a_tip_is_that_of_its_last_readings() -> None:
    """Bed and cover confirm it while the scale still shows the load; the weight that falls is a revision."""
    steps: list[tuple[str, Any]] = [
        ("cover_open", True),
        ("stand", 2),
        ("lift_up", True),
        ("stand", 2),
        ("load", "empty"),
    ]
    steps += [
        ("load_kg", 11_950.0),
        ("stand", 2),
        ("load_kg", 6_000.0),
        ("stand", 1),
        ("load_kg", 390.0),
        ("stand", 14),
    ]
    steps += [("lift_up", False), ("stand", 3), ("drive", 1500), ("stand", 70)]
    changes = [change for change in check(told(steps, 10).readings) if change.rule == "illegal_dumping"]
    assert str(changes[0].phase) == "provisional"
    assert changes[-1].evidence.measures["after_kg"] == 390.0
    assert changes[-1].evidence.measures["before_kg"] == 12_000.0
    assert any("fell from 12.0 t to 0.4 t" in text.en for text in changes[-1].evidence.findings)
    assert len(changes) <= 5


def test_sites() -> None:
    trips = [Trip(f"T{n}", 500, 0, at_s=n * 600, load="loaded").drive(3000, 0) for n in (1, 2, 3, 4)]
    found = check(in_time(*(trip.drive(3000, -1500).stand(240).readings for trip in trips)))
    assert any(change.rule == "suspected_site" for change in found)


def test_ways_in_a_gap() -> None:
    trip = Trip("T1", 500, 0, odometer_km=100.0).drive(3000, 0).quiet(100).now(odometer_km=102.3).drive(5000, 0)
    assert any("gap_s" in change.evidence.measures for change in check(trip.readings))
