"""Permits, routes and fences with their validity."""

from shapely import LineString, box

from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Route, Site, SiteKind, Validity
from devices.geo.geometry import LatLon

OLD = Validity(None, 1_000)
NEW = Validity(1_000, None)
SPOIL = Site("spoil", SiteKind.DISPOSAL_SITE, "Spoil ground", "弃土场", box(112.80, 35.50, 112.81, 35.51))
DEPOT = Site("depot", SiteKind.DEPOT, "Depot", "停车场", box(112.82, 35.50, 112.83, 35.51))
ROAD = LineString([(112.85, 35.49), (112.80, 35.50)])
CITY = City(
    id="smallville",
    name="Smallville",
    name_zh="小城",
    timezone="Asia/Shanghai",
    centre=LatLon(lat=35.49, lon=112.85),
    devices={"truck": Device("truck", DeviceRole.TRUCK, vehicle_id="lorry", validity=NEW)},
    vehicles={"lorry": Vehicle("lorry", "晋E·D0001")},
    sites={"spoil": SPOIL, "depot": DEPOT},
    routes=(
        Route("road", 1, "Road", "路", ROAD, validity=OLD),
        Route("road", 2, "Road", "路", ROAD, validity=NEW),
        Route("other", 1, "Other", "别", ROAD),
    ),
    permits=(
        Permit("old", "lorry", route_ids=("road", "other"), validity=OLD),
        Permit("new", "lorry", route_ids=("road",), site_ids=("elsewhere",), validity=NEW),
    ),
)


def test_validity_begins_with_its_start_and_ends_before_its_end() -> None:
    validity = Validity(10, 20)
    assert [validity.covers(ts) for ts in (9, 10, 19, 20)] == [False, True, True, False]
    assert Validity().covers(0)
    assert Validity(10, 10).is_empty


def test_intervals_that_meet_do_not_overlap() -> None:
    assert not OLD.overlaps(NEW)
    assert not NEW.overlaps(OLD)
    assert Validity(0, 1_001).overlaps(NEW)
    assert Validity().overlaps(OLD)


def test_a_device_is_valid_from_its_beginning_on() -> None:
    validity = CITY.devices["truck"].validity
    assert (validity.covers(999), validity.covers(1_000)) == (False, True)


def test_route_versions_follow_device_time() -> None:
    assert [(route.id, route.version) for route in CITY.routes_of("lorry", 999)] == [("road", 1), ("other", 1)]
    assert [(route.id, route.version) for route in CITY.routes_of("lorry", 1_000)] == [("road", 2)]
    assert list(CITY.routes_of("unregistered", 0)) == []


def test_routes_keep_the_citys_order_whatever_the_permits() -> None:
    routes = tuple(Route(name, version, "", "", ROAD) for version in (1, 2) for name in ("c", "a", "b"))
    permits = (Permit("p", "lorry", route_ids=("a", "c", "a", "lost")), Permit("q", "lorry", route_ids=("c",)))
    city = City("", "", "", "UTC", CITY.centre, routes=routes, permits=permits)
    found = [(route.id, route.version) for route in city.routes_of("lorry", 0)]
    assert found == [("c", 1), ("a", 1), ("c", 2), ("a", 2)]


def test_vehicles_with_the_same_approvals_share_them() -> None:
    permits = [Permit(name, name, route_ids=("road",)) for name in ("one", "two")]
    permits.append(Permit("for now", "three", route_ids=("road",), validity=OLD))
    city = City("", "", "", "UTC", CITY.centre, routes=CITY.routes, permits=tuple(permits))
    assert city.approvals_of("one") is city.approvals_of("two")
    assert [route.version for route in city.approved_at(city.approvals_of("two"), 1_000)] == [2]
    assert city.approved_at(city.approvals_of("three"), 1_000) == []


def test_permit_without_sites_allows_tipping_on_every_site_of_a_tipping_kind() -> None:
    assert CITY.may_tip("lorry", SPOIL, 0)
    assert not CITY.may_tip("lorry", DEPOT, 0)


def test_permit_with_sites_allows_tipping_on_those_only() -> None:
    assert not CITY.may_tip("lorry", SPOIL, 1_000)


def test_nobody_tips_without_a_permit() -> None:
    assert not CITY.may_tip("unregistered", SPOIL, 0)
