"""Statistics of counts: intervals of shares and rates, and the precision that a base rate implies."""

import math
from typing import Final, NamedTuple

Z_95: Final = 1.959964
_CONFIDENCE: Final = 0.95


class Interval(NamedTuple):
    low: float
    high: float


def wilson(found: int, of: int) -> Interval | None:
    """The 95 % interval of a share: Wilson's score interval without continuity correction (Wilson 1927, JASA 22:209).

    None where there was nothing to find.
    """
    if not of:
        return None
    p, z2 = found / of, Z_95 * Z_95
    centre = p + z2 / (2 * of)
    half = Z_95 * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    low, high = (centre - half) / (1 + z2 / of), (centre + half) / (1 + z2 / of)
    return Interval(0.0 if found == 0 else low, 1.0 if found == of else high)


def rate_bound(events: int, exposure: float) -> float | None:
    """The rate below which the true one lies with 95 % confidence, if events come as in a Poisson process.

    The largest rate at which so few events still have a probability of 5 % (Garwood 1936, Biometrika 28:437;
    one-sided).
    Without an event it is 3.0/exposure, the rule of three (Hanley & Lippman-Hand 1983, JAMA 249:1743).
    """
    if exposure <= 0:
        return None
    low, high = float(events), events + 10.0 + 10.0 * math.sqrt(events + 1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(events, middle) > 1 - _CONFIDENCE else (low, middle)
    return high / exposure


def implied_precision(recall: float, false_per_day: float, incidents_per_day: float) -> float | None:
    """The share of alerts that would be right where incidents are as seldom as in the field.

    The predictive value of an alarm, in rates: found / (found + false) per truck-day, r b / (r b + f) (Altman & Bland
    1994, BMJ 309:102, with f = (1 - specificity) (1 - prevalence)). None where there would be no alert.
    """
    found = recall * incidents_per_day
    return found / (found + false_per_day) if found + false_per_day > 0 else None


def _at_most(events: int, mean: float) -> float:
    """Probability of at most so many events of a Poisson distribution. By logarithms: e^-mean may be too small."""
    if mean <= 0:
        return 1.0
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(events + 1))
