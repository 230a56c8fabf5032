"""Fleet time: how late it is, by the devices' own clocks."""

from bisect import insort
from dataclasses import dataclass, field
from typing import Final

MAX_AHEAD_MS: Final = 120_000
"""No reading is admitted that is further ahead of the time it was received."""
_LEADERS: Final = 3


@dataclass(slots=True)
class FleetWatermark:
    """The k-th newest device time over all devices heard, never going back, moved on by ticks while nobody reports.

    k = min(3, 1 + n // 3) of n devices: with three devices or more, one clock that runs ahead does not lead. A clock
    that lags never leads. But it is never further behind the newest device than a clock can be ahead, so that time
    goes on when few are left that report. In a demo device time runs twenty times fast and minutes behind the wall;
    so does this.
    """

    now: int = 0
    """ms; 0 before anything was heard."""
    devices: int = 0
    """Heard so far."""
    leaders: list[tuple[int, str]] = field(default_factory=list)
    """The newest three devices, newest last."""

    def heard(self, device_id: str, ts: int, before: int) -> None:
        """A reading of this device time (ms) arrived; `before` is the device's newest until then, 0 for its first."""
        if ts <= before:
            return
        if not before:
            self.devices += 1
        leaders = self.leaders
        if len(leaders) == _LEADERS and ts <= leaders[0][0]:
            return
        for place, leader in enumerate(leaders):
            if leader[1] == device_id:
                del leaders[place]
                break
        else:
            if len(leaders) == _LEADERS:
                del leaders[0]
        insort(leaders, (ts, device_id))
        k = min(_LEADERS, 1 + self.devices // 3)
        self.now = max(self.now, leaders[-min(k, len(leaders))][0], leaders[-1][0] - MAX_AHEAD_MS)

    def quiet(self, quiet_ms: int) -> None:
        """Nothing was heard for so long."""
        if self.now:
            self.now += quiet_ms
