"""GCJ-02, the datum of Chinese map services, to and from WGS-84.

GCJ-02 has no official publication. The formula is the one public since about 2010 (the function `wgtochina_lb`,
restated as EvilTransform): a smooth shift, computed in metres from degrees east of 105 and north of 35 and turned into
degrees on the Krasovsky 1940 ellipsoid. Outside the rectangle it is defined on, both datums are the same.
"""

import math
from typing import Final

from devices.geo.geometry import Datum, LatLon, Placed

_A: Final = 6_378_245.0
_E2: Final = 0.006_693_421_622_965_943
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271

_SHARED_WAVES: Final = ((20.0, 6.0), (20.0, 2.0))
_NORTH_WAVES: Final = ((20.0, 1.0), (40.0, 1 / 3), (160.0, 1 / 12), (320.0, 1 / 30))
_EAST_WAVES: Final = ((20.0, 1.0), (40.0, 1 / 3), (150.0, 1 / 12), (300.0, 1 / 30))
_CONVERGED_DEG: Final = 1e-10


def is_shifted(place: LatLon) -> bool:
    """Return whether the datums differ at this place: inside the rectangle around China."""
    return _WEST <= place.lon <= _EAST and _SOUTH <= place.lat <= _NORTH


def gcj02_of(wgs84: LatLon) -> LatLon:
    """Shift a WGS-84 position to GCJ-02; the same position outside China."""
    if not is_shifted(wgs84):
        return wgs84
    x, y = wgs84.lon - 105.0, wgs84.lat - 35.0
    shared = _waves(_SHARED_WAVES, x)
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north_m += shared + _waves(_NORTH_WAVES, y)
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east_m += shared + _waves(_EAST_WAVES, x)
    phi = math.radians(wgs84.lat)
    w2 = 1 - _E2 * math.sin(phi) ** 2
    return LatLon(
        lat=wgs84.lat + math.degrees(north_m * w2**1.5 / (_A * (1 - _E2))),
        lon=wgs84.lon + math.degrees(east_m * math.sqrt(w2) / (_A * math.cos(phi))),
    )


def wgs84_of(gcj02: LatLon) -> LatLon:
    """Undo the shift, to better than 1e-6 degrees (0.1 m).

    Fixed-point iteration: the shift changes by about a thousandth of a step, so four or five rounds suffice.
    """
    if not is_shifted(gcj02):
        return gcj02
    guess = gcj02
    for _ in range(12):
        shifted = gcj02_of(guess)
        lat_off, lon_off = gcj02.lat - shifted.lat, gcj02.lon - shifted.lon
        guess = LatLon(lat=guess.lat + lat_off, lon=guess.lon + lon_off)
        if max(abs(lat_off), abs(lon_off)) < _CONVERGED_DEG:
            break
    return guess


def place_in_wgs84(place: Placed, datum: Datum) -> LatLon:
    """Return the WGS-84 position of a place that was sent in this datum."""
    sent = LatLon(lat=place.lat, lon=place.lon)
    return wgs84_of(sent) if datum is Datum.GCJ02 else sent


def _waves(waves: tuple[tuple[float, float], ...], degrees: float) -> float:
    return sum(amplitude * math.sin(frequency * degrees * math.pi) for amplitude, frequency in waves) * 2 / 3
