"""Thresholds of rule `cannot_be_judged`."""

from rules.contract.rule import Parameters


class CannotBeJudgedParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    no_fix_s: int = 600
    """Positions without a usable fix for this long: longer than any tunnel or covered yard on a haul."""
    no_satellites_s: int = 600
    """Every position names 0 satellites for this long: the receiver does not fill the field, or its antenna is off."""
    no_route_s: int = 300
    """A loaded truck drives for this long without an approved route: longer than manoeuvring in a yard."""
    interval_factor: float = 2.0
    """Intervals above so many registered ones: what happens between two readings is not seen."""
    interval_readings: int = 10
    """That many such intervals in a row: fewer are lost messages."""
    longest_interval_s: int = 600
    """An interval of a truck up to this is one, also where it is more than `silent_intervals`: ten silences in a row,
    with no two fixes nearer to each other, are the habit of a terminal."""
    no_speed_m: float = 500.0
    """A truck moves this far while each reading says 0 km/h: no drift of a receiver is as long."""
    frozen_s: int = 180
    """The same place for this long while the truck drives (as in rule families for GNSS anomalies)."""
    frozen_kmh: float = 10.0
    """From this speed on a truck cannot stay at one place."""
    status_only_s: int = 600
    """Statuses and no measurement for this long, as `no_fix_s`: the receiver or sensor is dead or cut off."""
    statuses: int = 2
    """That many such statuses: heartbeats are seldom."""
    readings: int = 5
    """Each other finding takes at least so many readings in a row."""
    clear_readings: int = 3
    """A finding ends with so many good readings in a row."""
    silent_intervals: int = 3
    """A longer interval is a silence (`silent_device`), and no interval."""
    silent_at_least_s: int = 180
    """As above, for devices that report every few seconds."""
