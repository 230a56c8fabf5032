"""Figures that take runs of their own: a threshold moved, and detours of one distance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from haulwatch.evaluation.alarms import told
from haulwatch.evaluation.matching import Tally, compare
from haulwatch.evaluation.run import Request
from haulwatch.evaluation.workers import workers
from rules.catalogue import build_rules, rule_names
from simulators.trials.detours import stage_detours
from simulators.trials.tiers import tier
from simulators.trials.trial import stage

DUMPING: Final = "illegal_dumping"
DEVIATION: Final = "route_deviation"
THRESHOLDS: Final = tuple(step / 2 for step in range(-6, 13))
"""Scores, log-odds."""
_LOWEST: Final = -3.5
_NEVER: Final = 50.0
_TRIALS: Final = 3
"""Of each tier: some 70 truck-days with dumps only."""
INTERVALS_S: Final = (5, 10, 15, 30, 60)
ASIDE_M: Final = (50.0, 75.0, 100.0, 130.0, 170.0, 220.0, 300.0, 400.0, 600.0)


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold, or one distance: what was found, and of what."""

    at: float
    found: int
    of: int
    false_alarms: int = 0

    @property
    def recall(self) -> float | None:
        return self.found / self.of if self.of else None

    @property
    def precision(self) -> float | None:
        told_of = self.found + self.false_alarms
        return self.found / told_of if told_of else None


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What the plots need beyond the figures; nothing of a rule that was not asked for."""

    thresholds: Mapping[str, Sequence[Point]]
    """By tier: dumps found, and false alarms, if people were told from each score on."""
    detours: Mapping[int, Sequence[Point]]
    """By seconds between fixes: detours found, by metres beside the route."""


def sweep(request: Request, processes: int, on_run: Callable[[], None] = lambda: None) -> Sweeps:
    """Run both. `on_run` is called `runs_of_sweeps` times."""
    scores = _dumping_by_threshold(request, processes, on_run) if DUMPING in request.reported_rules else {}
    return Sweeps(scores, _deviation_power(request, processes, on_run) if DEVIATION in request.reported_rules else {})


def runs_of_sweeps(request: Request) -> int:
    scored = len(request.tiers) * _trials(request) if DUMPING in request.reported_rules else 0
    return scored + (len(INTERVALS_S) * len(ASIDE_M) if DEVIATION in request.reported_rules else 0)


def score_in_force(request: Request) -> float:
    """The score from which people are told of a suspected dump."""
    rule = next(rule for rule in build_rules(_parameters(request)) if rule.name == DUMPING)
    return float(rule.parameters.model_dump()["suspected_score"])


def _dumping_by_threshold(request: Request, processes: int, on_run: Callable[[], None]) -> dict[str, list[Point]]:
    """By tier: dumps found, and false alarms, if people were told from each score on.

    Each alert counts by the highest score that it showed.
    """
    jobs = [(name, number) for name in request.tiers for number in range(_trials(request))]
    found = _parallel(_scored, [(request, *job) for job in jobs], processes, on_run)
    points: dict[str, list[Point]] = {}
    for name in request.tiers:
        tallies = [by_threshold for (of, _), by_threshold in zip(jobs, found, strict=True) if of == name]
        points[name] = []
        for index, threshold in enumerate(THRESHOLDS):
            total = Tally()
            for by_threshold in tallies:
                total.add(by_threshold[index])
            points[name].append(Point(threshold, total.found, total.incidents, total.false_alarms))
    return points


def _deviation_power(request: Request, processes: int, on_run: Callable[[], None]) -> dict[int, list[Point]]:
    """By seconds between fixes: detours found, by how far they are beside the route."""
    jobs = [(request, interval_s, aside_m) for interval_s in INTERVALS_S for aside_m in ASIDE_M]
    found = _parallel(_detours, jobs, processes, on_run)
    points: dict[int, list[Point]] = {interval_s: [] for interval_s in INTERVALS_S}
    for (_, interval_s, aside_m), tally in zip(jobs, found, strict=True):
        points[interval_s].append(Point(aside_m, tally.found, tally.incidents, tally.false_alarms))
    return points


def _parameters(request: Request) -> dict[str, Mapping[str, Any]]:
    """Parameters of the whole city, by rule."""
    return {rule: request.rule_set.overlaid(rule, ()).parameters for rule in rule_names()}


def _trials(request: Request) -> int:
    return min(_TRIALS, request.trials)


def _scored(job: tuple[Request, str, int]) -> list[Tally]:
    """Tallies of one trial at each threshold."""
    request, name, number = job
    noise = tier(name)
    trial = stage(noise, f"{request.seed}|threshold", number, frozenset({DUMPING}))
    parameters = _parameters(request)
    low = {
        **parameters[DUMPING],
        "suspected_score": _LOWEST,
        "unsensed_score": _LOWEST,
        "confirmed_score": _NEVER,
    }
    rules = [rule for rule in build_rules({**parameters, DUMPING: low}) if rule.name == DUMPING]
    alarms = told(trial, rules)
    dumps = [incident for incident in trial.incidents if incident.rule == DUMPING]
    tallies = []
    for threshold in THRESHOLDS:
        shown = [alarm for alarm in alarms if alarm.scores and alarm.scores[0] >= threshold]
        tallies.append(compare(dumps, shown, trial.clocks_ms, noise.lacks, name).get(DUMPING, Tally()))
    return tallies


def _detours(job: tuple[Request, int, float]) -> Tally:
    request, interval_s, aside_m = job
    trial = stage_detours(aside_m, interval_s, str(request.seed))
    rules = [rule for rule in build_rules(_parameters(request)) if rule.name == DEVIATION]
    compared = compare(trial.incidents, told(trial, rules), {}, frozenset(), f"{aside_m:g} m")
    return compared.get(DEVIATION, Tally())


def _parallel(work: Callable[[Any], Any], jobs: Sequence[Any], processes: int, on_run: Callable[[], None]) -> list[Any]:
    """Results in the order of the jobs."""
    results = []
    if processes <= 1:
        for job in jobs:
            results.append(work(job))
            on_run()
        return results
    with workers(processes) as pool:
        for result in pool.map(work, jobs):
            results.append(result)
            on_run()
    return results
