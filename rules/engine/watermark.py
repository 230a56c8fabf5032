"""The watermark: fleet time, worked out from the clocks of the devices."""

from bisect import insort
from dataclasses import dataclass, field
from typing import Final

from devices.readings.models import MAX_AHEAD_MS

_LEADERS: Final = 3
_TICK_MS: Final = 10_000
"""The collector appends a tick after a silence of this length."""


@dataclass(slots=True)
class FleetWatermark:
    """The k-th newest device time over all devices heard. It never goes back; ticks move it on while nobody reports.

    k = min(3, 1 + n // 3) of n devices: with three devices or more, one clock that runs ahead does not lead. A clock
    that lags never leads. The watermark is never further behind the newest device than a clock can be ahead
    (`MAX_AHEAD_MS`), so that time goes on when few devices are left that report. In a demo, device time runs twenty
    times fast and minutes behind the wall clock; so does the watermark.

    The fleet row on disk holds it by these field names.
    """

    now: int = 0
    """Fleet time, ms; 0 before the first reading."""
    devices: int = 0
    """Number of devices heard so far."""
    leaders: list[tuple[int, str]] = field(default_factory=list)
    """Device time and id of the newest three devices, newest last."""
    received_at: int = 0
    """Newest receive time of a record, ms of the collector's clock."""

    def heard(self, device_id: str, ts: int, before: int) -> None:
        """A reading of this device time (ms) arrived; `before` is the device's newest until then, 0 for its first."""
        if ts <= before:
            return
        if not before:
            self.devices += 1
        leaders = self.leaders
        if len(leaders) == _LEADERS and ts <= leaders[0][0]:
            return
        for index, leader in enumerate(leaders):
            if leader[1] == device_id:
                del leaders[index]
                break
        else:
            if len(leaders) == _LEADERS:
                del leaders[0]
        insort(leaders, (ts, device_id))
        k = min(_LEADERS, 1 + self.devices // 3)
        self.now = max(self.now, leaders[-min(k, len(leaders))][0], leaders[-1][0] - MAX_AHEAD_MS)

    def received(self, received_at: int) -> int:
        """Note a record's receive time; return the ms since the newest before it, bounded: a longer silence has ticks,
        or is a clock that was set.
        """
        before, self.received_at = self.received_at, max(self.received_at, received_at)
        return min(self.received_at - before, _TICK_MS) if before else 0

    def quiet(self, quiet_ms: int) -> None:
        """No device was heard for `quiet_ms`."""
        if self.now:
            self.now += quiet_ms
