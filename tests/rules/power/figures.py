"""The figures: how many detours are found and how soon, and how many alerts honest drives raise."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import quantiles
from typing import Final, NamedTuple

import numpy as np

from rules.catalogue import build_rules
from rules.detectors.route_deviation.judgement import RouteDeviation
from rules.engine.reorder_buffer import WINDOW_MS
from tests.rules.power.detours import Detour
from tests.rules.power.drives import Drive, line_of
from tests.rules.power.fleet import Told, Truck, judge, standing_alerts
from tests.rules.power.terminals import T0_MS, Noise, Terminal, reports

_BEFORE_MS: Final = 60_000
_AFTER_MS: Final = 600_000
"""An alert is about a detour if it begins at most so long before, and after its end."""
_SPEAKS_OF_DRIVES: Final = ("route_deviation", "illegal_dumping", "stopped_loaded")
_TOGETHER: Final = 100
"""Trucks of one engine."""


class Power(NamedTuple):
    found: int
    of: int
    twice: int
    """With more than one alert."""
    late_s: list[float]
    """Of each: seconds from the deciding reading to the alert, beyond the wait for readings in order (30 s at most)."""
    after_s: list[float]
    """Of each: seconds from leaving the route to the deciding reading."""

    @property
    def share_pct(self) -> float:
        return 100 * self.found / max(self.of, 1)

    def told(self) -> str:
        if len(self.late_s) < 2:
            return ""
        late, after = quantiles(self.late_s, n=10), quantiles(self.after_s, n=10)
        return f"decided {after[4]:.0f} s (p90 {after[8]:.0f}), told {late[4]:.0f} s (p90 {late[8]:.0f}) later"


def power(
    cases: Sequence[Detour],
    terminal: Terminal,
    noise: Noise,
    seed: int,
    *,
    rule: str = "route_deviation",
    **fields: object,
) -> Power:
    """How many of these the rule finds."""
    found = twice = 0
    late_s, after_s = list[float](), list[float]()
    for first in range(0, len(cases), _TOGETHER):
        part = cases[first : first + _TOGETHER]
        dice = np.random.default_rng([seed, first])
        trucks = [
            Truck(reports(f"T{n}", case.places, terminal, noise, dice, **fields), case.route, terminal.interval_s)
            for n, case in enumerate(part)
        ]
        alerts = standing_alerts(judge(trucks, [RouteDeviation()]))
        for n, case in enumerate(part):
            own = sorted(_about(f"T{n}", case, alerts.values(), rule), key=lambda steps: steps[0].at)
            found += bool(own)
            twice += len(own) > 1
            if own:
                change, at = own[0][0]
                late_s.append((at - change.at - WINDOW_MS) / 1000)
                after_s.append((change.at - T0_MS) / 1000 - case.start_s)
    return Power(found, len(cases), twice, late_s, after_s)


def _about(truck: str, case: Detour, alerts: Iterable[list[Told]], rule: str) -> Iterator[list[Told]]:
    for steps in alerts:
        change = steps[0].change
        since_ms, until_ms = T0_MS + case.start_s * 1000 - _BEFORE_MS, T0_MS + case.end_s * 1000 + _AFTER_MS
        if (change.rule, change.subject) == (rule, truck) and since_ms <= change.opened_at <= until_ms:
            yield steps


class Quietness(NamedTuple):
    hours: float
    alerts: list[Told]
    """First step of each alert that a drive gave no reason for."""

    def told(self) -> str:
        return f"{len(self.alerts)} in {self.hours:.0f} h"


def quietness(drives: Sequence[Drive], terminal: Terminal, noise: Noise, seed: int, **fields: object) -> Quietness:
    """What honest drives raise, with their own track as the approved route and all rules on."""
    alerts = list[Told]()
    for first in range(0, len(drives), _TOGETHER):
        part = drives[first : first + _TOGETHER]
        dice = np.random.default_rng([seed, first])
        trucks = [
            Truck(
                reports(f"T{n}", drive.places, terminal, noise, dice, **fields),
                line_of(drive.places),
                terminal.interval_s,
            )
            for n, drive in enumerate(part)
        ]
        told = judge(trucks, build_rules())
        alerts += [steps[0] for steps in told.values() if steps[0].change.rule in _SPEAKS_OF_DRIVES]
    return Quietness(sum(drive.seconds for drive in drives) / 3600, alerts)
