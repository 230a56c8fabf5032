"""Fleet time: how late it is, by the devices' own clocks."""

from dataclasses import dataclass, field
from typing import Final

MAX_AHEAD_MS: Final = 120_000
"""No reading is admitted that is further ahead of the time it was received."""


@dataclass(slots=True)
class FleetClock:
    """The k-th newest device time over all devices heard, never going back, moved on by ticks while nobody reports.

    k = min(3, 1 + n // 3) of n devices: with three devices or more, one clock that runs ahead does not lead. A clock
    that lags never leads. But it is never further behind the newest device than a clock can be ahead, so that time
    goes on when few are left that report. In a demo device time runs twenty times fast and minutes behind the wall;
    so does this.
    """

    now: int = 0
    """ms; 0 before anything was heard."""
    newest: dict[str, int] = field(default_factory=dict)
    leaders: list[tuple[int, str]] = field(default_factory=list)
    """The newest three devices, newest first."""

    def heard(self, device_id: str, ts: int) -> None:
        """A reading of this device time (ms) arrived."""
        before = self.newest.get(device_id)
        if before is not None and ts <= before:
            return
        self.newest[device_id] = ts
        if len(self.leaders) == 3 and ts < self.leaders[2][0]:
            return
        self.leaders = sorted(((ts, device_id), *(led for led in self.leaders if led[1] != device_id)), reverse=True)[
            :3
        ]
        k = min(3, 1 + len(self.newest) // 3)
        self.now = max(self.now, self.leaders[min(k, len(self.leaders)) - 1][0], self.leaders[0][0] - MAX_AHEAD_MS)

    def quiet(self, quiet_ms: int) -> None:
        """Nothing was heard for so long."""
        if self.now:
            self.now += quiet_ms
