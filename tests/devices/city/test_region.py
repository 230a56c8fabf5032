"""The region of a city: around its sites and routes, with a margin."""

from dataclasses import replace

import pytest
from shapely import LineString, box

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.model import City
from devices.city.sites import Route, Site, SiteKind
from devices.geo.geometry import LatLon

CITY = City(
    "c", "C", "城", "UTC", LatLon(35.5, 112.8), region_margin_km=10,
    sites={"s": Site("s", SiteKind.DEPOT, "S", "场", box(112.9, 35.4, 112.91, 35.41))},
    routes=(Route("r", 1, "R", "路", LineString([(112.9, 35.4), (113.0, 35.7)])),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("lat", "lon", "inside"),
    [
        (35.5, 112.8, True),
        (35.4 - 0.08, 112.9, True),
        (35.4 - 0.10, 112.9, False),
        (35.7 + 0.08, 113.0, True),
        (35.7 + 0.10, 113.0, False),
        (35.5, 112.8 - 0.10, True),
        (35.5, 112.8 - 0.12, False),
        (35.5, 113.0 + 0.10, True),
        (35.5, 113.0 + 0.12, False),
    ],
)
def test_the_region_reaches_a_margin_beyond_centre_sites_and_routes(lat: float, lon: float, inside: bool) -> None:
    assert CITY.region.covers(lat, lon) is inside


def test_past_versions_of_sites_belong_to_the_region() -> None:
    past = Site("s", SiteKind.DEPOT, "S", "场", box(111.9, 35.4, 111.91, 35.41))
    assert not CITY.region.covers(35.4, 111.85)
    assert replace(CITY, past_sites=(past,)).region.covers(35.4, 111.85)


@pytest.mark.parametrize(
    ("lat", "lon"),
    [(0, 0), (90, 0), (-90, 180), (35.49, 0), (0, 112.85), (35.49, 180), (35.49, -180), (22.543096, 114.057865)],
)
def test_defaults_of_receivers_lie_outside_the_shipped_city(lat: float, lon: float) -> None:
    assert not read_city(JINCHENG).region.covers(lat, lon)
