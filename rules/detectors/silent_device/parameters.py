"""Thresholds of rule `silent_device`."""

import math
from typing import ClassVar

from pydantic import PositiveInt

from rules.contract.rule import Parameters


class SilentDeviceParameters(Parameters):
    """Times are seconds since a device was heard. No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset(
        {
            "outage_share_pct",
            "outage_area_share_pct",
            "outage_devices",
            "outage_within_s",
            "outage_over_share_pct",
            "outage_until_s",
            "outage_deaf_share_pct",
        }
    )

    loaded_warn_s: int = 180
    """First alert (P3) about a loaded truck: longer than a tunnel or a terminal's restart."""
    loaded_alert_s: int = 600
    """Second alert (P2): a load can be tipped in less than ten minutes."""
    loaded_urgent_s: int = 1_200
    """Third alert (P1): in twenty minutes it can be tipped anywhere in the city."""
    loaded_again_s: PositiveInt = 1_800
    """After the third alert one more this often."""
    loaded_until_s: int = 43_200
    """But none later than this: after one shift nobody knows whether the load is still on."""
    intervals: float = 3.5
    """Intervals without a report of a device that carries no load: two may be lost on the air, and the third some
    seconds late."""
    at_least_s: int = 180
    """Devices that report every few seconds still have this long: a tunnel, a restart."""
    overdue_intervals: int = 2
    """Missed reports that make a device overdue, one before the first alert. Overdue devices count for an outage."""
    overdue_at_least_s: int = 60
    """Devices that report every few seconds are overdue after this long: a lost connection takes as long to restore."""
    never_heard_s: int = 86_400
    """A registered device that never sent anything is reported after this long: it must be mounted first, and a bridge
    may have a day without trucks. One whose messages are all refused is silent as any other is."""
    outage_share_pct: float = 20.0
    """More than this share of the devices silent at once is an outage of network or platform: so many devices do not
    break together."""
    outage_area_share_pct: float = 50.0
    """Likewise of one kind, district, carrier or site: those are few devices, of which some rest at the same time."""
    outage_devices: int = 5
    """Fewer are never an outage, however small the city."""
    outage_within_s: int = 300
    """At once means so long before or after the outage began: a network that fails takes minutes until all notice."""
    outage_over_share_pct: float = 10.0
    """An outage is over when so few are still silent: half of what began it, so that it does not flap."""
    outage_until_s: int = 3_600
    """Or after this long: then each device that is still silent has an alert of its own. By then somebody knows of the
    outage, and what was lost for good must not hide behind it."""
    outage_again_s: PositiveInt = 900
    """A silent device is looked at again this often until no outage can stand for it."""
    outage_deaf_share_pct: float = 90.0
    """If so many of all trucks are silent at once, the platform hears none: the first alert about a loaded truck
    (`loaded_warn_s`) is left to the outage, and the second is its own."""

    def silent_after_s(self, interval_s: int) -> int:
        """Seconds after which a device that reports every `interval_s`, and carries no load, is silent."""
        return max(math.ceil(self.intervals * interval_s), self.at_least_s)
