"""Distances on the earth between places that share no metric plane."""

import math
from typing import Final

from devices.geo.geometry import LatLon

_M_PER_DEGREE: Final = 111_195.0
"""Metres per degree of latitude on a sphere of 6,371 km."""


def distance_m(a: LatLon, b: LatLon) -> float:
    """Return the distance in metres, on the tangent plane at `a`.

    Good to 1 % within 50 km and 60 degrees of latitude: enough to compare with a radius of some hundred metres.
    """
    north = (b.lat - a.lat) * _M_PER_DEGREE
    east = (b.lon - a.lon) * _M_PER_DEGREE * math.cos(math.radians(a.lat))
    return math.hypot(north, east)
