"""Device time of a scenario. Played faster than real time it starts in the past and catches up with the wall clock."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

_LONGEST_SLEEP_S: Final = 1.0
"""A waiting task checks the time at least this often, in case the wall clock was set meanwhile."""


class Clock(Protocol):
    """Time as firmware needs it."""

    def now_ms(self) -> int:
        """Device time, ms since 1970 UTC."""

    async def wait_until(self, ts: int) -> None:
        """Return when device time is at least `ts`; other tasks run even if it already is."""

    async def rest(self, seconds: float) -> None:
        """Let real seconds pass: a back-off spares the broker, whatever the scenario's speed."""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class ScenarioClock:
    """Device time = start + elapsed x speed until it reaches the wall clock; from then on the wall clock itself.

    Device time never runs ahead of the wall clock, not even when the wall clock is set back.
    """

    def __init__(
        self,
        start_ms: int,
        speed: float = 1.0,
        *,
        wall: Callable[[], int] = _wall_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`start_ms`: device time now, at most the wall clock's. `wall` gives ms since 1970, `monotonic` seconds."""
        if speed < 1.0:
            raise ValueError(f"speed: {speed} would fall ever further behind the wall clock; give 1 or more")
        if start_ms > wall():
            raise ValueError(f"start_ms: {start_ms} is ahead of the wall clock; a scenario starts now or in the past")
        self._start_ms = start_ms
        self._speed = speed
        self._wall = wall
        self._monotonic = monotonic
        self._began = monotonic()
        self._caught_up = False

    @property
    def caught_up(self) -> bool:
        """True once device time is the wall clock."""
        self.now_ms()
        return self._caught_up

    def now_ms(self) -> int:
        wall = self._wall()
        if self._caught_up:
            return wall
        scaled = self._start_ms + int((self._monotonic() - self._began) * 1000 * self._speed)
        self._caught_up = scaled >= wall
        return min(scaled, wall)

    async def wait_until(self, ts: int) -> None:
        await asyncio.sleep(0)
        while (remaining_ms := ts - self.now_ms()) > 0:
            speed = 1.0 if self._caught_up else self._speed
            await asyncio.sleep(min(remaining_ms / 1000 / speed, _LONGEST_SLEEP_S))

    async def rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
