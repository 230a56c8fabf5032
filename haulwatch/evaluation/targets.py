"""What is asked of each rule: the bar of the field, by rule and tier. A figure that misses it is called missed."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Target:
    """Shares are 0 to 1; the delay is the median."""

    recall: float
    precision: float
    delay_s: float
    false_per_day: float
    """False alarms per truck-day."""
    after_hold: bool = False
    """The delay counts from when the incident had lasted as long as it must."""
    confirmed_s: float | None = None
    """Median delay until people are told that it is so."""


OTHERS: Final = Target(0.95, 0.95, 30.0, 0.01, after_hold=True)
ALL_SENSORS: Final = Target(0.98, 0.97, 60.0, 0.002, confirmed_s=180.0)
ONE_SENSOR_DEAD: Final = Target(0.92, 0.92, 180.0, 0.005)
GPS_AND_MANIFEST: Final = Target(0.75, 0.80, 600.0, 0.01)
_BY_RULE: Final = {
    "route_deviation": Target(0.97, 0.95, 75.0, 0.01),
    "bed_raised_outside": Target(0.99, 0.97, 20.0, 0.002),
}
_DUMPING_BY_TIER: Final = {"faults": ONE_SENSOR_DEAD, "cheap": GPS_AND_MANIFEST}


def target(rule: str, tier: str) -> Target:
    if rule == "illegal_dumping":
        return _DUMPING_BY_TIER.get(tier, ALL_SENSORS)
    return _BY_RULE.get(rule, OTHERS)
