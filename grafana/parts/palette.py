"""Colours and thresholds, the same on every board.


Colours are those of Okabe and Ito (2008), which people with colour blindness can distinguish; those of rules stand in
the catalogue of rules. Thresholds repeat default parameters of the rules; a test compares them.
"""

from collections.abc import Mapping
from typing import Final

from rules.catalogue import CATALOGUE

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#999999"
TEXT: Final = "text"
"""Grafana's name of the colour of text, light on a dark wall and dark on a light page: for figures that are neither
good nor bad."""

SEVERITY: Final[Mapping[str, str]] = {"P1": VERMILLION, "P2": ORANGE, "P3": YELLOW, "P4": SKY}
LOAD: Final[Mapping[str, str]] = {"loaded": SKY, "partial": BLUE, "empty": GREY}
OUTCOME: Final[Mapping[str, str]] = {
    "confirmed_violation": VERMILLION,
    "false_alarm": SKY,
    "no_action": GREY,
    "device_fault": PURPLE,
}
ZONE: Final[Mapping[str, str]] = {"forbidden": PURPLE, "jurisdiction": BLUE, "permitted_area": GREEN}
SUSPECTED: Final[Mapping[str, str]] = {"proposed": ORANGE, "accepted": VERMILLION, "dismissed": GREY}
MANIFEST: Final[Mapping[str, str]] = {
    "draft": GREY,
    "source_confirmed": SKY,
    "in_transit": BLUE,
    "arrived": BLUE,
    "disposal_confirmed": BLUE,
    "closed": GREEN,
    "rejected": PURPLE,
    "discrepancy": ORANGE,
    "overdue": VERMILLION,
    "under_correction": YELLOW,
    "void": GREY,
}
KIND: Final[Mapping[str, str]] = {
    "position": BLUE,
    "weighing": GREEN,
    "fill": ORANGE,
    "throughput": PURPLE,
    "status": GREY,
}
RULE: Final[Mapping[str, str]] = {rule.name: rule.colour for rule in CATALOGUE}

ThresholdStep = tuple[float | None, str]
"""The colour from this value upwards; None: below all other steps."""

FILL_WARN_PCT: Final = 80.0
FILL_FULL_PCT: Final = 90.0
EMPTIED_POINTS: Final = 30.0
"""`bin_overflow`: level that warns, level that is full, fall in points that is an emptying."""
WARM_C: Final = 45.0
FIRE_C: Final = 70.0
"""Warm, and on fire."""
HOPPER_FULL_PCT: Final = 90.0
HOPPER_CLEAR_PCT: Final = 70.0
"""Full from the first level, normal below the second."""
MOVING_KMH: Final = 10.0
"""A faster truck drives on the road and is not shunting."""
MAX_CLOCK_AHEAD_MS: Final = 120_000.0
"""Admission refuses a device time that is later than its reception by more than this."""

FILL_STEPS: Final[tuple[ThresholdStep, ...]] = ((None, GREEN), (FILL_WARN_PCT, ORANGE), (FILL_FULL_PCT, VERMILLION))
TEMPERATURE_STEPS: Final[tuple[ThresholdStep, ...]] = ((None, GREEN), (WARM_C, ORANGE), (FIRE_C, VERMILLION))
NONE_IS_GOOD: Final[tuple[ThresholdStep, ...]] = ((None, GREEN), (1, VERMILLION))
SOME_IS_GOOD: Final[tuple[ThresholdStep, ...]] = ((None, VERMILLION), (1, GREEN))
FEW_IS_GOOD: Final[tuple[ThresholdStep, ...]] = ((None, GREEN), (1, ORANGE), (10, VERMILLION))
LAG_S_STEPS: Final[tuple[ThresholdStep, ...]] = ((None, GREEN), (10, ORANGE), (60, VERMILLION))
"""From publishing to the store takes about a second; above a minute the boards no longer show the present."""
PLAIN: Final[tuple[ThresholdStep, ...]] = ((None, TEXT),)
