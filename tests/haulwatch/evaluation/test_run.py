"""Small runs end to end: labels stay with whoever counts, equal seeds give equal figures, the front door answers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from typer.testing import CliRunner

from haulwatch.cli import command_line
from haulwatch.evaluation import run
from haulwatch.evaluation.alarms import Alarm, told
from haulwatch.evaluation.matching import Tally
from haulwatch.evaluation.run import Request, WrongSeed, check_seed, evaluate, run_trial
from haulwatch.evaluation.summary import Standing, figures_as_json, rows
from rules.catalogue import build_rules
from simulators.trials.tiers import tier
from simulators.trials.trial import Trial, stage

RULES = ("illegal_dumping", "route_deviation", "bed_raised_outside")


@cache
def short_trial() -> Trial:
    """The first hours of six trucks: enough for a few incidents."""
    trial = stage(tier("clean"), "2", 0, frozenset(RULES))
    trucks = {f"truck-{n:03}" for n in range(1, 7)}
    until_ms = trial.arrivals[0].received_ms + 3 * 3_600_000
    arrivals = [one for one in trial.arrivals if one.received_ms < until_ms and one.reading.device_id in trucks]
    return replace(trial, arrivals=arrivals)


def key(alarms: Sequence[Alarm]) -> list[tuple[str, str, int, int]]:
    return sorted((alarm.rule, alarm.subject, alarm.onset_ms, alarm.told_ms) for alarm in alarms)


@pytest.mark.long
def test_judgement_never_reads_a_label() -> None:
    """The same readings with no label at all, and with wrong ones, lead to the same alarms."""
    trial = short_trial()
    wrong = tuple(replace(incident, rule="bin_fire", subject="truck-001") for incident in trial.incidents)
    alarms = key(told(trial, build_rules()))
    assert alarms
    assert alarms == key(told(replace(trial, incidents=(), clocks_ms={}), build_rules()))
    assert alarms == key(told(replace(trial, incidents=wrong), build_rules()))


@pytest.mark.long
def test_a_clean_trial_finds_what_it_staged_and_says_nothing_else() -> None:
    request = Request(("clean",), RULES, seed=2, truck_days=24, tuning=True)
    figures = run_trial(request, "clean", 0)
    for name in RULES:
        tally = figures.rules[name]
        assert tally.incidents >= 3
        assert (tally.found, tally.false_alarms, tally.unseen) == (tally.incidents, 0, 0), tally.examples
        assert all(0 < delay < 300 for delay in tally.delays_s)
    assert figures.truck_days == 24
    stops = figures.baselines["stop_3min"]
    assert stops.incidents == figures.rules["illegal_dumping"].incidents
    assert stops.false_alarms > 0


def test_figures_do_not_depend_on_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are added up in their order, whichever ends first."""
    request = Request(("clean", "cheap"), ("illegal_dumping",), seed=1, truck_days=48)
    calls = []

    def one(request: Request, name: str, number: int) -> run.Figures:
        calls.append((name, number))
        figures = run.Figures(name, truck_days=24)
        figures.rules["illegal_dumping"] = Tally(incidents=1, found=1, delays_s=[float(number)], held_s=[0.0])
        return figures

    monkeypatch.setattr(run, "run_trial", one)
    figures = evaluate(request, 1)
    assert [one.tier for one in figures] == ["clean", "cheap"]
    assert [one.rules["illegal_dumping"].delays_s for one in figures] == [[0.0, 1.0], [0.0, 1.0]]
    assert sorted(calls) == [("cheap", 0), ("cheap", 1), ("clean", 0), ("clean", 1)]


@pytest.mark.parametrize(("seed", "tuning"), [(2, False), (1, True), (0, False), (-1, False), (-2, True)])
def test_a_seed_of_the_other_set_is_refused(seed: int, tuning: bool) -> None:
    with pytest.raises(WrongSeed, match="--seed"):
        check_seed(seed, tuning=tuning)


def test_seeds_of_their_own_set_are_taken() -> None:
    check_seed(1, tuning=False)
    check_seed(2, tuning=True)


def test_figures_say_that_they_are_simulated_and_which_seeds_they_used() -> None:
    request = Request(("clean",), ("illegal_dumping",), seed=1, truck_days=24)
    figures = run.Figures("clean", truck_days=1500)
    tally = Tally(incidents=200, found=200, device_days=1500, delays_s=[50.0] * 200, held_s=[0.0] * 200)
    tally.confirmed_s = [170.0] * 200
    figures.rules["illegal_dumping"] = tally
    result = figures_as_json(request, [figures], 2.8e-5)
    assert (result["data"], result["seeds"]) == ("simulated", "reporting")
    row = rows(figures, 2.8e-5)[0][0]
    assert row.recall_standing is Standing.MET  # 200 of 200: at least 0.981
    assert row.false_standing is Standing.MET  # none in 1,500: at most 0.002
    assert row.delay_standing is Standing.MET
    tally.confirmed_s = [181.0] * 200
    assert rows(figures, 2.8e-5)[0][0].delay_standing is Standing.MISSED
    tally.incidents = 210
    assert rows(figures, 2.8e-5)[0][0].recall_standing is Standing.MISSED  # 95.2 %


def test_a_figure_that_meets_its_target_by_luck_is_called_open() -> None:
    figures = run.Figures("clean", truck_days=24)
    figures.rules["illegal_dumping"] = Tally(incidents=10, found=10, device_days=24)
    row = rows(figures, 2.8e-5)[0][0]
    assert (row.recall_standing, row.false_standing) == (Standing.OPEN, Standing.OPEN)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--tier", "muddy"], "no tier muddy"),
        (["--rule", "no_such"], "no rule no_such"),
        (["--seed", "2"], "even seeds are for tuning"),
    ],
)
def test_a_wrong_option_gets_the_choices(options: list[str], complaint: str) -> None:
    result = CliRunner().invoke(command_line(["evaluate"]), ["evaluate", *options])
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())


@pytest.mark.long
def test_the_command_prints_json() -> None:
    """A whole trial through the front door, and the same figures again from another process."""
    options = ["--tier", "cheap", "--rule", "route_deviation", "--truck-days", "1", "--seed", "3", "--json"]
    runner = CliRunner()
    first = runner.invoke(command_line(["evaluate"]), ["evaluate", *options, "--processes", "1"])
    second = runner.invoke(command_line(["evaluate"]), ["evaluate", *options, "--processes", "2"])
    assert first.exit_code == second.exit_code == 0, first.output
    result = json.loads(first.stdout)
    assert result == json.loads(second.stdout)
    figures = result["tiers"]["cheap"]["rules"]["route_deviation"]
    assert figures["incidents"] > 5
    assert set(result["tiers"]["cheap"]["baselines"]) == {"one_fix_50m", "off_3min_lock_2h"}
