"""Tallies as figures: shares with their intervals, delays, and how each stands to its target."""

from collections.abc import Iterable
from enum import StrEnum
from statistics import quantiles
from typing import Any, Final

from haulwatch.evaluation.baselines import BASELINES
from haulwatch.evaluation.intervals import Interval, implied_precision, rate_bound, wilson
from haulwatch.evaluation.matching import Tally
from haulwatch.evaluation.run import OF_LINES, OF_POINTS, Figures, Request
from haulwatch.evaluation.targets import Target, target

SIMULATED: Final = "simulated"
FIELD_INCIDENTS_PER_TRUCK_DAY: Final = 10_000 * 0.009 / (8_888 * 365)
"""Of some 10,000 suspicions a year about 8,888 waste trucks of a national GPS platform 0.9 % were verified: 2.8e-5
incidents per truck-day that somebody confirmed. The true rate is unknown, and higher."""


class Standing(StrEnum):
    """How a figure stands to its target."""

    MET = "met"
    """The whole 95 % interval is on the right side."""
    OPEN = "open"
    """The figure meets it, its interval does not: too few cases to know."""
    MISSED = "missed"
    NONE = "none"
    """There is no figure."""


class Row:
    """The figures of one rule, or baseline, in one tier."""

    def __init__(self, name: str, tally: Tally, aim: Target, incidents_per_day: float) -> None:
        self.name, self.tally, self.target = name, tally, aim
        told = tally.found + tally.false_alarms
        self.recall = tally.found / tally.incidents if tally.incidents else None
        self.recall_interval = wilson(tally.found, tally.incidents)
        self.precision = tally.found / told if told else None
        self.precision_interval = wilson(tally.found, told)
        self.delay_s, self.delay_p90_s = _median_and_p90(tally.delays_s)
        after = [delay - held for delay, held in zip(tally.delays_s, tally.held_s, strict=True)]
        self.after_hold_s = _median_and_p90(after)[0]
        self.confirmed_s = _median_and_p90(tally.confirmed_s)[0]
        self.false_per_day = tally.false_alarms / tally.device_days if tally.device_days else None
        self.false_bound = rate_bound(tally.false_alarms, tally.device_days)
        self.implied: float | None = None
        self.implied_least: float | None = None
        of_trucks = name not in (*OF_POINTS, *OF_LINES)  # the base rate is one of trucks
        if of_trucks and self.recall is not None and self.false_per_day is not None and self.false_bound is not None:
            self.implied = implied_precision(self.recall, self.false_per_day, incidents_per_day)
            self.implied_least = implied_precision(self.recall, self.false_bound, incidents_per_day)

    @property
    def recall_standing(self) -> Standing:
        return _at_least(self.recall, self.recall_interval, self.target.recall)

    @property
    def precision_standing(self) -> Standing:
        return _at_least(self.precision, self.precision_interval, self.target.precision)

    @property
    def delay_standing(self) -> Standing:
        """By the median; no interval is worked out."""
        delay_s = self.after_hold_s if self.target.after_hold else self.delay_s
        if delay_s is None:
            return Standing.NONE
        confirms = self.target.confirmed_s is None or self.confirmed_s is None
        late = not confirms and (self.confirmed_s or 0.0) > (self.target.confirmed_s or 0.0)
        return Standing.MISSED if delay_s > self.target.delay_s or late else Standing.MET

    @property
    def false_standing(self) -> Standing:
        if self.false_per_day is None or self.false_bound is None:
            return Standing.NONE
        if self.false_per_day > self.target.false_per_day:
            return Standing.MISSED
        return Standing.MET if self.false_bound <= self.target.false_per_day else Standing.OPEN

    def as_json(self) -> dict[str, Any]:
        tally, aim = self.tally, self.target
        return {
            "incidents": tally.incidents,
            "found": tally.found,
            "recall": _rounded(self.recall),
            "recall_95": _pair(self.recall_interval),
            "precision": _rounded(self.precision),
            "precision_95": _pair(self.precision_interval),
            "delay_s": {
                "median": _rounded(self.delay_s, 1),
                "p90": _rounded(self.delay_p90_s, 1),
                "median_after_hold": _rounded(self.after_hold_s, 1),
                "median_confirmed": _rounded(self.confirmed_s, 1),
            },
            "confirmed": len(tally.confirmed_s),
            "duplicates": tally.duplicates,
            "withdrawn": tally.withdrawn,
            "about_others": tally.about_others,
            "without_sensor": tally.unseen,
            "false_alarms": tally.false_alarms,
            "device_days": tally.device_days,
            "false_per_day": _rounded(self.false_per_day, 5),
            "false_per_day_bound_95": _rounded(self.false_bound, 5),
            "implied_precision": _rounded(self.implied, 5),
            "implied_precision_at_least": _rounded(self.implied_least, 5),
            "targets": {
                "recall": {"at_least": aim.recall, "standing": self.recall_standing},
                "precision": {"at_least": aim.precision, "standing": self.precision_standing},
                "delay_s": {
                    "median_at_most": aim.delay_s,
                    "after_hold": aim.after_hold,
                    "confirmed_at_most": aim.confirmed_s,
                    "standing": self.delay_standing,
                },
                "false_per_day": {"at_most": aim.false_per_day, "standing": self.false_standing},
            },
            "found_by_behaviour": {
                name: [tally.found_by_behaviour[name], count] for name, count in sorted(tally.by_behaviour.items())
            },
            "examples": tally.examples,
        }


def rows(figures: Figures, incidents_per_day: float) -> tuple[list[Row], list[Row]]:
    """Rows of the rules and of the baselines of one tier."""
    of_rules = [
        Row(name, tally, target(name, figures.tier), incidents_per_day) for name, tally in figures.rules.items()
    ]
    of_baselines = [
        Row(baseline.name, figures.baselines[baseline.name], target(baseline.rule, figures.tier), incidents_per_day)
        for baseline in BASELINES
        if baseline.name in figures.baselines
    ]
    return of_rules, of_baselines


def figures_as_json(request: Request, tiers: Iterable[Figures], incidents_per_day: float) -> dict[str, Any]:
    """Everything as one JSON value."""
    result: dict[str, Any] = {}
    for figures in tiers:
        of_rules, of_baselines = rows(figures, incidents_per_day)
        result[figures.tier] = {
            "truck_days": figures.truck_days,
            "rules": {row.name: row.as_json() for row in of_rules},
            "baselines": {row.name: row.as_json() for row in of_baselines},
        }
    return {
        "data": SIMULATED,
        "seed": request.seed,
        "seeds": "tuning" if request.tuning else "reporting",
        "incidents_per_truck_day_assumed": incidents_per_day,
        "tiers": result,
    }


def _at_least(value: float | None, interval: Interval | None, aim: float) -> Standing:
    if value is None or interval is None:
        return Standing.NONE
    if value < aim:
        return Standing.MISSED
    return Standing.MET if interval.low >= aim else Standing.OPEN


def _median_and_p90(values: list[float]) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    if len(values) == 1:
        return values[0], values[0]
    deciles = quantiles(values, n=10, method="inclusive")
    return deciles[4], deciles[8]


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(interval.low, 4), round(interval.high, 4)]
