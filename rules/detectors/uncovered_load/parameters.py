"""Thresholds of rule `uncovered_load`."""

from rules.contract.rule import Parameters


class UncoveredLoadParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    min_kmh: float = 10.0
    """Slower is manoeuvring, where nothing is blown off the load."""
    hold_s: int = 30
    """Driven so long without a break: longer than a driver takes to close the cover while he rolls off."""
    readings: int = 3
    """In so many positions at least, however long they are apart: one wrong value proves nothing."""
    site_m: float = 200.0
    """Metres around every site where covers are opened and closed; the accuracy of the fix (at most 30 m) is added."""
    closed_s: int = 10
    """A cover that is closed for so long ends it: shorter, and a bouncing switch would end and begin it again."""
    fast_kmh: float = 20.0
    """Beyond this speed, in `fast_readings` positions, the load is blown onto the road: P2 instead of P3."""
    fast_readings: int = 2
    """One speed alone may be the receiver's."""
