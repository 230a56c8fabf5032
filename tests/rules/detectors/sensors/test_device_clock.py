"""Stories of clocks that are off: which of them is said to be wrong, beside this machine and the other devices."""

from collections.abc import Mapping
from random import Random

import pytest
from msgspec import structs

from devices.readings.models import Reading
from rules.alerts.model import Phase
from rules.detectors.device_clock.judgement import DeviceClock
from rules.engine.engine import RuleEngine
from tests.rules.town import POINTS, fills, town

NAMES = [f"P{n:02}" for n in range(1, POINTS + 1)]


def wrong_clocks(offsets_s: Mapping[str, float], *, machine_s: float = 0, delays: Random | None = None) -> set[str]:
    """The points whose clock is said to be wrong after 20 minutes, with a reading each 20 s."""
    arrivals: list[tuple[int, Reading]] = []
    for point, offset_s in offsets_s.items():
        for reading in fills([20.0] * 60, point=point, every_s=20):
            delay_s = delays.uniform(0, 120) if delays is not None and delays.random() < 0.3 else 1.0
            sent = structs.replace(reading, ts=reading.ts + round(offset_s * 1000))
            arrivals.append((reading.ts + round((delay_s + machine_s) * 1000), sent))
    engine = RuleEngine(town(), [DeviceClock()])
    wrong: set[str] = set()
    for at_ms, reading in sorted(arrivals, key=lambda arrival: arrival[0]):
        engine.receive(at_ms)
        for change in engine.judge(reading):
            wrong = wrong - {change.subject} if change.phase is Phase.CLOSED else wrong | {change.subject}
    assert not engine.failures
    return wrong


def spread(rng: Random) -> dict[str, float]:
    """As networks set them: from 90 s behind to 90 s ahead."""
    return {name: -90.0 + 180 * n / (POINTS - 1) for n, name in enumerate(rng.sample(NAMES, POINTS))}


@pytest.mark.parametrize("delayed", [False, True], ids=["in time", "a third up to two minutes under way"])
@pytest.mark.parametrize("seed", range(5))
def test_clocks_within_90_s_of_this_machine_are_right_whatever_the_others_show(seed: int, delayed: bool) -> None:
    rng = Random(seed)
    assert wrong_clocks(spread(rng), delays=rng if delayed else None) == set()


@pytest.mark.parametrize("seed", range(3))
def test_one_that_is_150_s_behind_is_wrong(seed: int) -> None:
    assert wrong_clocks(spread(Random(seed)) | {"P05": -150.0}) == {"P05"}


def test_a_fleet_is_trusted_more_than_a_machine_that_is_far_off() -> None:
    fleet = dict.fromkeys(NAMES, 0.0)
    assert wrong_clocks(fleet, machine_s=3600) == set()
    assert wrong_clocks(fleet | {"P05": -150.0}, machine_s=3600) == {"P05"}
