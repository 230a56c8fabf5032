"""Thresholds of rule `bin_fire`."""

from rules.contract.rule import Parameters


class BinFireParameters(Parameters):
    """Temperatures are in degrees Celsius. No standard sets these defaults: each has its reason."""

    fire_c: float = 70.0
    """No sun heats a closed bin so far; a smouldering fire is above it."""
    fire_readings: int = 2
    """So many readings in a row at it: a probe that starts, or whose wire is loose, gives one. The second comes within
    30 s from a terminal that reports such values at once."""
    warm_c: float = 45.0
    """Warmer than a shaded bin on a summer day: from here on the rise counts."""
    rise_c_per_min: float = 5.0
    """So fast heats no sun and no composting: those take hours."""
    rise_s: int = 120
    """For so long,"""
    rise_readings: int = 3
    """in so many readings, each of them risen so fast: one wrong value proves no rise."""
    smoke_readings: int = 2
    """So many readings in a row with smoke are a fire; the first one is published as a suspicion, at once."""
    calm_c: float = 40.0
    """Below this, and without smoke, a compartment is calm."""
    calm_s: int = 600
    """All that burned must be calm for so long: embers flare up again."""
