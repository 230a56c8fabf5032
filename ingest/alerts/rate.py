"""The alarm rate: how often alerts called people, in periods of ten minutes, for each operator.

Measures and bounds are those of ISA-18.2 and IEC 62682 (and of EEMUA 191 before them): on average about 1 alarm in ten
minutes is very likely acceptable for an operator; more than 10 are a flood, in which alarms are missed; less than
1 % of all periods should be floods.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from rules.alerts.model import AlertChange, Phase

PERIOD_MS: Final = 600_000
DAY_MS: Final = 86_400_000
ACCEPTABLE: Final = 1
"""Alerts in ten minutes for each operator."""
FLOOD: Final = 10
"""Beyond so many it is a flood."""
_PERIODS: Final = DAY_MS // PERIOD_MS
_GOING_ON: Final = frozenset({Phase.PROVISIONAL, Phase.CONFIRMED})


class Call(NamedTuple):
    """An alert that called people."""

    at: int
    """Wall clock, ms, when it was published."""
    alert_id: str


class AlertLoad(StrEnum):
    """How much the last ten minutes ask of an operator."""

    ACCEPTABLE = "acceptable"
    BUSY = "busy"
    FLOOD = "flood"


class AlertRate(BaseModel):
    """How often alerts called people. An alert that called twice in one period counts once."""

    model_config = ConfigDict(frozen=True)

    operators: int
    called: int = Field(description="Alerts that called people within the last ten minutes")
    per_operator: float = Field(description="The same for each operator")
    load: AlertLoad = Field(description=f"By `per_operator`: at most {ACCEPTABLE}, at most {FLOOD}, more")
    day_average: float = Field(description="Average of the ten-minute periods of the last 24 h, for each operator")
    day_most: float = Field(description="The period with the most")
    day_flood_pct: float = Field(description="Percentage of these periods that were floods; should be below 1")


def calls_people(change: AlertChange) -> bool:
    """True for a change that asks somebody to act; not for an end, or better values of the same incident."""
    return change.phase in _GOING_ON and change.closed_at is None and not change.revised


def alert_rate(calls: Iterable[Call], now: int, operators: int) -> AlertRate:
    """The rate at `now`, ms. Periods end at `now`, so that the last one is whole."""
    periods: list[set[str]] = [set() for _ in range(_PERIODS)]
    for call in calls:
        ago = (now - call.at) // PERIOD_MS
        if 0 <= ago < _PERIODS:
            periods[ago].add(call.alert_id)
    rates = [len(period) / operators for period in periods]
    return AlertRate(
        operators=operators,
        called=len(periods[0]),
        per_operator=round(rates[0], 2),
        load=_load(rates[0]),
        day_average=round(sum(rates) / _PERIODS, 2),
        day_most=round(max(rates), 2),
        day_flood_pct=round(100 * sum(rate > FLOOD for rate in rates) / _PERIODS, 1),
    )


def _load(per_operator: float) -> AlertLoad:
    if per_operator <= ACCEPTABLE:
        return AlertLoad.ACCEPTABLE
    return AlertLoad.BUSY if per_operator <= FLOOD else AlertLoad.FLOOD
