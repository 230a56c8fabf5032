"""The city of a trial: the demonstration city's places with a fleet, hours of hauls and deposits, a forbidden zone
beside each route and a border around its work.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

from shapely import LineString, MultiPoint, Polygon

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.hours import Hours
from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Route, Site, Zone, ZoneKind
from devices.geo.geometry import XY, LatLon
from simulators.vehicles.haul import Haul

TRUCKS: Final = 24
POINTS: Final = 8
_ROUTES: Final = 6
_TARE_KG: Final = (12_400.0, 14_600.0)
_PAYLOADS_KG: Final = (12_000.0, 15_000.0, 16_000.0, 18_000.0)
HOURS: Final = Hours(7 * 60, 19 * 60)
"""When permits allow hauls, in minutes of the day."""
_DEPOSIT_HOURS: Final = (
    (Hours(6 * 60 + 30, 9 * 60), Hours(17 * 60 + 30, 20 * 60 + 30)),
    (Hours(7 * 60, 9 * 60 + 30), Hours(11 * 60 + 30, 13 * 60)),
    (Hours(8 * 60, 11 * 60), Hours(14 * 60, 17 * 60)),
)
_ZONE_ASIDE_M: Final = 280.0
_ZONE_HALF_LENGTH_M: Final = 550.0
_ZONE_HALF_WIDTH_M: Final = 150.0
_ZONE_CLEAR_M: Final = 80.0
_BORDER_M: Final = 1_000.0
"""The border runs this far outside the routes."""


def truck_id(number: int) -> str:
    return f"truck-{number + 1:03}"


def forbidden_zone_of(haul: Haul) -> str:
    """Id of the forbidden zone beside the route of a haul, if there was room for one."""
    return f"closed-{haul.destination_site_id}-{round(haul.out.length_m)}"


def town(rng: Random, interval_s: int) -> City:
    """A city with `TRUCKS` trucks on six of its routes, that report every `interval_s`."""
    city = read_city(JINCHENG)
    routes = _routes(city, rng)
    devices = {
        truck_id(n): Device(
            truck_id(n),
            DeviceRole.TRUCK,
            vehicle_id=f"vehicle-{n + 1:03}",
            fleet=city.fleets[n % len(city.fleets)].id,
            district="urban",
            report_interval_s=interval_s,
        )
        for n in range(TRUCKS)
    }
    of_points = [device for device in city.devices.values() if device.role is DeviceRole.RECYCLING_POINT]
    points = rng.sample(of_points, POINTS)
    devices |= {device.id: device for device in points}
    for role in (DeviceRole.WEIGHBRIDGE, DeviceRole.STATION_LINE):
        devices |= {device.id: device for device in city.devices.values() if device.role is role}
    vehicles = {
        f"vehicle-{n + 1:03}": Vehicle(
            f"vehicle-{n + 1:03}",
            f"晋E·S{n + 1:04}",
            tare_kg=round(rng.uniform(*_TARE_KG), -1),
            payload_kg=rng.choice(_PAYLOADS_KG),
        )
        for n in range(TRUCKS)
    }
    permits = tuple(
        Permit(
            f"permit-{n + 1:03}",
            f"vehicle-{n + 1:03}",
            (routes[n % _ROUTES].id,),
            (routes[n % _ROUTES].destination_site_id or "",),
            hours=(HOURS,),
        )
        for n in range(TRUCKS)
    )
    sites = {**city.sites, **_with_hours(city, points, rng)}
    return replace(city, devices=devices, vehicles=vehicles, permits=permits, routes=routes, sites=sites, zones=())


def _routes(city: City, rng: Random) -> tuple[Route, ...]:
    """Two routes that end at one weighbridge, so that it weighs more trucks than those of one route; and any others."""
    bridges = {device.site_id for device in city.devices.values() if device.role is DeviceRole.WEIGHBRIDGE}
    ends: dict[str, list[Route]] = {}
    for route in city.routes:
        ends.setdefault(route.destination_site_id or "", []).append(route)
    shared = rng.choice([routes for site_id, routes in ends.items() if site_id in bridges and len(routes) > 1])
    pair = rng.sample(shared, 2)
    others = rng.sample([route for route in city.routes if route not in pair], _ROUTES - 2)
    routes = [*pair, *others]
    rng.shuffle(routes)
    return tuple(routes)


def _with_hours(city: City, points: Sequence[Device], rng: Random) -> dict[str, Site]:
    """The sites of these points: every second one lets people deposit at some hours only."""
    sites: dict[str, Site] = {}
    for number, point in enumerate(points):
        site = city.site_of(point, 0)
        if site is not None:
            hours = rng.choice(_DEPOSIT_HOURS) if number % 2 == 0 else ()
            sites[site.id] = replace(site, deposit_hours=hours)
    return sites


def with_zones(city: City, hauls: Sequence[Haul]) -> City:
    """The city with a forbidden zone beside each route where there is room, and a border around all of them."""
    lines = [_flat(city, route) for route in city.routes]
    zones: dict[str, Zone] = {}
    for haul in hauls:
        zone_id = forbidden_zone_of(haul)
        if zone_id not in zones and (area := _room_for_zone(haul, lines)) is not None:
            zones[zone_id] = Zone(zone_id, 1, ZoneKind.FORBIDDEN, "Closed quarter", "禁行片区", _degrees(city, area))
    hull = MultiPoint([point for line in lines for point in line.coords]).convex_hull.buffer(_BORDER_M, quad_segs=2)
    border = Zone("border", 1, ZoneKind.JURISDICTION, "Urban area", "市区", _degrees(city, hull))
    return replace(city, zones=(*zones.values(), border))


def _room_for_zone(haul: Haul, lines: Sequence[LineString]) -> Polygon | None:
    """An area along the route, beside it, and clear of every route; None if there is none."""
    for share in (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3):
        at_m = haul.out.length_m * share
        middle, heading = haul.out.at(at_m), math.radians(haul.out.heading_deg(at_m))
        for side in (-1, 1):
            across = heading + side * math.pi / 2
            centre = _moved(middle, across, _ZONE_ASIDE_M)
            corners = [
                _moved(_moved(centre, heading, along * _ZONE_HALF_LENGTH_M), across, aside * _ZONE_HALF_WIDTH_M)
                for along, aside in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            ]
            area = Polygon([(corner.x, corner.y) for corner in corners])
            if all(line.distance(area) >= _ZONE_CLEAR_M for line in lines):
                return area
    return None


def _moved(start: XY, direction: float, metres: float) -> XY:
    return XY(start.x + metres * math.sin(direction), start.y + metres * math.cos(direction))


def _flat(city: City, route: Route) -> LineString:
    places = [city.plane.xy(LatLon(lat=corner[1], lon=corner[0])) for corner in route.line.coords]
    return LineString([(place.x, place.y) for place in places])


def _degrees(city: City, area: Polygon) -> Polygon:
    places = [city.plane.latlon(XY(x, y)) for x, y in area.exterior.coords]
    return Polygon([(place.lon, place.lat) for place in places])
