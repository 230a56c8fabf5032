"""Thresholds of rule `gnss_anomaly`."""

from typing import ClassVar

from pydantic import Field

from rules.contract.rule import Parameters


class GnssAnomalyParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset({"area_trucks", "area_m", "area_s"})

    teleport_m: float = Field(1_000.0, gt=0)
    """A fix this far from the one before, faster than any truck drives (42 m/s, `rules.tracking.motion`): reflections
    of signals in a street err by less."""
    teleport_fixes: int = Field(3, ge=2)
    """So many such fixes, or fixes that stay there: one or two are a spike, which tracking passes over."""
    teleport_s: int = Field(300, gt=0)
    """Within so long: a terminal that shows two places in turn is one anomaly, a spike each hour is none."""
    settle_s: int = Field(120, ge=0)
    """After a silence or a blind stretch the first fixes may be the last place that the terminal remembers, before its
    receiver finds the new one: a truck that was carried, or that switched on far from where it was switched off."""
    frozen_s: int = Field(180, gt=0)
    """The very same place for so long while the wheels turn. No later than `cannot_be_judged` finds it."""
    frozen_readings: int = Field(3, ge=2)
    """In so many readings."""
    wheels_kmh: float = Field(10.0, gt=0)
    """By reported speed or odometer; receivers hold their place below."""
    wheels_gap_s: int = Field(180, gt=0)
    """Between two readings farther apart nobody knows how long the wheels turned."""
    alarm_s: int = Field(120, ge=0)
    """The terminal reports its antenna open or short, or its receiver at fault, for so long,"""
    alarm_readings: int = Field(3, ge=1)
    """and in so many readings in a row."""
    good_s: int = Field(300, ge=0)
    """Good fixes for so long end it,"""
    good_fixes: int = Field(3, ge=1)
    """and so many in a row."""
    area_trucks: int = Field(3, ge=2)
    """So many trucks with an anomaly at one place are an interference of the area, and not the drivers'."""
    area_m: float = Field(1_000.0, gt=0)
    """Within this distance of one another, before their places were wrong,"""
    area_s: int = Field(600, ge=0)
    """and begun within so long."""
