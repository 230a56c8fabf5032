"""A part of a city: what somebody sees who may not see all of it."""

from collections.abc import Callable
from dataclasses import replace

from devices.city.model import City, Device
from devices.city.sites import Site, ZoneKind


def part_of(city: City, sees: Callable[[Device], bool], districts: frozenset[str] | None) -> City:
    """The city with the devices that `sees` accepts, and what belongs to them.

    Of vehicles, permits and profiles, those of the devices; of hauliers, those of the vehicles or of the fleets of the
    devices, with their drivers and licences; of routes, those that the permits name or that stand for the vehicles; of
    sites, those without a district, those in the districts, and those that devices, routes or permits name, with their
    gates; of permitted areas, those that the permits or licences name; of districts and fleets, those of devices.
    Region and plane stay those of the whole city: a truck may be anywhere in it.
    """
    devices = {device.id: device for device in city.devices.values() if sees(device)}
    vehicle_ids = {device.vehicle_id for device in devices.values()}
    permits = tuple(permit for permit in city.permits if permit.vehicle_id in vehicle_ids)
    vehicles = {vehicle.id: vehicle for vehicle in city.vehicles.values() if vehicle.id in vehicle_ids}
    past_vehicles = tuple(vehicle for vehicle in city.past_vehicles if vehicle.id in vehicle_ids)
    kinds = {vehicle.kind for vehicle in (*vehicles.values(), *past_vehicles)}
    route_ids = {route_id for permit in permits for route_id in permit.route_ids}
    routes = tuple(one for one in city.routes if one.id in route_ids or not kinds.isdisjoint(one.standing_for))
    named = {device.site_id for device in devices.values()}
    named |= {site_id for permit in permits for site_id in (*permit.site_ids, *permit.source_ids)}
    named |= {site_id for route in routes for site_id in (route.origin_site_id, route.destination_site_id)}

    fleets = {device.fleet for device in devices.values()}
    haulier_ids = {vehicle.haulier_id for vehicle in (*vehicles.values(), *past_vehicles)}
    haulier_ids |= {haulier.id for haulier in city.hauliers if haulier.fleet is not None and haulier.fleet in fleets}
    licences = tuple(licence for licence in city.licences if licence.haulier_id in haulier_ids)
    area_ids = {area_id for permit in permits for area_id in permit.area_ids}
    area_ids |= {area_id for licence in licences for area_id in licence.area_ids}
    profile_ids = {device.profile for device in devices.values()}
    of_devices = {device.district for device in devices.values()}, fleets

    def is_shown(site: Site) -> bool:
        return site.district is None or site.id in named or (districts is not None and site.district in districts)

    sites = {site.id: site for site in city.sites.values() if is_shown(site)}
    part = replace(
        city,
        devices=devices,
        vehicles=vehicles,
        past_vehicles=past_vehicles,
        permits=permits,
        routes=routes,
        hauliers=tuple(haulier for haulier in city.hauliers if haulier.id in haulier_ids),
        drivers=tuple(driver for driver in city.drivers if driver.haulier_id in haulier_ids),
        licences=licences,
        profiles={id_: profile for id_, profile in city.profiles.items() if id_ in profile_ids},
        sites=sites,
        gates=tuple(gate for gate in city.gates if gate.site_id in sites),
        past_sites=tuple(site for site in city.past_sites if is_shown(site)),
        zones=tuple(zone for zone in city.zones if zone.kind is not ZoneKind.PERMITTED_AREA or zone.id in area_ids),
        districts=tuple(area for area in city.districts if area.id in of_devices[0] | (districts or frozenset())),
        fleets=tuple(area for area in city.fleets if area.id in of_devices[1]),
    )
    part._derived.region = city.region
    return part
