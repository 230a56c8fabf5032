"""Reader of a city's files: city.yaml, sites.geojson, routes.geojson, devices.yaml, vehicles.yaml, permits.yaml, and
those that a city may leave out: zones.geojson, gates.geojson, hauliers.yaml, drivers.yaml, licences.yaml,
profiles.yaml. A list but the last may be CSV instead of YAML.

`haulwatch city import` calls it. Coordinates are [lon, lat]; every GeoJSON file or feature names its datum, and GCJ-02
is converted to WGS-84 here. A date is midnight in the city's timezone; `valid_from` is inclusive, `valid_until`
exclusive. One run finds all faults, each with the file, the line, the entry, the field and the fix.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from devices.city.files import entities as of
from devices.city.files.checks import (
    References,
    check_areas_of_head,
    check_devices,
    check_dialects,
    check_entries,
    check_ids,
    check_overlaps,
    check_profiles,
    check_sites,
)
from devices.city.files.fields import DeviceRow, GateRow, ProfileRow, RouteRow, SiteRow, ValidRow, ZoneRow
from devices.city.files.haulage_fields import DriverRow, HaulierRow, LicenceRow, PermitRow, VehicleRow
from devices.city.files.lines import with_lines
from devices.city.files.problems import WHOLE, Fault, Problems, Where
from devices.city.files.rows import Entry, Feature, Head, read_features, read_head, read_rows
from devices.city.files.shapes import ShapeError, place_of
from devices.city.files.sources import CSV, YAML, Files, FolderFiles
from devices.city.haulage import Driver, Haulier, Licence, Vehicle
from devices.city.model import City
from devices.city.sites import Gate, Zone
from devices.errors import OperatorError
from devices.geo.geometry import LatLon, LocalPlane

RowT = TypeVar("RowT", bound=ValidRow)
VersionT = TypeVar("VersionT", Zone, Gate, Haulier, Licence, Driver, Vehicle)

_PROFILES: Final = "profiles.yaml"
_ANY_ZONE: Final = ZoneInfo("UTC")
"""In place of a faulty one, as in `devices.city.files.entities`."""


class CityFileError(OperatorError):
    """The files are no city that can be imported; nothing was imported."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(fault.with_line for fault in faults))
        self.faults = tuple(faults)

    @property
    def problems(self) -> tuple[str, ...]:
        """One text each: file, entry, field, fix."""
        return tuple(map(str, self.faults))


def read_city(directory: Path) -> City:
    """Read the city of a folder, with revision 0. Raises CityFileError."""
    try:
        return city_of_files(FolderFiles(directory))
    except CityFileError as exc:
        raise CityFileError(with_lines(directory, exc.faults)) from None


def city_of_files(files: Files) -> City:
    """Read a city, with revision 0. Raises CityFileError; its faults name no lines."""
    problems = Problems()
    head = read_head(files, problems)
    centre = _centre(head, problems)
    zone, plane = head.zone, None if centre is None else LocalPlane(centre)

    sites = read_features(files, "sites.geojson", SiteRow, problems)
    routes = read_features(files, "routes.geojson", RouteRow, problems)
    zones = _features_if_there(files, "zones.geojson", ZoneRow, problems)
    gates = _features_if_there(files, "gates.geojson", GateRow, problems)
    hauliers_file, hauliers = _list(files, "hauliers", HaulierRow, problems, needed=False)
    _, drivers = _list(files, "drivers", DriverRow, problems, needed=False)
    vehicles_file, vehicles = _list(files, "vehicles", VehicleRow, problems)
    _, devices = _list(files, "devices", DeviceRow, problems)
    _, permits = _list(files, "permits", PermitRow, problems)
    profiles = read_rows(files, _PROFILES, ProfileRow, problems) if files.has(_PROFILES) else []
    _, licences = _list(files, "licences", LicenceRow, problems, needed=False)

    versioned: list[tuple[str, Sequence[Entry[Any]]]] = [
        ("site", sites), ("route", routes), ("zone", zones), ("gate", gates), ("haulier", hauliers),
        ("driver", drivers), ("vehicle", vehicles), ("permit", permits), ("licence", licences),
    ]  # fmt: skip
    for _, entries in versioned:
        check_entries(entries, lambda row: (row.id, row.version), zone, problems)
    check_entries(devices, lambda row: row.id, zone, problems)
    for noun, entries in versioned:
        if noun != "route":
            check_overlaps(entries, lambda row: row.id, f"two versions of a {noun} at one time", zone, problems)
    check_overlaps(devices, lambda row: row.vehicle, "two terminals on one vehicle at one time", zone, problems)
    check_sites(sites, problems)
    check_devices(devices, problems)
    check_ids(profiles, lambda row: row.id, problems)
    check_profiles(profiles, problems)
    dialects = {entry.row.id: entry.row.dialect for entry in profiles if entry.knows("id", "dialect")}
    check_dialects(devices, dialects, _PROFILES, problems)
    by_stem: dict[str, Sequence[Entry[Any]]] = {f"{noun}s": entries for noun, entries in versioned}
    by_stem["devices"] = devices
    files_of = {"hauliers": hauliers_file, "vehicles": vehicles_file}
    named = {
        stem.removesuffix("s"): (files_of.get(stem, f"{stem}.geojson"), {entry.row.id: None for entry in by_stem[stem]})
        for stem in ("sites", "routes", "zones", "hauliers", "vehicles")
    }
    kinds = {entry.row.id: entry.row.kind for entry in zones if entry.knows("kind")}
    references = References(named, kinds, problems)
    if head.row is not None:
        check_areas_of_head(by_stem, of.ids_of(head.row.districts), of.ids_of(head.row.fleets), references)
    for stem, entries in by_stem.items():
        references.check_entries(stem, entries)

    at = zone or _ANY_ZONE
    areas = of.drawn_of(sites, lambda feature: of.site_of(feature, plane, at), problems)
    lines = of.drawn_of(routes, lambda feature: of.route_of(feature, plane, at), problems)
    fenced = of.drawn_of(zones, lambda feature: of.zone_of(feature, plane, at), problems)
    entrances = of.drawn_of(gates, lambda feature: of.gate_of(feature, plane, at), problems)
    if problems.faults or head.row is None or centre is None or zone is None:
        raise CityFileError(problems.faults)
    areas.sort(key=lambda site: (site.id, site.version))
    newest = {site.id: site for site in areas}
    names = {entry.row.id: entry.row.name for entry in sorted(hauliers, key=lambda entry: entry.row.version)}
    trucks = [of.vehicle_of(entry.row, zone, names) for entry in vehicles]
    newest_trucks = {truck.id: truck for truck in sorted(trucks, key=lambda truck: truck.version)}
    return City(
        id=head.row.id,
        name=head.row.name,
        name_zh=head.row.name_zh or head.row.name,
        timezone=zone.key,
        centre=centre,
        devices={entry.row.id: of.device_of(entry.row, zone) for entry in devices},
        profiles={entry.row.id: of.profile_of(entry.row) for entry in sorted(profiles, key=lambda entry: entry.row.id)},
        vehicles=newest_trucks,
        past_vehicles=_in_order(truck for truck in trucks if truck is not newest_trucks[truck.id]),
        sites=newest,
        past_sites=tuple(site for site in areas if site is not newest[site.id]),
        routes=tuple(lines),
        permits=tuple(of.permit_of(entry.row, zone) for entry in permits),
        zones=_in_order(fenced),
        gates=_in_order(entrances),
        hauliers=_in_order(of.haulier_of(entry.row, zone) for entry in hauliers),
        licences=_in_order(of.licence_of(entry.row, zone) for entry in licences),
        drivers=_in_order(of.driver_of(entry.row, zone) for entry in drivers),
        districts=of.areas_of(head.row.districts),
        fleets=of.areas_of(head.row.fleets),
        region_margin_km=head.row.region_margin_km,
    )


def _features_if_there(files: Files, name: str, model: type[RowT], problems: Problems) -> list[Feature[RowT]]:
    return read_features(files, name, model, problems) if files.has(name) else []


def _list(
    files: Files, stem: str, model: type[RowT], problems: Problems, *, needed: bool = True
) -> tuple[str, list[Entry[RowT]]]:
    """The name of the file, YAML or CSV, and its rows."""
    yaml, csv = stem + YAML, stem + CSV
    has_csv = files.has(csv)
    if has_csv and files.has(yaml):
        problems.add_unreadable(csv, WHOLE, f"there is a {yaml} as well: keep one of the two")
        return yaml, []
    name = csv if has_csv else yaml
    if not needed and not files.has(name):
        return name, []
    return name, read_rows(files, name, model, problems)


def _in_order(versions: Iterable[VersionT]) -> tuple[VersionT, ...]:
    return tuple(sorted(versions, key=lambda one: (one.id, one.version)))


def _centre(head: Head, problems: Problems) -> LatLon | None:
    if head.centre is None or head.datum is None:
        return None
    try:
        return place_of(head.centre, head.datum)
    except ShapeError as exc:
        problems.add(Where("city.yaml"), "centre", exc.fault)
        return None
