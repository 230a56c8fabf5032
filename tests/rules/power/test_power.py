"""A small part of what `python -m tests.rules.power` measures, with the least shares that must be reached."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.rules.power.detours import Detour, detours, shifted, standing
from tests.rules.power.drives import Drive, bus, car, garbage_trucks, made_up
from tests.rules.power.figures import power, quietness
from tests.rules.power.terminals import QUIET, Noise, Terminal

_COUNT: Final = 60
LEAST: Final = {
    # Seconds beyond 75 m: shares at 10, 30 and 60 s between reports, in per cent.
    (90, 120): (95, 88, 50),
    (120, 180): (99, 98, 85),
}
SHIFTED: Final[dict[tuple[float, float], tuple[int, int, int]]] = {
    # Mean speed of 1 km, 200 m aside. At 60 s two reports must fall into it, as of 90 s they do in every second case.
    (5, 20): (97, 97, 97),
    (20, 40): (97, 90, 70),
    (40, 60): (97, 90, 5),
}


@cache
def drives() -> tuple[Drive, ...]:
    dice = np.random.default_rng(15)
    return tuple(made_up(dice, f"made up {n}", 1800) for n in range(10))


@cache
def lasting(beyond_s: tuple[int, int]) -> Sequence[Detour]:
    return list(detours(drives(), np.random.default_rng(beyond_s[0]), beyond_s, _COUNT))


@pytest.mark.long
@pytest.mark.parametrize("tells", [True, False], ids=["all fields", "place only"])
@pytest.mark.parametrize("beyond_s", LEAST)
def test_detours_are_found(beyond_s: tuple[int, int], tells: bool) -> None:
    shares = [power(lasting(beyond_s), Terminal(every_s, tells), QUIET, 1).share_pct for every_s in (10, 30, 60)]
    assert all(share >= least for share, least in zip(shares, LEAST[beyond_s], strict=True)), shares


@pytest.mark.long
@pytest.mark.parametrize("tells", [True, False], ids=["all fields", "place only"])
@pytest.mark.parametrize("kmh", SHIFTED)
def test_a_kilometre_aside_is_found_at_any_speed(kmh: tuple[float, float], tells: bool) -> None:
    dice = np.random.default_rng(5)
    cases = list(shifted([made_up(dice, f"made up {n}", 3600) for n in range(8)], dice, kmh, _COUNT))
    assert len(cases) == _COUNT
    shares = [power(cases, Terminal(every_s, tells), QUIET, 1).share_pct for every_s in (10, 30, 60)]
    assert all(share >= least for share, least in zip(shares, SHIFTED[kmh], strict=True)), shares


@pytest.mark.long
@pytest.mark.parametrize("tells", [True, False], ids=["all fields", "place only"])
def test_a_loaded_truck_that_stands_aside_is_always_found(tells: bool) -> None:
    dice = np.random.default_rng(4)
    cases = [standing(drive, dice) for drive in drives() * 2]
    for interval_s in (10, 30, 60):
        assert power(cases, Terminal(interval_s, tells), QUIET, 1, load="loaded").share_pct == 100


@pytest.mark.long
@pytest.mark.parametrize("interval_s", [10, 30, 60])
@pytest.mark.parametrize(
    "noise",
    [Noise(), Noise(4.0), Noise(12.0), Noise(30.0), Noise(4.0, drifting_m=30.0)],
    ids=["none", "4 m", "12 m", "30 m", "drifting"],
)
@pytest.mark.parametrize("tells", [True, False], ids=["all fields", "place only"])
def test_honest_drives_raise_nothing(noise: Noise, interval_s: int, tells: bool) -> None:
    """A receiver that drifts by 30 m claims 4 m meanwhile, or nothing."""
    found = quietness(drives(), Terminal(interval_s, tells, lost=0.2), noise, seed=2)
    assert not found.alerts, found.alerts


@pytest.mark.recording
@pytest.mark.long
@pytest.mark.parametrize("interval_s", [1, 15, 30, 60])
@pytest.mark.parametrize("noise", [Noise(), Noise(12.0)], ids=["as driven", "12 m"])
def test_recorded_drives_raise_nothing(recordings: Path, noise: Noise, interval_s: int) -> None:
    real = [bus(recordings), car(recordings)]
    if interval_s >= 30:
        real += garbage_trucks(recordings)[::4]
    found = quietness(real, Terminal(interval_s, tells=False, lost=0.2), noise, seed=3)
    assert not found.alerts, found.alerts
