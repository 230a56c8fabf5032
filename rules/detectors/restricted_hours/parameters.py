"""Thresholds of rule `restricted_hours`."""

from rules.contract.rule import Parameters


class RestrictedHoursParameters(Parameters):
    """The hours are those of the truck's permits (`hours` in permits.yaml). No standard sets these defaults: each has
    its reason.
    """

    min_kmh: float = 10.0
    """Slower is manoeuvring on a site."""
    driven_s: int = 120
    """Driven so long outside the hours: shorter is a move to another place to park."""
    readings: int = 3
    """In so many positions at least: one wrong speed proves nothing."""
    grace_s: int = 600
    """A haul that was begun in time may end so long after the hours."""
    parked_s: int = 300
    """Standing or slow for so long, the haul is over: shorter is a traffic light or a queue."""
