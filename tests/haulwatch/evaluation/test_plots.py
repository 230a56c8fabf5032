"""Plots and what they are drawn of."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from devices.readings.models import Position
from haulwatch.evaluation.matching import Tally
from haulwatch.evaluation.run import Figures, Request
from haulwatch.evaluation.sweeps import ASIDE_M, INTERVALS_S, THRESHOLDS, Point, Sweeps, runs_of_sweeps, score_in_force
from rules.rule_sets.model import Change, RuleSet
from simulators.trials.detours import TRUCKS, stage_detours

REQUEST = Request(("clean", "cheap"), (), seed=1, truck_days=24)
PNG = b"\x89PNG\r\n\x1a\n"


def figures() -> list[Figures]:
    made = []
    for name in REQUEST.tiers:
        one = Figures(name, 24)
        one.rules["illegal_dumping"] = Tally(incidents=4, found=3, delays_s=[50.0, 70.0, 4_000.0], held_s=[0.0] * 3)
        one.rules["bin_fire"] = Tally()
        made.append(one)
    return made


def test_a_point_without_alarms_has_no_precision() -> None:
    assert Point(0.0, 0, 5).precision is None
    assert Point(0.0, 3, 5, 1).precision == 0.75
    assert Point(0.0, 3, 5, 1).recall == 0.6
    assert Point(0.0, 0, 0).recall is None


def test_the_score_in_force_is_that_of_the_rule_set() -> None:
    own = RuleSet({"illegal_dumping": Change({"suspected_score": 0.5})})
    assert (score_in_force(REQUEST), score_in_force(replace(REQUEST, rule_set=own))) == (0.0, 0.5)
    assert 0.0 in THRESHOLDS


def test_only_what_was_asked_for_is_swept() -> None:
    assert runs_of_sweeps(REQUEST) == 2 + len(INTERVALS_S) * len(ASIDE_M)
    assert runs_of_sweeps(Request(("clean",), ("bin_fire",), 1, 24)) == 0


def test_detours_are_the_same_at_every_interval_and_as_far_aside_as_asked() -> None:
    often, seldom = stage_detours(220.0, 10, "2"), stage_detours(220.0, 60, "2")
    assert often.incidents == seldom.incidents
    assert len(often.incidents) >= 8 * TRUCKS
    city, aside = often.city, []
    for one in often.arrivals:
        own = [incident for incident in often.incidents if incident.subject == one.reading.device_id]
        on_detour = any(incident.start_ms <= one.reading.ts <= incident.end_ms for incident in own)
        if on_detour and isinstance(one.reading, Position):
            place = city.plane.xy(one.reading)
            routes = city.routes_of(city.devices[one.reading.device_id].vehicle_id or "", one.reading.ts)
            aside.append(min(city.geometry.route_offset(route, place).distance_m for route in routes))
    aside.sort()
    assert 190 < aside[len(aside) // 2] < 240  # half of the fixes on a detour are as far out as it goes
    assert aside[-1] < 300


def test_plots_are_pictures_with_or_without_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    plots = import_module("haulwatch.evaluation.plots")

    points = [Point(at, 3, 4, 1) for at in (-1.0, 0.0, 1.0)]
    sweeps = Sweeps({"clean": points, "cheap": [Point(-3.0, 1, 4)]}, {10: [Point(75.0, 3, 60), Point(100.0, 60, 60)]})
    monkeypatch.setattr(plots, "chinese_font", lambda: None)
    drawn = plots.draw(REQUEST, figures(), tmp_path / "new", sweeps, 0.0)
    assert [path.name for path in drawn] == [
        "delay_recall.png",
        "illegal_dumping_threshold.png",
        "route_deviation_power.png",
    ]
    assert all(path.read_bytes().startswith(PNG) and path.stat().st_size > 10_000 for path in drawn)
    nothing = plots.draw(REQUEST, figures(), tmp_path, Sweeps({}, {}), 0.0)
    assert [path.name for path in nothing] == ["delay_recall.png"]
