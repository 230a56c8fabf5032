"""Device time catches up with the wall clock and never passes it."""

import pytest

from simulators.firmware.clock import ScenarioClock

NOW_MS = 1_792_000_000_000


class Times:
    """A wall clock and a monotonic clock, set by hand."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.wall_was_set_by_s = 0.0

    def wall(self) -> int:
        return NOW_MS + round((self.passed_s + self.wall_was_set_by_s) * 1000)

    def monotonic(self) -> float:
        return 500.0 + self.passed_s

    def clock(self, lag_s: float, speed: float) -> ScenarioClock:
        return ScenarioClock(NOW_MS - round(lag_s * 1000), speed, wall=self.wall, monotonic=self.monotonic)


def test_forty_minutes_at_speed_21_are_caught_up_after_two() -> None:
    times = Times()
    clock = times.clock(2400, 21)
    assert clock.now_ms() == NOW_MS - 2_400_000
    times.passed_s = 60
    assert clock.now_ms() == NOW_MS - 2_400_000 + 21 * 60_000
    assert not clock.caught_up
    times.passed_s = 119.9
    assert not clock.caught_up
    times.passed_s = 120.1
    assert clock.caught_up
    times.passed_s = 200
    assert clock.now_ms() == times.wall()


def test_device_time_is_never_ahead_of_the_wall_clock_even_when_that_is_set_back() -> None:
    times = Times()
    clock = times.clock(100, 10)
    for second in range(60):
        times.passed_s = second
        if second == 30:
            times.wall_was_set_by_s = -45.0
        assert clock.now_ms() <= times.wall()


@pytest.mark.parametrize(("lag_s", "speed", "names"), [(-1, 1, "start_ms"), (10, 0.5, "speed")])
def test_a_clock_that_would_run_ahead_or_fall_behind_is_refused(lag_s: float, speed: float, names: str) -> None:
    with pytest.raises(ValueError, match=names):
        Times().clock(lag_s, speed)


async def test_waiting_for_the_past_returns_at_once() -> None:
    await Times().clock(100, 10).wait_until(NOW_MS - 100_000)
