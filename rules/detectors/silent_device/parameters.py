"""Thresholds of rule `silent_device`."""

from rules.contract.rule import Parameters


class SilentDeviceParameters(Parameters):
    """Times are seconds since a device was heard. No standard sets these defaults: each has its reason."""

    loaded_warn_s: int = 180
    """First alert (P3) about a loaded truck: longer than a tunnel or a terminal's restart."""
    loaded_alert_s: int = 600
    """Second alert (P2): a load can be tipped in less than ten minutes."""
    loaded_urgent_s: int = 1_200
    """Third alert (P1): in twenty minutes it can be tipped anywhere in the city."""
    loaded_again_s: int = 1_800
    """After the third alert one more this often."""
    loaded_until_s: int = 43_200
    """But none later than this: after one shift nobody knows whether the load is still on."""
    intervals: int = 3
    """Missed reports of a device that carries no load: two may be lost on the air."""
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
    """More than this share of the devices overdue at once is an outage of network or platform: so many devices do not
    break together."""
    outage_devices: int = 5
    """Fewer are never an outage, however small the city."""
    outage_over_share_pct: float = 10.0
    """Half of what began it, so that it does not flap."""

    def silent_after_s(self, interval_s: int) -> int:
        """Seconds after which a device that reports every `interval_s`, and carries no load, is silent."""
        return max(self.intervals * interval_s, self.at_least_s)
