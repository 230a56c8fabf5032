"""The alarm rate, against figures counted by hand."""

import pytest

from ingest.alerts.rate import AlertLoad, Call, alert_rate, calls_people
from rules.alerts.model import AlertChange, Evidence, Phase, Severity, Text

NOW = 1_790_000_000_000
MINUTE = 60_000


def called(*minutes_ago: float) -> list[Call]:
    return [Call(NOW - round(ago * MINUTE), f"{n:016x}") for n, ago in enumerate(minutes_ago)]


def test_a_quiet_day_is_all_zeros() -> None:
    rate = alert_rate([], NOW, 1)
    assert (rate.called, rate.load, rate.day_average, rate.day_most) == (0, AlertLoad.ACCEPTABLE, 0, 0)


def test_the_last_ten_minutes_are_counted_to_the_millisecond_and_shared_among_operators() -> None:
    calls = [*called(0, 5), Call(NOW - 10 * MINUTE + 1, "c"), Call(NOW - 10 * MINUTE, "d"), Call(NOW + 1, "e")]
    rate = alert_rate(calls, NOW, 2)
    assert (rate.operators, rate.called, rate.per_operator) == (2, 3, 1.5)


def test_an_alert_that_calls_twice_in_a_period_counts_once_and_in_each_period() -> None:
    calls = [Call(NOW, "a"), Call(NOW - MINUTE, "a"), Call(NOW - 35 * MINUTE, "a")]
    rate = alert_rate(calls, NOW, 1)
    assert rate.called == 1
    assert rate.day_average == round(2 / 144, 2)


@pytest.mark.parametrize(
    ("alerts", "operators", "load"),
    [
        (1, 1, AlertLoad.ACCEPTABLE), (2, 1, AlertLoad.BUSY), (10, 1, AlertLoad.BUSY), (11, 1, AlertLoad.FLOOD),
        (3, 3, AlertLoad.ACCEPTABLE), (31, 3, AlertLoad.FLOOD), (30, 3, AlertLoad.BUSY),
    ],
)  # fmt: skip
def test_more_than_ten_for_each_operator_are_a_flood(alerts: int, operators: int, load: AlertLoad) -> None:
    assert alert_rate(called(*[1] * alerts), NOW, operators).load is load


def test_the_day_has_its_average_its_worst_period_and_its_share_of_floods() -> None:
    # 12 and 24 alerts in two of 144 periods, 36 in a period of the day before, which is out.
    calls = called(*[15] * 12, *[700] * 24, *[1_441] * 36)
    rate = alert_rate(calls, NOW, 1)
    assert (rate.called, rate.day_most, rate.day_average, rate.day_flood_pct) == (0, 24, 0.25, 1.4)


@pytest.mark.parametrize(
    ("phase", "closed_at", "revised", "calls"),
    [
        (Phase.PROVISIONAL, None, False, True),
        (Phase.CONFIRMED, None, False, True),
        (Phase.CONFIRMED, None, True, False),
        (Phase.CLOSED, NOW, False, False),
        (Phase.AMENDED, NOW, False, False),
    ],
)
def test_what_asks_somebody_to_act_is_a_call(phase: Phase, closed_at: int | None, revised: bool, calls: bool) -> None:
    change = AlertChange(
        alert_id="a", revision=1, rule="bin_fire", rule_version=1, subject="P01", phase=phase, severity=Severity.P1,
        at=NOW, opened_at=NOW, closed_at=closed_at, title=Text(en="x", zh="x"), evidence=Evidence(parameters={}),
        revised=revised,
    )  # fmt: skip
    assert calls_people(change) is calls
