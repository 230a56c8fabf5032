"""Intervals against published figures, and against sums worked out by hand."""

import math

import pytest

from haulwatch.evaluation.intervals import implied_precision, rate_bound, wilson

NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
"""Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3 (score, no continuity correction)."""


@pytest.mark.parametrize(("found", "of", "low", "high"), NEWCOMBE)
def test_wilson_gives_the_published_intervals(found: int, of: int, low: float, high: float) -> None:
    interval = wilson(found, of)
    assert interval is not None
    assert interval == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_all_is_the_mirror_of_none() -> None:
    none, every = wilson(0, 20), wilson(20, 20)
    assert none is not None
    assert every is not None
    assert (every.low, every.high) == pytest.approx((1 - none.high, 1.0))


def test_there_is_no_share_of_nothing() -> None:
    assert wilson(0, 0) is None
    assert rate_bound(0, 0) is None


@pytest.mark.parametrize(("events", "bound"), [(0, 2.9957), (1, 4.7439), (2, 6.2958), (10, 16.9622)])
def test_the_bound_of_a_rate_is_the_published_one(events: int, bound: float) -> None:
    """Garwood's exact limits: half the 95 % quantile of chi-square with 2 (events + 1) degrees of freedom."""
    assert rate_bound(events, 1.0) == pytest.approx(bound, abs=5e-4)


def test_the_bound_holds_for_many_events_too() -> None:
    """By Wilson and Hilferty's approximation of the chi-square quantile: 812 (1 - 1/7308 + 1.6449/85.49)^3 = 859.4."""
    assert rate_bound(811, 1.0) == pytest.approx(859.4, abs=0.5)


def test_zero_false_alarms_in_1500_truck_days_prove_two_in_a_thousand() -> None:
    assert rate_bound(0, 1500) == pytest.approx(-math.log(0.05) / 1500)
    assert rate_bound(0, 1500) == pytest.approx(0.002, abs=5e-6)


def test_a_rare_incident_makes_a_good_rule_look_bad() -> None:
    """One incident in 1,000 truck-days, all found, one false alarm in 500: of three alerts one is right."""
    assert implied_precision(1.0, 0.002, 0.001) == pytest.approx(1 / 3)
    assert implied_precision(0.5, 0.0, 0.001) == 1.0
    assert implied_precision(0.0, 0.0, 0.001) is None
