"""The metric plane against geodesics, and GCJ-02 against published pairs and properties of its formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from devices.geo.gcj02 import gcj02_of, is_shifted, wgs84_of
from devices.geo.geometry import LatLon, LocalPlane
from devices.geo.sphere import distance_m

GEOD = Geod(ellps="WGS84")
CENTRE = LatLon(lat=35.49, lon=112.85)
PLANE = LocalPlane(CENTRE)

china = st.builds(LatLon, lat=st.floats(18, 53), lon=st.floats(74, 134))


def geodesic_m(start: LatLon, end: LatLon) -> float:
    return float(GEOD.inv(start.lon, start.lat, end.lon, end.lat)[2])


@given(
    bearing_deg=st.floats(0, 360),
    away_km=st.floats(0, 60),
    run_bearing_deg=st.floats(0, 360),
    run_m=st.floats(10, 1000),
)
def test_lengths_hold_the_stated_error(
    bearing_deg: float, away_km: float, run_bearing_deg: float, run_m: float
) -> None:
    lon, lat, _ = GEOD.fwd(CENTRE.lon, CENTRE.lat, bearing_deg, away_km * 1000)
    end_lon, end_lat, _ = GEOD.fwd(lon, lat, run_bearing_deg, run_m)
    start, end = LatLon(lat=lat, lon=lon), LatLon(lat=end_lat, lon=end_lon)
    plane_m = PLANE.xy(start).distance_m(PLANE.xy(end))
    north_km = geodesic_m(CENTRE, LatLon(lat=lat, lon=CENTRE.lon)) / 1000 + run_m / 1000
    assert abs(plane_m / run_m - 1) <= 0.0012 * north_km / 10 + 1e-5


@given(place=china)
def test_plane_and_back(place: LatLon) -> None:
    again = PLANE.latlon(PLANE.xy(place))
    assert again.lat == pytest.approx(place.lat, abs=1e-9)
    assert again.lon == pytest.approx(place.lon, abs=1e-9)


def test_east_is_x_and_north_is_y() -> None:
    north_east = PLANE.xy(LatLon(lat=CENTRE.lat + 0.01, lon=CENTRE.lon + 0.02))
    assert north_east.x == pytest.approx(1814, abs=5)
    assert north_east.y == pytest.approx(1109, abs=5)


@given(lat=st.floats(-60, 60), lon=st.floats(-170, 170), bearing_deg=st.floats(0, 360), run_m=st.floats(100, 50_000))
def test_distance_on_the_sphere_holds_the_stated_error(
    lat: float, lon: float, bearing_deg: float, run_m: float
) -> None:
    end_lon, end_lat, _ = GEOD.fwd(lon, lat, bearing_deg, run_m)
    start, end = LatLon(lat=lat, lon=lon), LatLon(lat=end_lat, lon=end_lon)
    assert distance_m(start, end) == pytest.approx(run_m, rel=0.01)
    assert distance_m(start, start) == 0


@given(place=china)
def test_gcj02_is_undone(place: LatLon) -> None:
    again = wgs84_of(gcj02_of(place))
    assert again.lat == pytest.approx(place.lat, abs=1e-6)
    assert again.lon == pytest.approx(place.lon, abs=1e-6)


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        # Test pairs published with the EvilTransform family: Beijing, Shanghai, Shenzhen.
        (LatLon(lat=39.911954, lon=116.377817), LatLon(lat=39.91334545536069, lon=116.38404722455657)),
        (LatLon(lat=31.1774276, lon=121.5272106), LatLon(lat=31.17530398364597, lon=121.531541859215)),
        (LatLon(lat=22.543847, lon=113.912316), LatLon(lat=22.540796131694766, lon=113.9171764808363)),
    ],
)
def test_published_pairs(wgs84: LatLon, gcj02: LatLon) -> None:
    assert geodesic_m(gcj02_of(wgs84), gcj02) < 0.001
    assert geodesic_m(wgs84_of(gcj02), wgs84) < 0.1


@pytest.mark.parametrize(
    "city",
    [
        CENTRE,
        LatLon(lat=39.90, lon=116.40),
        LatLon(lat=31.23, lon=121.47),
        LatLon(lat=23.13, lon=113.26),
        LatLon(lat=43.80, lon=87.60),
        LatLon(lat=29.65, lon=91.10),
        LatLon(lat=45.80, lon=126.60),
    ],
)
def test_an_unconverted_city_would_lie_265_to_660_m_off(city: LatLon) -> None:
    assert 265 <= geodesic_m(city, gcj02_of(city)) <= 660


@given(place=st.builds(LatLon, lat=st.floats(-90, 90), lon=st.floats(-180, 72)))
def test_outside_china_both_datums_are_one(place: LatLon) -> None:
    assert not is_shifted(place)
    assert gcj02_of(place) is place
    assert wgs84_of(place) is place
