"""Distances to fences and routes, on a city with round numbers: sides in metres, centre at 0, 0."""

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from shapely import LineString, Point, Polygon, distance, dwithin, line_locate_point

from devices.city.model import City
from devices.city.sites import ALWAYS, Route, Site, SiteKind, Validity
from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.geo.plane_grid import _CELLS, CELL_M, CellMemo

CENTRE = LatLon(lat=35.49, lon=112.85)
PLANE = LocalPlane(CENTRE)


def degrees(corners: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(place.lon, place.lat) for place in (PLANE.latlon(XY(x, y)) for x, y in corners)]


def square(site_id: str, x: float, y: float, side: float = 200, validity: Validity = ALWAYS) -> Site:
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
    return Site(site_id, SiteKind.DISPOSAL_SITE, site_id, site_id, Polygon(degrees(corners)), validity=validity)


# East for 1 km, north for 1 km; the corner is given twice, as in careless drawings.
ROUTE = Route("road", 1, "", "", LineString(degrees([(0, 0), (1000, 0), (1000, 0), (1000, 1000)])))
NEAR, FAR = square("near", 100, 100), square("far", 5000, 5000)
WIDENED = square("moving", -1000, 0, side=400, validity=Validity(1_000))
NARROW = square("moving", -1000, 0, side=200, validity=Validity(None, 1_000))
CITY = City(
    "smallville", "", "", "Asia/Shanghai", CENTRE,
    sites={site.id: site for site in (NEAR, FAR, WIDENED)}, past_sites=(NARROW,), routes=(ROUTE,),
)  # fmt: skip
GEOMETRY = CITY.geometry


def near(place: XY, within_m: float, ts: int = 0) -> list[tuple[str, float]]:
    return [(site.id, round(distance_m, 3)) for site, distance_m in GEOMETRY.sites_near(place, within_m, ts)]


def test_distance_inside_a_fence_is_zero() -> None:
    assert near(XY(150, 150), 0) == [("near", 0)]


def test_sites_come_nearest_first_and_only_within_the_margin() -> None:
    assert near(XY(40, 200), 59.9) == []
    assert near(XY(40, 200), 60.1) == [("near", 60)]
    assert [site_id for site_id, _ in near(XY(0, 150), 9_000)] == ["near", "moving", "far"]


def test_fence_is_the_version_of_that_time() -> None:
    assert near(XY(-700, 100), 0, ts=999) == []
    assert near(XY(-700, 100), 0, ts=1_000) == [("moving", 0)]


def test_asked_again_about_one_place_another_time_or_radius_has_its_own_answer() -> None:
    place = XY(-700, 100)
    assert [near(place, 0, ts) for ts in (999, 1_000, 999)] == [[], [("moving", 0)], []]
    assert [len(near(place, within_m)) for within_m in (0, 900, 0)] == [0, 2, 0]


def test_distance_to_a_named_site() -> None:
    assert GEOMETRY.distance_to_site_m("far", XY(5100, 4700)) == pytest.approx(300)
    with pytest.raises(KeyError):
        GEOMETRY.distance_to_site_m("nowhere", XY(0, 0))


@pytest.mark.parametrize(
    ("place", "distance_m", "along_m"),
    [
        (XY(400, 30), 30, 400),
        (XY(400, -30), 30, 400),
        (XY(1000, 600), 0, 1600),
        (XY(-300, -400), 500, 0),
        (XY(1000, 1200), 200, 2000),
    ],
)
def test_offset_from_a_route(place: XY, distance_m: float, along_m: float) -> None:
    offset = GEOMETRY.route_offset(ROUTE, place)
    assert offset.distance_m == pytest.approx(distance_m, abs=1e-6)
    assert offset.along_m == pytest.approx(along_m, abs=1e-6)


@given(along_m=st.floats(0, 2000))
def test_place_along_a_route_lies_on_it(along_m: float) -> None:
    offset = GEOMETRY.route_offset(ROUTE, GEOMETRY.route_place(ROUTE, along_m))
    assert offset.distance_m == pytest.approx(0, abs=1e-6)
    assert offset.along_m == pytest.approx(along_m, abs=1e-6)


def test_place_along_a_route_is_clamped_to_its_ends() -> None:
    assert GEOMETRY.route_length_m(ROUTE) == pytest.approx(2000)
    assert GEOMETRY.route_place(ROUTE, -5).distance_m(XY(0, 0)) < 1e-6
    assert GEOMETRY.route_place(ROUTE, 9_999).distance_m(XY(1000, 1000)) < 1e-6


# The grid gives the same results as GEOS on the whole geometry.

METRES = st.floats(-3_000, 3_000) | st.integers(-20, 20).map(lambda sides: sides * CELL_M)
ANYWHERE = METRES | st.floats(-1e5, 1e5) | st.sampled_from([-1e9, -1_000_000.0, 999_999.0, 1_000_000.0, 1e9])
VALIDITIES = st.builds(Validity, st.none() | st.integers(0, 5), st.none() | st.integers(3, 9))


@st.composite
def fences(draw: st.DrawFn) -> Polygon:
    """A disc, a star or a square ring, from a kiosk to a city quarter: some contain whole squares of the grid."""
    centre, size_m = Point(draw(METRES), draw(METRES)), draw(st.floats(5, 800))
    shape = centre.buffer(size_m, quad_segs=draw(st.integers(1, 8)))
    drawn = draw(st.sampled_from(["disc", "star", "ring"]))
    if drawn == "star":
        corners = list(shape.exterior.coords)[:-1]
        near = [((x + 2 * centre.x) / 3, (y + 2 * centre.y) / 3) for x, y in corners]
        shape = Polygon(
            [far if index % 2 else close for index, (far, close) in enumerate(zip(corners, near, strict=True))]
        )
    elif drawn == "ring":
        shape = Polygon(shape.exterior, [centre.buffer(size_m / 2, quad_segs=1).exterior])
    holes = [degrees([(x, y) for x, y in hole.coords]) for hole in shape.interiors]
    return Polygon(degrees([(x, y) for x, y in shape.exterior.coords]), holes)


@st.composite
def cities(draw: st.DrawFn) -> City:
    sites = [
        Site(f"site-{index}", SiteKind.DEPOT, "", "", area, validity=draw(VALIDITIES))
        for index, area in enumerate(draw(st.lists(fences(), max_size=6)))
    ]
    past = draw(st.integers(0, len(sites)))
    corners = st.lists(st.tuples(METRES, METRES), min_size=2, max_size=30).filter(
        lambda drawn: max(XY(*drawn[0]).distance_m(XY(*corner)) for corner in drawn) > 1
    )
    line = LineString(degrees(draw(corners)))
    return City(
        "drawn", "", "", "Asia/Shanghai", CENTRE, sites={site.id: site for site in sites[past:]},
        past_sites=tuple(sites[:past]), routes=(Route("road", 1, "", "", line),),
    )  # fmt: skip


def on_plane(coords: Iterable[tuple[float, ...]]) -> list[tuple[float, float]]:
    return [(place.x, place.y) for place in (PLANE.xy(LatLon(lat=lat, lon=lon)) for lon, lat in coords)]


@given(
    city=cities(),
    places=st.lists(st.builds(XY, ANYWHERE, ANYWHERE), min_size=1, max_size=20),
    within_m=st.sampled_from([-1.0, 0.0, 250.0, 1_000.0, 20_000.0, 1e10]) | st.floats(0, 2_000),
    ts=st.integers(0, 9),
)
@example(CITY, [XY(150, 150), XY(100, 150), XY(100, 100), XY(350, 150)], 0.0, 0)
@example(CITY, [XY(50, 150), XY(350, 150), XY(-250, 150), XY(150, 350)], 50.0, 0)
def test_sites_near_equal_a_search_through_all(city: City, places: list[XY], within_m: float, ts: int) -> None:
    sites = [
        (site, Polygon(on_plane(site.area.exterior.coords), [on_plane(hole.coords) for hole in site.area.interiors]))
        for site in (*city.sites.values(), *city.past_sites)
    ]
    for place in places:
        point = Point(place.x, place.y)
        expected = sorted(
            (float(distance(area, point)), site.id)
            for site, area in sites
            if site.validity.covers(ts) and dwithin(area, point, within_m)
        )
        found = city.geometry.sites_near(place, within_m, ts)
        assert [near.site.id for near in found] == [site_id for _, site_id in expected]
        assert [near.distance_m for near in found] == pytest.approx(
            [off_m for off_m, _ in expected], rel=1e-12, abs=1e-9
        )


@given(city=cities(), places=st.lists(st.builds(XY, ANYWHERE, ANYWHERE), min_size=1, max_size=20))
def test_offset_equals_that_from_the_whole_route(city: City, places: list[XY]) -> None:
    (route,) = city.routes
    line = LineString(on_plane(route.line.coords))
    for place in places:
        point = Point(place.x, place.y)
        offset = city.geometry.route_offset(route, place)
        assert offset.distance_m == pytest.approx(float(distance(line, point)), rel=1e-12, abs=1e-9)
        there = city.geometry.route_place(route, offset.along_m)  # two points may be equally near: both are right
        assert there.distance_m(place) == pytest.approx(offset.distance_m, rel=1e-9, abs=1e-6)


def test_first_of_equally_near_points_is_the_one_along_the_route() -> None:
    line = LineString(degrees([(0, 0), (1000, 0), (1000, 1000)]))
    place = Point(940, 60)
    assert GEOMETRY.route_offset(ROUTE, XY(940, 60)).along_m == pytest.approx(
        float(line_locate_point(LineString(on_plane(line.coords)), place)), abs=1e-6
    )


def test_memory_of_squares_is_bounded() -> None:
    memo: CellMemo[int, int] = CellMemo()
    for square in range(_CELLS + 10):
        assert memo.remember(square, -square) == -square
        assert memo[square] == -square
    assert len(memo) == 10
