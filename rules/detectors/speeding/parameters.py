"""Thresholds of rule `speeding`."""

from rules.contract.rule import Parameters


class SpeedingParameters(Parameters):
    """A route of the city may name its own limit (`limit_kmh` in routes.geojson)."""

    limit_kmh: float = 100.0
    """Where no approved route with a limit is: no lorry may drive faster on any road (article 78 of the Regulations for
    the Implementation of the Road Traffic Safety Law). A city whose trucks keep to its streets sets a lower one."""
    over_pct: float = 10.0
    """Above the limit by more than so many percent: below, it is a warning at most, and meters and receivers
    err."""
    over_kmh: float = 5.0
    """And by more than so many km/h: 10 % of a low limit is within the error of a receiver."""
    hold_s: int = 10
    """For so long: shorter is a hill or an overtaking."""
    readings: int = 2
    """In so many positions at least: one speed alone may be the receiver's."""
    below_s: int = 10
    """Below the limit for so long ends it."""
    corridor_m: float = 60.0
    """Metres from a route, less the accuracy of the fix (at most 30 m), within which its limit holds. A route's
    own `corridor_m` goes before it."""
    borne_out_pct: float = 50.0
    """The way between the positions must give at least so much of the limit: else the speed is in another unit, or the
    meter is broken. Bends and seldom reports make the way shorter than it was."""
    grave_pct: float = 20.0
    """Above the limit by so much is P2 instead of P3,"""
    gravest_pct: float = 50.0
    """and by so much P1: the bands in which speeding is fined."""
