"""Title, findings, measures and cited readings of one change say the same, for every rule, over random stories."""

import math
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.readings.models import Reading
from rules.alerts.model import AlertChange, Amendment, Phase, Text
from rules.catalogue import CATALOGUE, build_rules
from rules.contract.wording import MAX_REFS
from rules.detectors.illegal_dumping.judgement import IllegalDumping
from rules.detectors.illegal_dumping.parameters import IllegalDumpingParameters
from rules.engine.engine import RuleEngine
from rules.tracking.load import STEADY_KG
from tests.rules.engine.test_same_alerts import busy_hour
from tests.rules.town import Trip, fills, judged, town

CITED_BEFORE_MS = 10 * 60_000
"""The weight before a stop is at most so old."""
_NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?")
_TERM = re.compile(r"\(([-+]\d+\.\d+)\)$")

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


def numbers(text: str) -> list[float]:
    return sorted(float(found) for found in _NUMBER.findall(text))


def the(pattern: str, texts: Sequence[Text]) -> list[tuple[str, ...]]:
    """What the groups of a pattern caught in English texts."""
    return [found.groups() for text in texts if (found := re.search(pattern, text.en))]


def agrees(change: AlertChange, sent: Readings) -> None:
    evidence = change.evidence
    for text in (change.title, *evidence.findings, *evidence.ruled_out):
        assert text.en
        assert text.zh
        assert numbers(text.en) == numbers(text.zh), text
    withdrawn = (change.title.en.startswith("Withdrawn: "), change.title.zh.startswith("已撤回："))
    assert withdrawn == (change.amendment is Amendment.RETRACTED,) * 2
    times = [cited.ts for cited in evidence.readings]
    assert times == sorted(set(times))
    assert len(times) <= MAX_REFS
    before_ms = math.inf if change.rule == "silent_device" else CITED_BEFORE_MS  # it cites the last two, however old
    for cited in evidence.readings:
        by_wrong_clock = change.rule == "device_clock"
        assert by_wrong_clock or change.opened_at - before_ms <= cited.ts <= change.at
        reading = sent[cited.device_id, cited.kind, cited.ts]
        assert {name: getattr(reading, name) for name in cited.values} == cited.values
    CHECKS[change.rule](change)


def dumping_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if "score" not in measures:  # a ticket retracted it
        return
    terms = [float(term) for (term,) in the(_TERM.pattern, evidence.findings)]
    assert len(terms) == len(evidence.findings)
    assert terms[0] == change.evidence.parameters["start_score"]
    assert round(sum(terms), 2) == measures["score"]
    if change.phase is Phase.PROVISIONAL:
        assert float(measures["score"]) >= 0
    for (stood,) in the(r"Bed up (\d+) s", evidence.findings):
        assert int(stood) == measures["lift_standing_s"]
    for (stood,) in the(r"^Stood (\d+) s", evidence.findings):
        assert int(stood) == measures["stay_s"]
    weights = [cited.values["load_kg"] for cited in evidence.readings if "load_kg" in cited.values]
    during = [c.values["load_kg"] for c in evidence.readings if "load_kg" in c.values and c.ts >= change.opened_at]
    until = (change.onset or 0) + change.evidence.parameters["weight_drop_within_s"] * 1000
    in_time = [c.values["load_kg"] for c in evidence.readings if "load_kg" in c.values and c.ts <= until]
    for before, after in the(r"fell from ([\d.]+) t to ([\d.]+) t", evidence.findings):
        assert (before, after) == tuple(f"{float(measures[name]) / 1000:.1f}" for name in ("before_kg", "after_kg"))
    if "after_kg" in measures:
        after_kg = float(measures["after_kg"])
        assert after_kg in during
        assert after_kg == in_time[-1] or after_kg < in_time[-1] - STEADY_KG  # the last one leapt up and is not steady
    if "before_kg" in measures and change.phase is not Phase.CLOSED:
        assert measures["before_kg"] in weights


def deviation_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    if "off_route_s" not in measures:  # a closed road retracted it
        return
    pattern = r"For ([\d.]+) (s|min|h) and ([\d.]+) (k?m) it drove .* at most ([\d.]+) (k?m)"
    ((time, unit, driven, driven_unit, peak, peak_unit),) = the(pattern, change.evidence.findings)
    assert float(time) == duration_of(measures["off_route_s"], unit)
    assert float(driven) == length_of(measures["detour_m"], driven_unit)
    assert float(peak) == length_of(measures["peak_off_route_m"], peak_unit)
    assert float(measures["off_route_m"]) <= float(measures["peak_off_route_m"])
    assert (", loaded," in change.title.en) is measures["loaded"]


def overflow_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    ((level,),) = the(r"\(([\d.]+) %\)$", [change.title])
    assert float(level) == measures["fill_pct"] == evidence.readings[-1].values["fill_pct"]
    assert f"compartment {measures['compartment']} " in change.title.en
    for (count,) in the(r"^(\d+) deposits since it is full", evidence.findings):
        assert int(count) == measures["deposits_while_full"]
    for former, later in the(r"from ([\d.]+) % to ([\d.]+) %$", evidence.findings):
        assert (float(former), float(later)) == (measures["emptied_from_pct"], measures["fill_pct"])
    covered = the(r"leaped from ([\d.]+) % to ([\d.]+) % .*; (\d+) deposits since$", evidence.findings)
    for figures in covered:
        assert list(map(float, figures)) == [
            measures[name] for name in ("leap_from_pct", "leap_to_pct", "deposits_since_leap")
        ]
    assert ("Not a covered sensor" in evidence.ruled_out[0].en if evidence.ruled_out else True) is not bool(covered)


def silence_agrees(change: AlertChange) -> None:
    if change.subject == "system":
        outage_agrees(change)
    if "silent_s" not in change.evidence.measures or change.amendment is Amendment.RETRACTED:
        return
    for time, unit in the(r"for ([\d.]+) (s|min|h)(?:;|$)", [change.title, *change.evidence.findings]):
        assert float(time) == duration_of(change.evidence.measures["silent_s"], unit)


def outage_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    silent, of = int(measures["overdue_devices"]), int(measures["awaited_devices"])
    assert the(r"^(\d+) % of these devices", change.evidence.findings) == [(f"{100 * silent / of:.0f}",)]
    if change.phase is Phase.CLOSED:
        assert the(r"; still silent: (\d+)$", [change.title]) == [(str(silent),)]
    else:
        assert the(r"^(\d+) of (\d+) .* are silent at once", [change.title]) == [(str(silent), str(of))]


def plate_agrees(change: AlertChange) -> None:
    for text in (change.title, *change.evidence.findings):
        assert str(change.evidence.measures["plate"]) in text.en
        assert str(change.evidence.measures["plate"]) in text.zh


def datum_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    if change.phase is Phase.CLOSED or change.amendment is Amendment.RETRACTED:
        return
    ((fixes, driven, unit),) = the(r"^(\d+) fixes over ([\d.]+) (k?m) lie on its routes", change.evidence.findings)
    assert int(fixes) == measures["fixes"]
    assert float(driven) == length_of(measures["driven_m"], unit)
    for cited in change.evidence.readings:
        assert {"lat", "lon"} <= cited.values.keys()


def judgeability_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    if change.phase is Phase.CLOSED or change.amendment is Amendment.RETRACTED:
        return
    ((lasted, unit, readings),) = the(r"^For ([\d.]+) (s|min|h) and (\d+) readings: ", change.evidence.findings)
    assert float(lasted) == duration_of(measures["lasted_s"], unit)
    assert int(readings) == measures["readings"]
    for interval, registered in the(r"reports every (\d+) s and is registered with (\d+) s", change.evidence.findings):
        assert (int(interval), int(registered)) == (measures["interval_s"], measures["registered_interval_s"])


def clock_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    ((off, unit, side),) = the(r"its clock is ([\d.]+) (s|min|h|days) (behind|ahead)$", [change.title])
    seconds = float(measures["offset_s"]) * (-1 if side == "behind" else 1)
    assert seconds > change.evidence.parameters["off_s"] - 1
    assert float(off) == (round(seconds / 86_400) if unit == "days" else duration_of(seconds, unit))
    ((readings, over, over_unit),) = the(r"^(\d+) readings over ([\d.]+) (s|min|h) agree", change.evidence.findings)
    assert int(readings) == measures["readings"]
    assert float(over) == duration_of(measures["over_s"], over_unit)
    ((needed,),) = the(r"set clock_correction_s to (-?\d+) in", change.evidence.findings)
    assert int(needed) == measures["needed_clock_correction_s"]
    assert abs(int(needed) + float(measures["offset_s"]) - float(measures["clock_correction_s"])) <= 30


def uncovered_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    pattern = r"^It drove ([\d.]+) (k?m) in ([\d.]+) (s|min|h) with its cover open, at up to ([\d.]+) km/h$"
    ((driven, driven_unit, time, unit, peak),) = the(pattern, change.evidence.findings)
    assert float(driven) == length_of(measures["driven_m"], driven_unit)
    assert float(time) == duration_of(measures["driven_s"], unit)
    assert float(peak) == measures["peak_kmh"]
    assert any(cited.values.get("cover_open") for cited in change.evidence.readings)


def stop_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    ((time, unit),) = the(r"^It stood for ([\d.]+) (s|min|h)$", change.evidence.findings)
    assert float(time) == duration_of(measures["stood_s"], unit)
    assert (", off its approved routes," in change.title.en) is measures["off_corridor"]
    assert change.severity == ("P2" if measures["off_corridor"] else "P3")
    for away, away_unit in the(r"^It has left: it is ([\d.]+) (k?m) away$", change.evidence.findings):
        assert float(away) == length_of(measures["away_m"], away_unit)


def speeding_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    ((peak, limit),) = the(r"drove ([\d.]+) km/h where ([\d.]+) km/h is the limit", [change.title])
    assert (float(peak), float(limit)) == (measures["peak_kmh"], measures["limit_kmh"])
    pattern = r"for ([\d.]+) (s|min|h) and ([\d.]+) (k?m), by up to ([\d.]+) %$"
    ((time, unit, driven, driven_unit, over),) = the(pattern, evidence.findings)
    assert float(time) == duration_of(measures["over_s"], unit)
    assert float(driven) == length_of(measures["over_m"], driven_unit)
    assert float(over) == measures["over_pct"] == round((float(peak) / float(limit) - 1) * 100, 1)


def fire_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if change.phase is not Phase.CLOSED:
        assert f"compartment {measures['compartment']} " in change.title.en
        assert ("may be" in change.title.en) is (change.phase is Phase.PROVISIONAL)
    for (peak,) in the(r"in a row, ([\d.]+) °C at most$", evidence.findings):
        assert float(peak) == measures["peak_c"] >= evidence.parameters["fire_c"]
    for low, high, time, unit in the(r"rose from ([\d.]+) °C to ([\d.]+) °C in ([\d.]+) (s|min|h)$", evidence.findings):
        assert (float(low), float(high)) == (measures["risen_from_c"], measures["temperature_c"])
        assert float(time) == duration_of(measures["risen_s"], unit)
    for (count,) in the(r"reports smoke, in readings: (\d+)$", evidence.findings):
        assert int(count) == measures["smoke_readings"]


def bed_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    ((time, unit),) = the(r"^The bed was up for ([\d.]+) (s|min|h)$", evidence.findings)
    assert float(time) == duration_of(measures["up_s"], unit)
    assert ("drove with its bed raised" in change.title.en) is measures["drove"]
    drives = the(
        r"^It drove ([\d.]+) (k?m) in ([\d.]+) (s|min|h) with the bed up, at up to ([\d.]+)", evidence.findings
    )
    assert bool(drives) is measures["drove"]
    for driven, driven_unit, drove_time, drove_unit, peak in drives:
        assert float(driven) == length_of(measures["drove_m"], driven_unit)
        assert float(drove_time) == duration_of(measures["drove_s"], drove_unit)
        assert float(peak) == measures["peak_kmh"]


def duration_of(seconds: Any, unit: str) -> float:
    return float(f"{seconds / 3600:.1f}") if unit == "h" else float(f"{seconds / {'s': 1, 'min': 60}[unit]:.0f}")


def length_of(metres: Any, unit: str) -> float:
    return float(f"{metres / 1000:.1f}" if unit == "km" else f"{metres:.0f}")


CHECKS = {
    "illegal_dumping": dumping_agrees,
    "route_deviation": deviation_agrees,
    "bin_overflow": overflow_agrees,
    "silent_device": silence_agrees,
    "unknown_plate": plate_agrees,
    "device_clock": clock_agrees,
    "device_datum": datum_agrees,
    "cannot_be_judged": judgeability_agrees,
    "uncovered_load": uncovered_agrees,
    "stopped_loaded": stop_agrees,
    "speeding": speeding_agrees,
    "bin_fire": fire_agrees,
    "bed_raised_outside": bed_agrees,
}


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
    changes = judged(rules or build_rules(), *readings, quiet_s=2400)
    sent = {(reading.device_id, str(reading.kind), reading.ts): reading for row in readings for reading in row}
    for change in changes:
        agrees(change, sent)
    return changes


def test_every_rule_has_its_check() -> None:
    assert CHECKS.keys() >= {entry.name for entry in CATALOGUE}


@settings(max_examples=60)
@given(st.lists(_steps, max_size=25), st.sampled_from([1.5, 7, 9.6, 10, 30]))
def test_trips(steps: list[tuple[str, Any]], every_s: float) -> None:
    check(told(steps, every_s).readings)


@settings(max_examples=60)
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


@settings(max_examples=60)
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
