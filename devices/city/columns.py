"""A city as rows of columns, as the registry's tables hold them, and packed into bytes, as files hold it.

Geometries are WKB in WGS-84, x = lon, y = lat; times are device time, ms since 1970 UTC.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import msgspec
import shapely

from devices.city.haulage import Driver, Haulier, Licence, LoadUnit, Permit, Vehicle, VehicleKind
from devices.city.hours import Hours
from devices.city.model import Area, City, Device, DeviceRole, Profile
from devices.city.sites import Gate, GateUse, Hotspot, Route, Site, SiteKind, Validity, Zone, ZoneKind
from devices.geo.geometry import Datum, LatLon

Values = dict[str, Any]
Row = Mapping[Any, Any]
Rows = Mapping[str, Sequence[Row]]
"""Rows by table: city, haulier, driver, vehicle, site, gate, route, zone, profile, device, permit, licence, hotspot; a
row for each version. The registry has no table of hotspots: they are its suspected sites that people accepted."""

_FORMAT: Final = 1
_LISTS_OF_A_PERMIT: Final = ("route_ids", "site_ids", "area_ids", "source_ids", "streams")


def rows_of(city: City) -> dict[str, list[Values]]:
    """The rows of a city, in an order in which no row refers to a later one; versions in the order of their numbers."""
    vehicles = sorted((*city.past_vehicles, *city.vehicles.values()), key=lambda vehicle: (vehicle.id, vehicle.version))
    sites = sorted((*city.past_sites, *city.sites.values()), key=lambda site: (site.id, site.version))
    return {
        "city": [_city_values(city)],
        "haulier": [_values(haulier) for haulier in city.hauliers],
        "driver": [_values(driver) for driver in city.drivers],
        "vehicle": [_vehicle_values(vehicle) for vehicle in vehicles],
        "site": [_site_values(site) for site in sites],
        "gate": [_gate_values(gate) for gate in city.gates],
        "route": [_route_values(route) for route in city.routes],
        "zone": [_zone_values(zone) for zone in city.zones],
        "profile": [_profile_values(profile) for profile in city.profiles.values()],
        "device": [device_values(device) for device in city.devices.values()],
        "permit": [_permit_values(permit) for permit in city.permits],
        "licence": [_licence_values(licence) for licence in city.licences],
        "hotspot": [_hotspot_values(hotspot) for hotspot in city.hotspots],
    }


def city_of(rows: Rows, revision: int) -> City:
    """The inverse of `rows_of`; versions of one site or vehicle are in the order of their numbers."""
    [head] = rows["city"]
    vehicles = [_vehicle(row) for row in rows["vehicle"]]
    newest_vehicles = {vehicle.id: vehicle for vehicle in vehicles}
    versions = [_site(row) for row in rows["site"]]
    newest = {site.id: site for site in versions}
    return City(
        id=head["id"],
        name=head["name"],
        name_zh=head["name_zh"],
        timezone=head["timezone"],
        centre=LatLon(lat=head["centre_lat"], lon=head["centre_lon"]),
        revision=revision,
        devices={row["id"]: _device(row) for row in rows["device"]},
        vehicles=newest_vehicles,
        past_vehicles=tuple(vehicle for vehicle in vehicles if vehicle is not newest_vehicles[vehicle.id]),
        sites=newest,
        past_sites=tuple(site for site in versions if site is not newest[site.id]),
        routes=tuple(map(_route, rows["route"])),
        permits=tuple(map(_permit, rows["permit"])),
        zones=tuple(map(_zone, rows.get("zone", ()))),
        gates=tuple(map(_gate, rows.get("gate", ()))),
        hauliers=tuple(Haulier(**_attributes(row)) for row in rows.get("haulier", ())),
        licences=tuple(map(_licence, rows.get("licence", ()))),
        drivers=tuple(Driver(**_attributes(row)) for row in rows.get("driver", ())),
        profiles={row["id"]: Profile(**row) for row in rows.get("profile", ())},
        hotspots=tuple(map(_hotspot, rows.get("hotspot", ()))),
        districts=_areas(head, "districts"),
        fleets=_areas(head, "fleets"),
        region_margin_km=head["region_margin_km"],
    )


def _vehicle_values(vehicle: Vehicle) -> Values:
    kinds = {"kind": str(vehicle.kind), "load_unit": str(vehicle.load_unit)}
    return _values(vehicle) | kinds | {"tags": list(vehicle.tags)}


def _vehicle(row: Row) -> Vehicle:
    """Rows of an earlier version have neither kind, unit nor tags."""
    kind = VehicleKind(row.get("kind", VehicleKind.CONSTRUCTION_WASTE))
    unit = LoadUnit(row.get("load_unit", LoadUnit.KILOGRAM))
    return Vehicle(**{**_attributes(row), "kind": kind, "load_unit": unit, "tags": tuple(row.get("tags", ()))})


def pack_city(city: City) -> bytes:
    """The city with its revision, compressed: 27 kB of the demonstration city, 2.6 MB of one with 100,000 trucks.

    Without drivers: judgement asks for no person, and the raw log is no place for one.
    """
    rows = {name: of_table for name, of_table in rows_of(city).items() if name != "driver"}
    body = {"format": _FORMAT, "revision": city.revision, "rows": rows}
    return zlib.compress(msgspec.msgpack.encode(body))


def unpack_city(packed: bytes) -> City:
    """The inverse of `pack_city`. Raises ValueError: the bytes are damaged, or of a later version."""
    try:
        body = msgspec.msgpack.decode(zlib.decompress(packed))
        if body["format"] != _FORMAT:
            raise ValueError(f"format {body['format']!r} is unknown")
        return city_of(body["rows"], body["revision"])
    except (zlib.error, msgspec.MsgspecError, shapely.errors.ShapelyError, LookupError, TypeError) as exc:
        raise ValueError(f"a packed city cannot be read: {exc}") from exc


def _city_values(city: City) -> Values:
    return {
        "id": city.id,
        "name": city.name,
        "name_zh": city.name_zh,
        "timezone": city.timezone,
        "centre_lat": city.centre.lat,
        "centre_lon": city.centre.lon,
        "region_margin_km": city.region_margin_km,
        "districts": [asdict(area) for area in city.districts],
        "fleets": [asdict(area) for area in city.fleets],
    }


def _areas(head: Row, name: str) -> tuple[Area, ...]:
    """None in a city that was packed before areas had names."""
    return tuple(Area(**values) for values in head.get(name, ()))


def _values(entity: Device | Driver | Gate | Haulier | Licence | Permit | Route | Site | Vehicle | Zone) -> Values:
    """Return the columns of an entity: its fields under their own names, with its validity as two columns."""
    values = {field.name: getattr(entity, field.name) for field in fields(entity)}
    del values["validity"]
    return values | {"valid_from_ms": entity.validity.start_ms, "valid_until_ms": entity.validity.end_ms}


def _attributes(row: Row) -> Values:
    """Return the fields of an entity from its columns: the inverse of `_values`."""
    attributes = dict(row)
    return attributes | {"validity": Validity(attributes.pop("valid_from_ms"), attributes.pop("valid_until_ms"))}


def device_values(device: Device) -> Values:
    """The row of one device."""
    return _values(device) | {"role": str(device.role), "datum": str(device.datum)}


def _profile_values(profile: Profile) -> Values:
    return {"id": profile.id, "dialect": profile.dialect, "settings": dict(profile.settings)}


def _device(row: Row) -> Device:
    return Device(**_attributes(row) | {"role": DeviceRole(row["role"]), "datum": Datum(row["datum"])})


def _site_values(site: Site) -> Values:
    lists = {"deposit_hours": _hour_pairs(site.deposit_hours), "streams": list(site.streams)}
    values = _values(site) | lists | {"kind": str(site.kind)}
    return values | {"area_wkb": shapely.to_wkb(values.pop("area"))}


def _site(row: Row) -> Site:
    lists = {"deposit_hours": _hours(row, "deposit_hours"), "streams": tuple(row.get("streams", ()))}
    attributes = _attributes(row) | lists | {"kind": SiteKind(row["kind"])}
    return Site(**attributes | {"area": shapely.from_wkb(attributes.pop("area_wkb"))})


def _route_values(route: Route) -> Values:
    values = _values(route) | {"hours": _hour_pairs(route.hours), "standing_for": list(map(str, route.standing_for))}
    return values | {"line_wkb": shapely.to_wkb(values.pop("line"))}


def _route(row: Row) -> Route:
    lists = {"hours": _hours(row, "hours"), "standing_for": tuple(row.get("standing_for", ()))}
    attributes = _attributes(row) | lists
    return Route(**attributes | {"line": shapely.from_wkb(attributes.pop("line_wkb"))})


def _zone_values(zone: Zone) -> Values:
    values = _values(zone) | {"kind": str(zone.kind)}
    return values | {"area_wkb": shapely.to_wkb(values.pop("area"))}


def _zone(row: Row) -> Zone:
    attributes = _attributes(row) | {"kind": ZoneKind(row["kind"])}
    return Zone(**attributes | {"area": shapely.from_wkb(attributes.pop("area_wkb"))})


def _gate_values(gate: Gate) -> Values:
    values = _values(gate) | {"use": str(gate.use), "lat": gate.place.lat, "lon": gate.place.lon}
    del values["place"]
    return values


def _gate(row: Row) -> Gate:
    attributes = _attributes(row) | {"use": GateUse(row["use"])}
    place = LatLon(lat=attributes.pop("lat"), lon=attributes.pop("lon"))
    return Gate(**attributes, place=place)


def _licence_values(licence: Licence) -> Values:
    return _values(licence) | {name: list(getattr(licence, name)) for name in ("area_ids", "streams")}


def _licence(row: Row) -> Licence:
    return Licence(**_attributes(row) | {name: tuple(row[name]) for name in ("area_ids", "streams")})


def _permit_values(permit: Permit) -> Values:
    lists = {name: list(getattr(permit, name)) for name in _LISTS_OF_A_PERMIT}
    return _values(permit) | lists | {"hours": _hour_pairs(permit.hours)}


def _permit(row: Row) -> Permit:
    lists = {name: tuple(row.get(name, ())) for name in _LISTS_OF_A_PERMIT}
    return Permit(**_attributes(row) | lists | {"hours": _hours(row, "hours")})


def _hour_pairs(hours: Sequence[Hours]) -> list[list[int]]:
    return [[each.start_min, each.end_min] for each in hours]


def _hours(row: Row, name: str) -> tuple[Hours, ...]:
    """None in a city that was packed before there were any."""
    return tuple(Hours(*pair) for pair in row.get(name, ()))


def _hotspot_values(hotspot: Hotspot) -> Values:
    place = hotspot.place
    return {"id": hotspot.id, "lat": place.lat, "lon": place.lon, "radius_m": hotspot.radius_m}


def _hotspot(row: Row) -> Hotspot:
    return Hotspot(row["id"], LatLon(lat=row["lat"], lon=row["lon"]), row["radius_m"])
