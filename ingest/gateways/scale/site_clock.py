"""The clock of a scale: the wall clock, except that it never jumps while something is on the platform.

A clock that is set while a truck stands there would make its weight settle too early, too late or never.
"""

from collections.abc import Callable


class SiteClock:
    """ms since 1970 UTC. Call it for the time."""

    def __init__(self, wall_ms: Callable[[], int], elapsed_ms: Callable[[], int]) -> None:
        """`elapsed_ms`: a clock that nobody sets, from any beginning; it also runs while the computer sleeps."""
        self._wall_ms = wall_ms
        self._elapsed_ms = elapsed_ms
        self._offset_ms = 0
        self.follow_wall()

    def follow_wall(self) -> None:
        """Show the time of the wall clock from now on."""
        self._offset_ms = self._wall_ms() - self._elapsed_ms()

    def __call__(self) -> int:
        return self._elapsed_ms() + self._offset_ms
