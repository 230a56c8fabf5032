"""Thresholds of rule `bed_raised_outside`."""

from rules.contract.rule import Parameters


class BedRaisedOutsideParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    hold_s: int = 5
    """Up so long: shorter is a test, or a bouncing switch."""
    readings: int = 2
    """In so many positions in a row, all of them outside: one wrong place or switch proves nothing."""
    fence_m: float = 50.0
    """Beyond the fence of every permitted site by this much and the fix's accuracy (at most 30 m): trucks tip in gates
    and lower their beds on the way out."""
    down_s: int = 5
    """A bed that is down for so long ends it."""
    driving_kmh: float = 10.0
    """Driving faster than this with the bed up, it hits bridges and cables: P1. Slower is creeping, so that the load
    spreads,"""
    driving_s: int = 10
    """for so long, in `readings` positions."""
