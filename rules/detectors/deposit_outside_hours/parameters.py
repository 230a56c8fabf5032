"""Thresholds of rule `deposit_outside_hours`."""

from rules.contract.rule import Parameters


class DepositOutsideHoursParameters(Parameters):
    """The hours are those of the point's site (`deposit_hours` in sites.geojson). No standard sets these defaults: each
    has its reason.
    """

    grace_s: int = 600
    """A deposit so long before or after the hours is none outside: people wait at the lid, and clocks differ."""
    quiet_s: int = 1_800
    """So long without another deposit outside the hours, the incident is over: deposits nearer than that are one."""
    emptied_points: float = 10.0
    """Deposits counted while the level fell by so many percentage points are not judged: the crew that empties a
    compartment opens its lid."""
    repeat_days: int = 3
    """Outside the hours on so many days, the severity rises: nobody supervises the point, it was no single haste."""
    repeat_within_days: int = 7
    """Of so many days, the present one included: one week, so that each weekday counts once."""
