"""The city of a night of haulage: places of the demonstration city, with weighbridges and a fleet for `LEGS`."""

from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Final, NamedTuple

from shapely import LineString, Point, Polygon

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.haulage import Vehicle, VehicleKind
from devices.city.model import City, Device, DeviceRole, Permit
from devices.city.sites import SOURCES, Route, Site, SiteKind
from devices.geo.geometry import XY, LatLon
from simulators.haulage.works import KITCHEN_PLANT, LEGS, SEWAGE_WORKS, WEIGHED_AT_SOURCE, YARD, Leg
from simulators.vehicles.drive import Way

_INTERVALS_S: Final = (10, 20, 30, 60)
_INTERVAL_SHARES: Final = (1, 2, 4, 3)
_TARES_KG: Final = (12_400.0, 14_600.0)
_SMALL_TARES_KG: Final = (7_800.0, 9_200.0)
_PAYLOADS_KG: Final = (15_000.0, 16_000.0, 18_000.0)
_SMALL_PAYLOADS_KG: Final = (6_000.0, 7_500.0)


class _NewPlace(NamedTuple):
    """A round site that the demonstration city does not have."""

    id: str
    kind: SiteKind
    name: str
    name_zh: str
    centre: LatLon
    radius_m: float
    district: str


_NEW: Final = (
    _NewPlace(
        YARD, SiteKind.TRANSFER_STATION, "Allocation yard", "建筑垃圾调配场", LatLon(35.4905, 112.806), 110.0, "urban"
    ),
    _NewPlace(
        KITCHEN_PLANT, SiteKind.RECYCLING_PLANT, "Kitchen waste plant", "厨余垃圾处理厂", LatLon(35.448, 112.905),
        120.0, "zezhou",
    ),
    _NewPlace(SEWAGE_WORKS, SiteKind.DEPOT, "Sewage works", "污水处理厂", LatLon(35.456, 112.87), 120.0, "zezhou"),
)  # fmt: skip
_BEND: Final = 0.1
"""A road swings out by this share of its length."""


def bridge_of(site_id: str) -> str:
    return f"bridge-{site_id}"


def town(trucks: int, rng: Random) -> City:
    """A city with so many trucks, each with one leg. Plates begin with B, D or S, so that B may be misread as 8."""
    city = read_city(JINCHENG)
    sites = {site_id: city.sites[site_id] for leg in LEGS for site_id in places_of(leg) if site_id in city.sites}
    sites |= {new.id: _new_site(city, new) for new in _NEW}
    sites = {site_id: replace(site, streams=_streams(site), deposit_hours=()) for site_id, site in sites.items()}
    weighed = {site_id for leg in LEGS for site_id in (leg.destination, leg.other)} | WEIGHED_AT_SOURCE
    devices = {
        bridge_of(site_id): Device(
            bridge_of(site_id), DeviceRole.WEIGHBRIDGE, site_id=site_id, district=sites[site_id].district
        )
        for site_id in sorted(weighed)
    }
    vehicles: dict[str, Vehicle] = {}
    permits: list[Permit] = []
    for n, leg in enumerate(LEGS[n % len(LEGS)] for n in range(trucks)):
        vehicle_id, device_id = f"vehicle-{n + 1:03}", f"truck-{n + 1:03}"
        small = leg.kind is not VehicleKind.CONSTRUCTION_WASTE
        haulier = city.hauliers[n % len(city.hauliers)]
        vehicles[vehicle_id] = Vehicle(
            vehicle_id,
            f"晋E·{'BDS'[n % 3]}{n + 1:04}",
            carrier=f"{haulier.name} {haulier.name_zh}",
            tare_kg=round(rng.uniform(*(_SMALL_TARES_KG if small else _TARES_KG)), -1),
            payload_kg=rng.choice(_SMALL_PAYLOADS_KG if small else _PAYLOADS_KG),
            kind=leg.kind,
            haulier_id=haulier.id,
        )
        devices[device_id] = Device(
            device_id, DeviceRole.TRUCK, vehicle_id=vehicle_id, fleet=haulier.fleet, district="urban",
            report_interval_s=rng.choices(_INTERVALS_S, _INTERVAL_SHARES)[0],
        )  # fmt: skip
        allowed = (leg.destination, leg.other)
        permits.append(Permit(f"permit-{n + 1:03}", vehicle_id, (f"route-{leg.id}",), allowed))
    city = replace(
        city, sites=sites, past_sites=(), routes=(), zones=(), gates=(), licences=(), drivers=(), devices=devices,
        vehicles=vehicles, permits=tuple(permits),
    )  # fmt: skip
    return replace(city, routes=tuple(_route(city, leg) for leg in LEGS))


def leg_of(city: City, vehicle_id: str) -> Leg:
    """The work of a vehicle."""
    route = next(permit.route_ids[0] for permit in city.permits if permit.vehicle_id == vehicle_id)
    return next(leg for leg in LEGS if route == f"route-{leg.id}")


def places_of(leg: Leg) -> tuple[str, ...]:
    """Sites that trucks of a leg come to, in the order of a trip; the last one only after a rejection."""
    return (leg.source, *leg.stops, leg.destination, leg.other)


def place_of(city: City, site_id: str) -> XY:
    """A place within the fence."""
    inner = city.sites[site_id].area.representative_point()
    return city.plane.xy(LatLon(lat=inner.y, lon=inner.x))


def road(city: City, start: str, end: str) -> Way:
    """The road from one site to another: it swings out to one side."""
    a, b = place_of(city, start), place_of(city, end)
    side = _BEND if start < end else -_BEND  # the same road both ways
    middle = XY((a.x + b.x) / 2 + side * (b.y - a.y), (a.y + b.y) / 2 - side * (b.x - a.x))
    return Way.along([a, middle, b]).rounded()


def _streams(site: Site) -> tuple[str, ...]:
    """What is collected at a source; other sites have none in a registry."""
    return tuple(sorted({leg.stream for leg in LEGS if site.kind in SOURCES and site.id in places_of(leg)}))


def _new_site(city: City, new: _NewPlace) -> Site:
    centre = city.plane.xy(new.centre)
    corners = Point(centre.x, centre.y).buffer(new.radius_m, quad_segs=3).exterior.coords
    places = [city.plane.latlon(XY(x, y)) for x, y in corners]
    area = Polygon([(place.lon, place.lat) for place in places])
    return Site(new.id, new.kind, new.name, new.name_zh, area, new.district)


def _route(city: City, leg: Leg) -> Route:
    stops = (leg.source, *leg.stops, leg.destination)
    points = [point for a, b in pairwise(stops) for point in road(city, a, b).points]
    places = [city.plane.latlon(point) for point in Way.along(points).points]
    line = LineString([(place.lon, place.lat) for place in places])
    return Route(f"route-{leg.id}", 1, leg.id, leg.id, line, leg.source, leg.destination)
