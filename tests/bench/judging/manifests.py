"""What manifests cost the judge: the same trips judged with and without them, in turn, in CPU per position."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from devices.readings.models import ManifestAction, Position, Reading
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.bench import BenchFailed
from tests.rules.manifests.trips import honest_trip
from tests.rules.town import TRUCKS, Trip, in_time, town

_ROUND_S: Final = 3_400.0
_ROUNDS: Final = 12
_SLICE: Final = 50
"""Readings that one judge takes before the other has its turn."""
_WARM: Final = 2
"""First rounds that are judged and not counted."""


@dataclass(frozen=True)
class ManifestCost:
    """CPU per position, in microseconds: the median of rounds that were judged in turn."""

    without_us: float
    with_us: float
    more_pct: float
    """Median over the rounds of what a round with manifests takes more."""
    positions: int
    closed: int
    """Manifests that closed; all of them, or the stage fails."""


def judge_manifests(rounds: int = _ROUNDS) -> ManifestCost:
    """Each truck hauls one load a round, with a manifest that is issued, confirmed, and closes. Raises BenchFailed."""
    with_papers, without = _engine(), _engine()
    spent: list[tuple[float, float]] = []
    positions, closed = 0, set[str]()
    for n in range(rounds):
        full, took = _round(n), [0.0, 0.0]
        for place, begin in enumerate(range(0, len(full), _SLICE)):
            part = full[begin : begin + _SLICE]
            bare = [reading for reading in part if not isinstance(reading, ManifestAction)]
            for which in (0, 1) if place % 2 else (1, 0):
                took[which] += _judge(with_papers, part) if which else _judge(without, bare)
        found = with_papers.take_moved_manifests()
        closed |= {one.manifest.number for one in found if one.manifest.state == "closed"}
        if n >= _WARM:
            count = sum(isinstance(reading, Position) for reading in full)
            positions += count
            spent.append((took[0] / count * 1e6, took[1] / count * 1e6))
    if len(closed) < TRUCKS * (rounds - 1):
        raise BenchFailed(f"only {len(closed)} of {TRUCKS * rounds} manifests closed")
    middle = len(spent) // 2
    more = sorted(100 * (with_us / without_us - 1) for without_us, with_us in spent)[middle]
    without_us, with_us = (sorted(one[which] for one in spent)[middle] for which in (0, 1))
    return ManifestCost(round(without_us, 2), round(with_us, 2), round(more, 1), positions, len(closed))


def _engine() -> RuleEngine:
    return RuleEngine(town(), build_rules())


def _round(n: int) -> list[Reading]:
    rows: list[Sequence[Reading]] = []
    for truck in range(1, TRUCKS + 1):
        trip = honest_trip(f"T{truck}", at_s=n * _ROUND_S, first_no=1 + 10 * n)
        left_s = (trip[-1].ts - trip[0].ts) / 1000 + n * _ROUND_S
        back = Trip(f"T{truck}", 5_000, 0, at_s=left_s, load="empty").drive(0, 0)
        rows += [trip, back.stand((n + 1) * _ROUND_S - back.now_s - 10).readings]
    return in_time(*rows)


def _judge(engine: RuleEngine, readings: Sequence[Reading]) -> float:
    """CPU seconds."""
    began = time.process_time()
    for reading in readings:
        engine.receive(reading.ts)
        engine.judge(reading)
    return time.process_time() - began
