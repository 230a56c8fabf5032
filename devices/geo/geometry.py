"""Places on the earth (WGS-84) and on a city's metric plane.

All positions inside the system are WGS-84. Files may use GCJ-02 (the datum of Chinese map services, 265-660 m away).
The import converts them, no later step does, and none guesses. GeoJSON order is [lon, lat].
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class Datum(StrEnum):
    """The reference frame of the coordinates in a file."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"


@dataclass(frozen=True, slots=True)
class LatLon:
    """A WGS-84 position in degrees."""

    lat: float
    lon: float


@dataclass(init=False, slots=True, unsafe_hash=True)
class XY:
    """A position on a city's metric plane: metres east and north of its centre. Never changed.

    Every fix makes one. Compiled, an `__init__` that is written out takes a tenth of the time of a generated one.
    """

    x: float
    y: float

    def __init__(self, x: float, y: float) -> None:
        self.x = x
        self.y = y

    def distance_m(self, other: "XY") -> float:
        east, north = self.x - other.x, self.y - other.y
        return math.sqrt(east * east + north * north)


_A: Final = 6_378_137.0
_E2: Final = 6.694_379_990_141_317e-3


class Placed(Protocol):
    """Anything with a WGS-84 position: a LatLon, a position reading."""

    @property
    def lat(self) -> float: ...
    @property
    def lon(self) -> float: ...


class LocalPlane:
    """A metric plane that touches the WGS-84 ellipsoid at a city's centre.

    An equirectangular projection scaled by the ellipsoid's two radii of curvature at the centre (Torge & Müller,
    Geodesy, 4th ed., section 4.1.1). A length is true at the centre's latitude and off by about 0.12 % for every
    10 km north or south of it (a test compares with pyproj's geodesics): 0.3 m in a 60 m corridor at 40 km.
    Two multiplications instead of a library call, because every fix is projected.
    """

    def __init__(self, centre: LatLon) -> None:
        phi = math.radians(centre.lat)
        w2 = 1.0 - _E2 * math.sin(phi) ** 2
        self.centre = centre
        self._north = math.radians(1.0) * _A * (1.0 - _E2) / w2**1.5
        self._east = math.radians(1.0) * _A / math.sqrt(w2) * math.cos(phi)

    def xy(self, place: Placed) -> XY:
        return XY((place.lon - self.centre.lon) * self._east, (place.lat - self.centre.lat) * self._north)

    def latlon(self, place: XY) -> LatLon:
        return LatLon(self.centre.lat + place.y / self._north, self.centre.lon + place.x / self._east)
