"""Checks of a manifest against the city: sites, vehicle, route and permits that it names. Pure."""

from typing import Final

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.city.sites import version_at
from rules.manifests.document import MAX_WINDOW_MS, ManifestDocument, ManifestRefused

_MAX_PERMITS: Final = 20


def terminal_of(document: ManifestDocument, city: City, at: int) -> Device:
    """The terminal by which the vehicle is followed. Raises ManifestRefused."""
    for _, device in sorted(city.devices.items()):
        is_its = device.role is DeviceRole.TRUCK and device.vehicle_id == document.vehicle_id
        if is_its and device.validity.covers(at):
            return device
    raise ManifestRefused(
        "vehicle_id", "it has no registered terminal, so nothing can follow the trip: register one, or name another"
    )


def checked(document: ManifestDocument, city: City) -> ManifestDocument:
    """The document with haulier, route version and permits filled in. Raises ManifestRefused."""
    vehicle = _vehicle(document, city)
    _check_sites(document, city)
    if document.arrive_by <= document.depart_at:
        raise ManifestRefused("arrive_by", "must be after depart_at")
    if document.arrive_by - document.depart_at > MAX_WINDOW_MS:
        raise ManifestRefused("arrive_by", "is more than a week after depart_at: give the window of one trip")
    quantity = document.quantity
    if quantity.tonnes is None and quantity.volume_m3 is None:
        raise ManifestRefused("quantity", "state tonnes, or volume_m3")
    found = {
        "haulier": document.haulier or vehicle.carrier or None,
        "route_version": _route_version(document, city),
        "permits": _permits(document, city),
    }
    return document.model_copy(update=found)


def _vehicle(document: ManifestDocument, city: City) -> Vehicle:
    vehicle = city.vehicle_at(document.vehicle_id, document.depart_at)
    if vehicle is None or not vehicle.validity.covers(document.depart_at):
        raise ManifestRefused("vehicle_id", "name a vehicle that is registered then: GET /api/v1/trucks lists them")
    return vehicle


def _check_sites(document: ManifestDocument, city: City) -> None:
    source, destination = (
        version_at(city.versions_of_site(site_id), document.depart_at)
        for site_id in (document.source_id, document.destination_id)
    )
    if source is None or not source.validity.covers(document.depart_at):
        raise ManifestRefused("source_id", "name a site that is registered then: GET /api/v1/sites lists them")
    if destination is None:
        raise ManifestRefused("destination_id", "name a registered site: GET /api/v1/sites lists them")
    if source.id == destination.id:
        raise ManifestRefused("destination_id", "name another site than the source")
    if not city.may_tip(document.vehicle_id, destination, document.depart_at):
        raise ManifestRefused("destination_id", "no permit lets this vehicle tip there: name a site where it may")


def _route_version(document: ManifestDocument, city: City) -> int | None:
    if document.route_id is None:
        return None
    versions = [
        route.version
        for route in city.routes
        if route.id == document.route_id
        and document.route_version in {None, route.version}
        and route.validity.covers(document.depart_at)
    ]
    if not versions:
        raise ManifestRefused(
            "route_id", "name a route that is registered then, and a version of it that holds at depart_at"
        )
    return max(versions)


def _permits(document: ManifestDocument, city: City) -> tuple[str, ...]:
    valid = [permit.id for permit in city.permits_of(document.vehicle_id, document.depart_at)]
    if not document.permits:
        return tuple(valid[:_MAX_PERMITS])
    for permit in document.permits:
        if permit not in valid:
            raise ManifestRefused("permits", f"{permit!r} is no permit of this vehicle that is valid at depart_at")
    return document.permits
