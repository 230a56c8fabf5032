"""The region of a city: where its trucks can be. A fix outside it is a fault of the receiver and is never believed.

Receivers without a fix send 0, 0, a pole, the place of their factory or half of a position. Such a place is thousands
of kilometres off and looks like a good fix; often it is sent more than once.
"""

from collections.abc import Iterable
from typing import Final

from devices.city.sites import Route, Site
from devices.geo.geometry import XY, LatLon, LocalPlane

DEFAULT_MARGIN_KM: Final = 50.0
"""Beyond the outermost sites and routes: trucks that dump across the border of the city are still judged."""
_EMPTY_CITY_M: Final = 300_000.0
"""Around the centre of a city without sites and routes: no city reaches further (`devices.city.files.shapes`)."""


class Region:
    """A rectangle of degrees: four comparisons for every fix."""

    def __init__(self, west: float, south: float, east: float, north: float) -> None:
        self.west: Final = west
        self.south: Final = south
        self.east: Final = east
        self.north: Final = north

    def covers(self, lat: float, lon: float) -> bool:
        """Return whether a truck can be here; degrees."""
        return self.south <= lat <= self.north and self.west <= lon <= self.east


def region_of(plane: LocalPlane, sites: Iterable[Site], routes: Iterable[Route], margin_km: float) -> Region:
    """The rectangle around the centre of the city, all its sites and routes, and a margin."""
    boxes = [site.area.bounds for site in sites] + [route.line.bounds for route in routes]
    margin_m = margin_km * 1000 if boxes else max(margin_km * 1000, _EMPTY_CITY_M)
    centre = plane.centre
    wests, souths, easts, norths = zip((centre.lon, centre.lat, centre.lon, centre.lat), *boxes, strict=True)
    start = plane.xy(LatLon(lat=min(souths), lon=min(wests)))
    end = plane.xy(LatLon(lat=max(norths), lon=max(easts)))
    low = plane.latlon(XY(start.x - margin_m, start.y - margin_m))
    high = plane.latlon(XY(end.x + margin_m, end.y + margin_m))
    return Region(low.lon, low.lat, high.lon, high.lat)
