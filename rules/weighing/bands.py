"""Medians and bands of weights. Pure."""

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

MAD_SCALE: Final = 1.4826
"""Median absolute deviation of a normal distribution → its standard deviation."""
MEDIAN_ERROR: Final = 1.2533
"""Standard error of a median in those of a mean: the root of half of pi."""


class Band(NamedTuple):
    """The usual weight, kg, and how far from it a weight may lie."""

    usual_kg: float
    half_kg: float


def deviation_kg(weights: Sequence[float], middle_kg: float) -> float:
    """Scaled median absolute deviation of weights, kg."""
    return MAD_SCALE * median([abs(weight - middle_kg) for weight in weights])


def band(weights: Sequence[float], least_kg: float, mads: float) -> Band:
    """The band of some weights: their median, `least_kg` or so many scaled deviations around it."""
    middle_kg = median(weights)
    return Band(middle_kg, max(least_kg, mads * deviation_kg(weights, middle_kg)))


def median_error_kg(weights: Sequence[float], least_sigma_kg: float) -> float:
    """Standard error of the median of some weights, whose standard deviation is `least_sigma_kg` or more."""
    sigma_kg = max(deviation_kg(weights, median(weights)), least_sigma_kg)
    return float(MEDIAN_ERROR * sigma_kg / len(weights) ** 0.5)
