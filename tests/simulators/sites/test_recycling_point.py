"""The simulated recycling point: when people deposit."""

from itertools import islice
from random import Random

from simulators.sites.recycling_point import Surge, fills

START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def deposits(surge: Surge | None = None) -> tuple[int, int]:
    """The deposits of a day while it is open, in the first twelve hours, and afterwards."""
    closes_ms = START_MS + 12 * HOUR_MS
    readings = fills(
        "point",
        start_ms=START_MS,
        every_s=lambda: 600,
        lon=112.85,
        rng=Random(7),
        is_open=lambda ts: ts < closes_ms,
        surge=surge,
    )
    day = [(fill.ts < closes_ms, fill.deposits or 0) for fill in islice(readings, 2 * 6 * 24)]
    return sum(count for is_open, count in day if is_open), sum(count for is_open, count in day if not is_open)


def test_nobody_deposits_while_it_is_closed() -> None:
    open_, closed = deposits()
    assert open_ > 100
    assert closed == 0


def test_a_surge_knows_no_hours() -> None:
    assert deposits(Surge(START_MS, START_MS + 24 * HOUR_MS, 20.0, 0.1))[1] > 100
