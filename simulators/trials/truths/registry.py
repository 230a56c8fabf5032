"""All truths."""

from typing import Final

from simulators.trials.truths.collecting import mixed_haulage, outside_permitted_area
from simulators.trials.truths.driving import restricted_hours, speeding
from simulators.trials.truths.loads import bed_raised_outside, illegal_dumping, uncovered_load
from simulators.trials.truths.places import forbidden_zone, left_jurisdiction, route_deviation, stopped_loaded
from simulators.trials.truths.truth import Truth

TRUTHS: Final[tuple[Truth, ...]] = (
    illegal_dumping,
    bed_raised_outside,
    route_deviation,
    forbidden_zone,
    left_jurisdiction,
    stopped_loaded,
    uncovered_load,
    restricted_hours,
    speeding,
    mixed_haulage,
    outside_permitted_area,
)
