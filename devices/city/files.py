"""Reader of a city's folder: city.yaml, sites.geojson, routes.geojson, devices.yaml, vehicles.yaml, permits.yaml, and
zones.geojson where the city has zones.

`haulwatch city import` calls it. Coordinates are [lon, lat]; every GeoJSON file or feature names its datum, and GCJ-02
is converted to WGS-84 here. A date is midnight in the city's timezone; `valid_from` is inclusive, `valid_until`
exclusive. One run finds all faults: each line of a CityFileError names the file, the feature, the field and the fix.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from devices.city.fields import Areas, DeviceRow, PermitRow, RouteRow, SiteRow, VehicleRow, ZoneRow
from devices.city.model import Area, City, Device, DeviceRole, Permit, Vehicle
from devices.city.rows import Entry, Feature, Head, Problems, ValidRowT, read_features, read_head, read_rows
from devices.city.shapes import Frame, ShapeError, area_of, line_of, place_of
from devices.city.sites import SOURCES, Route, Site, SiteKind, Zone, ZoneKind
from devices.errors import OperatorError
from devices.geo.geometry import Datum, LatLon, LocalPlane
from devices.readings.ids import UNREGISTRABLE_IDS
from devices.spelling import did_you_mean

Drawn = TypeVar("Drawn", Site, Route, Zone)
Fenced = TypeVar("Fenced", SiteRow, ZoneRow)

_MOST_GUESSES: Final = 20
_ANY_ZONE: Final = ZoneInfo("UTC")
_ANY_DATUM: Final = Datum.WGS84
_ANY_RADIUS_M: Final = 1.0
"""In place of what is faulty: a city with a fault is never returned, these serve to find its other faults."""


class CityFileError(OperatorError):
    """The folder is not a city that can be imported; nothing was imported."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        """One line each: file, feature, field, fix."""


def read_city(directory: Path) -> City:
    """Read the city of a folder, with revision 0. Raises CityFileError."""
    problems = Problems()
    head = read_head(directory / "city.yaml", problems)
    centre = _centre(head, problems)
    zone, plane = head.zone, None if centre is None else LocalPlane(centre)

    sites = read_features(directory / "sites.geojson", SiteRow, problems)
    routes = read_features(directory / "routes.geojson", RouteRow, problems)
    zoned = directory / "zones.geojson"
    zones = read_features(zoned, ZoneRow, problems) if zoned.exists() else []
    vehicles = read_rows(directory / "vehicles.yaml", VehicleRow, problems)
    devices = read_rows(directory / "devices.yaml", DeviceRow, problems)
    permits = read_rows(directory / "permits.yaml", PermitRow, problems)

    _check_entries(sites, lambda row: (row.id, row.version), zone, problems)
    _check_entries(routes, lambda row: (row.id, row.version), zone, problems)
    _check_entries(zones, lambda row: (row.id, row.version), zone, problems)
    _check_entries(vehicles, lambda row: row.id, zone, problems)
    _check_entries(devices, lambda row: row.id, zone, problems)
    _check_entries(permits, lambda row: row.id, zone, problems)
    _check_overlaps(sites, lambda row: row.id, "two versions of a site at one time", zone, problems)
    _check_overlaps(zones, lambda row: row.id, "two versions of a zone at one time", zone, problems)
    _check_overlaps(devices, lambda row: row.vehicle, "two terminals on one vehicle at one time", zone, problems)
    _check_sites(sites, problems)
    _check_devices(devices, problems)
    references = _References(sites, routes, vehicles, zones, problems)
    if head.row is not None and (districts := _ids(head.row.districts)) is not None:
        for place in sites:
            references.check_among(place, "district", place.row.district, districts, "city.yaml")
        for device in devices:
            references.check_among(device, "district", device.row.district, districts, "city.yaml")
    if head.row is not None and (fleets := _ids(head.row.fleets)) is not None:
        for device in devices:
            references.check_among(device, "fleet", device.row.fleet, fleets, "city.yaml")
    for device in devices:
        references.check(device, "vehicle", [device.row.vehicle])
        references.check(device, "site", [device.row.site])
    for route in routes:
        references.check(route, "site", [route.row.origin], "origin")
        references.check(route, "site", [route.row.destination], "destination")
    for permit in permits:
        references.check(permit, "vehicle", [permit.row.vehicle])
        references.check(permit, "route", permit.row.routes or (), "routes")
        references.check(permit, "site", permit.row.sites or (), "sites")
        references.check_areas(permit, permit.row.areas or ())

    areas = _drawn(sites, lambda feature: _site(feature, plane, zone or _ANY_ZONE), problems)
    lines = _drawn(routes, lambda feature: _route(feature, plane, zone or _ANY_ZONE), problems)
    fenced = _drawn(zones, lambda feature: _zone(feature, plane, zone or _ANY_ZONE), problems)
    if problems.lines or head.row is None or centre is None or zone is None:
        raise CityFileError(problems.lines)
    areas.sort(key=lambda site: (site.id, site.version))
    newest = {site.id: site for site in areas}
    return City(
        id=head.row.id,
        name=head.row.name,
        name_zh=head.row.name_zh or head.row.name,
        timezone=zone.key,
        centre=centre,
        devices={entry.row.id: _device(entry.row, zone) for entry in devices},
        vehicles={entry.row.id: _vehicle(entry.row, zone) for entry in vehicles},
        sites=newest,
        past_sites=tuple(site for site in areas if site is not newest[site.id]),
        routes=tuple(lines),
        permits=tuple(_permit(entry.row, zone) for entry in permits),
        zones=tuple(sorted(fenced, key=lambda found: (found.id, found.version))),
        districts=_areas(head.row.districts),
        fleets=_areas(head.row.fleets),
        region_margin_km=head.row.region_margin_km,
    )


class _References:
    """Check of references to sites, routes and vehicles against the ids that the files define."""

    def __init__(
        self,
        sites: Iterable[Feature[SiteRow]],
        routes: Iterable[Feature[RouteRow]],
        vehicles: Iterable[Entry[VehicleRow]],
        zones: Sequence[Feature[ZoneRow]],
        problems: Problems,
    ) -> None:
        self._problems = problems
        self._ids = {
            "site": {site.row.id: None for site in sites},
            "route": {route.row.id: None for route in routes},
            "vehicle": {vehicle.row.id: None for vehicle in vehicles},
            "zone": {zone.row.id: None for zone in zones},
        }
        self._files = {
            "site": "sites.geojson",
            "route": "routes.geojson",
            "vehicle": "vehicles.yaml",
            "zone": "zones.geojson",
        }
        self._other_zones = {
            zone.row.id: zone.row.kind
            for zone in zones
            if zone.knows("kind") and zone.row.kind is not ZoneKind.PERMITTED_AREA
        }
        self._guesses = 0

    def check(self, entry: Entry[ValidRowT], noun: str, ids: Iterable[str | None], name: str | None = None) -> None:
        for referred in ids:
            self.check_among(entry, name or noun, referred, self._ids[noun], self._files[noun])

    def check_areas(self, permit: Entry[PermitRow], area_ids: Iterable[str]) -> None:
        """The zones that a permit names are permitted areas."""
        self.check(permit, "zone", area_ids, "areas")
        for area_id in area_ids:
            if (kind := self._other_zones.get(area_id)) is not None:
                fault = f"{area_id!r} is of kind {kind} in zones.geojson: name zones of kind permitted_area"
                self._problems.add(permit.where, "areas", fault)

    def check_among(
        self, entry: Entry[ValidRowT], name: str, referred: str | None, ids: Collection[str], file: str
    ) -> None:
        if referred is None or referred in ids or referred in self._problems.faulty_ids:
            return
        if file in self._problems.incomplete_files:
            return
        self._guesses += 1  # each looks at all ids: a file of wrong references must not take minutes
        guess = did_you_mean(referred, ids) if self._guesses <= _MOST_GUESSES else ""
        remedy = guess or "add it there or correct the name"
        self._problems.add(entry.where, name, f"{referred!r} is not in {file}: {remedy}")


def _check_entries(
    entries: Iterable[Entry[ValidRowT]], key: Callable[[ValidRowT], Hashable], zone: ZoneInfo | None, problems: Problems
) -> None:
    seen: set[Hashable] = set()
    for entry in entries:
        if entry.knows("id", "version"):
            if key(entry.row) in seen:
                problems.add(
                    entry.where, "id", "used twice in this file: give each entry, or each version of it, its own"
                )
            seen.add(key(entry.row))
        if zone is not None and entry.row.validity(zone).is_empty:
            problems.add(entry.where, "valid_until", "not after valid_from: it is the first moment no longer covered")


def _check_overlaps(
    entries: Sequence[Entry[ValidRowT]],
    key: Callable[[ValidRowT], str | None],
    fault: str,
    zone: ZoneInfo | None,
    problems: Problems,
) -> None:
    if zone is None:
        return
    by_key: dict[str, list[Entry[ValidRowT]]] = {}
    for entry in entries:
        if (value := key(entry.row)) is not None and entry.knows("valid_from", "valid_until"):
            by_key.setdefault(value, []).append(entry)
    for group in by_key.values():
        for first, second in combinations(group, 2):
            if first.row.validity(zone).overlaps(second.row.validity(zone)):
                problems.add(second.where, "valid_from", f"{fault}: end the earlier one with valid_until")


def _check_sites(sites: Iterable[Feature[SiteRow]], problems: Problems) -> None:
    """Fields that only some kinds of site have."""
    for feature in sites:
        row = feature.row
        if feature.knows("kind", "deposit_hours") and row.deposit_hours and row.kind is not SiteKind.RECYCLING_POINT:
            fault = f"only a recycling_point has them, this is a {row.kind}: remove them"
            problems.add(feature.where, "deposit_hours", fault)
        if feature.knows("kind", "streams") and row.streams and row.kind not in SOURCES:
            fault = f"only a {' or a '.join(sorted(SOURCES))} has them, this is a {row.kind}: remove them"
            problems.add(feature.where, "streams", fault)


def _check_devices(devices: Iterable[Entry[DeviceRow]], problems: Problems) -> None:
    for entry in devices:
        row = entry.row
        if row.id in UNREGISTRABLE_IDS:
            problems.add(entry.where, "id", "reserved for Haulwatch itself: choose another")
        if not entry.knows("role"):
            continue
        if row.role is DeviceRole.TRUCK and row.vehicle is None and entry.knows("vehicle"):
            problems.add(entry.where, "vehicle", "missing: write the vehicle that carries this truck's terminal")
        if row.role is not DeviceRole.TRUCK and row.site is None and entry.knows("site"):
            problems.add(entry.where, "site", f"missing: write the site that this {row.role} stands on")
        if row.overflow_at_pct is not None and row.role is not DeviceRole.RECYCLING_POINT:
            fault = f"only a recycling_point has it, this is a {row.role}: remove it"
            problems.add(entry.where, "overflow_at_pct", fault)


def _drawn(
    features: Iterable[Feature[ValidRowT]], draw: Callable[[Feature[ValidRowT]], Drawn | None], problems: Problems
) -> list[Drawn]:
    """Draw each feature; of one with a faulty field only the faults of its shape are looked for."""
    drawn = []
    for feature in features:
        try:
            found = draw(feature)
        except ShapeError as exc:
            problems.add(feature.where, exc.field, exc.fault)
        else:
            drawn += [] if found is None else [found]
    return drawn


def _centre(head: Head, problems: Problems) -> LatLon | None:
    if head.centre is None or head.datum is None:
        return None
    try:
        return place_of(head.centre, head.datum)
    except ShapeError as exc:
        problems.add("city.yaml", "centre", exc.fault)
        return None


def _site(feature: Feature[SiteRow], plane: LocalPlane | None, zone: ZoneInfo) -> Site | None:
    row = feature.row
    name_zh = row.name_zh or row.name
    area = area_of(feature.geometry, _radius_m(feature), Frame(plane, feature.datum or _ANY_DATUM))
    if feature.faulty:
        return None
    shape = (row.id, row.kind, row.name, name_zh, area, row.district)
    return Site(*shape, row.validity(zone), row.version, tuple(row.deposit_hours), tuple(sorted(set(row.streams))))


def _zone(feature: Feature[ZoneRow], plane: LocalPlane | None, zone: ZoneInfo) -> Zone | None:
    row = feature.row
    area = area_of(feature.geometry, _radius_m(feature), Frame(plane, feature.datum or _ANY_DATUM))
    if feature.faulty:
        return None
    return Zone(row.id, row.version, row.kind, row.name, row.name_zh or row.name, area, row.validity(zone))


def _radius_m(feature: Feature[Fenced]) -> float | None:
    """The radius; in place of a faulty one, one that brings no second fault."""
    if feature.knows("radius_m"):
        return feature.row.radius_m
    is_point = isinstance(feature.geometry, dict) and feature.geometry.get("type") == "Point"
    return _ANY_RADIUS_M if is_point else None


def _route(feature: Feature[RouteRow], plane: LocalPlane | None, zone: ZoneInfo) -> Route | None:
    row = feature.row
    name_zh = row.name_zh or row.name
    line = line_of(feature.geometry, Frame(plane, feature.datum or _ANY_DATUM))
    if feature.faulty:
        return None
    shape = (row.id, row.version, row.name, name_zh, line)
    return Route(*shape, row.origin, row.destination, row.validity(zone), row.corridor_m, row.limit_kmh)


def _ids(rows: Areas | None) -> list[str] | None:
    return None if rows is None else [row.id for row in rows]


def _areas(rows: Areas | None) -> tuple[Area, ...]:
    """In the order of their ids, so that another order in the file is no change."""
    areas = [Area(row.id, row.name or row.id, row.name_zh or row.name or row.id) for row in rows or ()]
    return tuple(sorted(areas, key=lambda area: area.id))


def _vehicle(row: VehicleRow, zone: ZoneInfo) -> Vehicle:
    weights = (row.tare_kg, row.payload_kg)
    return Vehicle(row.id, row.plate, row.carrier, *weights, row.validity(zone), row.kind, row.compartments)


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
        clock_correction_s=row.clock_correction_s,
        overflow_at_pct=row.overflow_at_pct,
        model=row.model,
        verification=row.verification,
        verified_until_ms=row.verified_until_ms(zone),
    )


def _permit(row: PermitRow, zone: ZoneInfo) -> Permit:
    return Permit(
        id=row.id,
        vehicle_id=row.vehicle,
        route_ids=tuple(row.routes),
        site_ids=tuple(row.sites),
        validity=row.validity(zone),
        hours=tuple(row.hours),
        area_ids=tuple(row.areas),
    )
