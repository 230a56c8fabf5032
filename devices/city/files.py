"""Reader of a city's folder: city.yaml, sites.geojson, routes.geojson, devices.yaml, vehicles.yaml, permits.yaml.

`haulwatch city import` calls it. Coordinates are [lon, lat]; every GeoJSON file or feature names its datum, and GCJ-02
is converted to WGS-84 here. A date is midnight in the city's timezone; `valid_from` is inclusive, `valid_until`
exclusive. One run finds all faults: each line of a CityFileError names the file, the feature, the field and the fix.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.city.rows import (
    CityRow,
    DeviceRow,
    Entry,
    Feature,
    PermitRow,
    Problems,
    RouteRow,
    SiteRow,
    ValidRowT,
    VehicleRow,
    read_city_row,
    read_features,
    read_rows,
)
from devices.city.shapes import Frame, ShapeError, area_of, line_of, place_of
from devices.city.sites import Route, Site
from devices.errors import OperatorError
from devices.geo.geometry import LatLon, LocalPlane
from devices.readings.ids import UNREGISTRABLE_IDS

Drawn = TypeVar("Drawn", Site, Route)


class CityFileError(OperatorError):
    """The folder is not a city that can be imported; nothing was imported."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        """One line each: file, feature, field, fix."""


def read_city(directory: Path) -> City:
    """Read the city of a folder, with revision 0. Raises CityFileError."""
    problems = Problems()
    head = read_city_row(directory / "city.yaml", problems)
    if head is None:
        raise CityFileError(problems.lines)
    centre, zone = _centre(head), head.timezone
    plane = LocalPlane(centre)

    sites = read_features(directory / "sites.geojson", SiteRow, problems)
    routes = read_features(directory / "routes.geojson", RouteRow, problems)
    vehicles = read_rows(directory / "vehicles.yaml", VehicleRow, problems)
    devices = read_rows(directory / "devices.yaml", DeviceRow, problems)
    permits = read_rows(directory / "permits.yaml", PermitRow, problems)

    _check_entries(sites, lambda row: (row.id, row.version), zone, problems)
    _check_entries(routes, lambda row: (row.id, row.version), zone, problems)
    _check_entries(vehicles, lambda row: row.id, zone, problems)
    _check_entries(devices, lambda row: row.id, zone, problems)
    _check_entries(permits, lambda row: row.id, zone, problems)
    _check_overlaps(sites, lambda row: row.id, "two versions of a site at one time", zone, problems)
    _check_overlaps(devices, lambda row: row.vehicle, "two terminals on one vehicle at one time", zone, problems)
    _check_devices(devices, problems)
    references = _References(sites, routes, vehicles, problems)
    for device in devices:
        references.check(device, "vehicle", [device.row.vehicle])
        references.check(device, "site", [device.row.site])
    for route in routes:
        references.check(route, "site", [route.row.origin], "origin")
        references.check(route, "site", [route.row.destination], "destination")
    for permit in permits:
        references.check(permit, "vehicle", [permit.row.vehicle])
        references.check(permit, "route", permit.row.routes, "routes")
        references.check(permit, "site", permit.row.sites, "sites")

    areas = _drawn(sites, lambda feature: _site(feature, plane, zone), problems)
    lines = _drawn(routes, lambda feature: _route(feature, plane, zone), problems)
    if problems.lines:
        raise CityFileError(problems.lines)
    areas.sort(key=lambda site: (site.id, site.version))
    newest = {site.id: site for site in areas}
    return City(
        id=head.id,
        name=head.name,
        name_zh=head.name_zh,
        timezone=zone.key,
        centre=centre,
        devices={entry.row.id: _device(entry.row, zone) for entry in devices},
        vehicles={entry.row.id: _vehicle(entry.row, zone) for entry in vehicles},
        sites=newest,
        past_sites=tuple(site for site in areas if site is not newest[site.id]),
        routes=tuple(lines),
        permits=tuple(_permit(entry.row, zone) for entry in permits),
        region_margin_km=head.region_margin_km,
    )


class _References:
    """Check of references to sites, routes and vehicles against the ids that the files define."""

    def __init__(
        self,
        sites: Iterable[Feature[SiteRow]],
        routes: Iterable[Feature[RouteRow]],
        vehicles: Iterable[Entry[VehicleRow]],
        problems: Problems,
    ) -> None:
        self._problems = problems
        self._ids = {
            "site": {site.row.id for site in sites},
            "route": {route.row.id for route in routes},
            "vehicle": {vehicle.row.id for vehicle in vehicles},
        }
        self._files = {"site": "sites.geojson", "route": "routes.geojson", "vehicle": "vehicles.yaml"}

    def check(self, entry: Entry[ValidRowT], noun: str, ids: Iterable[str | None], name: str | None = None) -> None:
        file = self._files[noun]
        if file in self._problems.incomplete_files:
            return
        for referred in ids:
            if referred is not None and referred not in self._ids[noun] | self._problems.faulty_ids:
                fault = f"{referred!r} is not in {file}: add it there or correct the name"
                self._problems.add(entry.where, name or noun, fault)


def _check_entries(
    entries: Iterable[Entry[ValidRowT]], key: Callable[[ValidRowT], Hashable], zone: ZoneInfo, problems: Problems
) -> None:
    seen: set[Hashable] = set()
    for entry in entries:
        if key(entry.row) in seen:
            problems.add(entry.where, "id", "used twice in this file: give each entry, or each version of it, its own")
        seen.add(key(entry.row))
        if entry.row.validity(zone).is_empty:
            problems.add(entry.where, "valid_until", "not after valid_from: it is the first moment no longer covered")


def _check_overlaps(
    entries: Sequence[Entry[ValidRowT]],
    key: Callable[[ValidRowT], str | None],
    fault: str,
    zone: ZoneInfo,
    problems: Problems,
) -> None:
    by_key: dict[str, list[Entry[ValidRowT]]] = {}
    for entry in entries:
        if (value := key(entry.row)) is not None:
            by_key.setdefault(value, []).append(entry)
    for group in by_key.values():
        for first, second in combinations(group, 2):
            if first.row.validity(zone).overlaps(second.row.validity(zone)):
                problems.add(second.where, "valid_from", f"{fault}: end the earlier one with valid_until")


def _check_devices(devices: Iterable[Entry[DeviceRow]], problems: Problems) -> None:
    for entry in devices:
        row = entry.row
        if row.id in UNREGISTRABLE_IDS:
            problems.add(entry.where, "id", "reserved for Haulwatch itself: choose another")
        if row.role is DeviceRole.TRUCK and row.vehicle is None:
            problems.add(entry.where, "vehicle", "missing: a truck's terminal names its vehicle")
        if row.role is not DeviceRole.TRUCK and row.site is None:
            problems.add(entry.where, "site", f"missing: a {row.role} names the site it stands on")


def _drawn(
    features: Iterable[Feature[ValidRowT]], draw: Callable[[Feature[ValidRowT]], Drawn], problems: Problems
) -> list[Drawn]:
    drawn = []
    for feature in features:
        try:
            drawn.append(draw(feature))
        except ShapeError as exc:
            problems.add(feature.where, exc.field, exc.fault)
    return drawn


def _centre(head: CityRow) -> LatLon:
    try:
        return place_of(head.centre, head.datum)
    except ShapeError as exc:
        raise CityFileError([f"city.yaml: centre: {exc.fault}"]) from exc


def _site(feature: Feature[SiteRow], plane: LocalPlane, zone: ZoneInfo) -> Site:
    row = feature.row
    area = area_of(feature.geometry, row.radius_m, Frame(plane, feature.datum))
    return Site(row.id, row.kind, row.name, row.name_zh, area, row.district, row.validity(zone), row.version)


def _route(feature: Feature[RouteRow], plane: LocalPlane, zone: ZoneInfo) -> Route:
    row = feature.row
    line = line_of(feature.geometry, Frame(plane, feature.datum))
    return Route(row.id, row.version, row.name, row.name_zh, line, row.origin, row.destination, row.validity(zone))


def _vehicle(row: VehicleRow, zone: ZoneInfo) -> Vehicle:
    return Vehicle(row.id, row.plate, row.carrier, row.tare_kg, row.payload_kg, row.validity(zone))


def _device(row: DeviceRow, zone: ZoneInfo) -> Device:
    return Device(
        id=row.id,
        role=row.role,
        name=row.name,
        vehicle_id=row.vehicle,
        site_id=row.site,
        fleet=row.fleet,
        district=row.district,
        report_interval_s=row.report_interval_s,
        validity=row.validity(zone),
        datum=row.datum,
    )


def _permit(row: PermitRow, zone: ZoneInfo) -> Permit:
    return Permit(row.id, row.vehicle, tuple(row.routes), tuple(row.sites), row.validity(zone))
