"""Entities of a city, made of the checked rows of its files."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from devices.city.files.fields import Areas, DeviceRow, GateRow, ProfileRow, RouteRow, SiteRow, ZoneRow
from devices.city.files.haulage_fields import DriverRow, HaulierRow, LicenceRow, PermitRow, VehicleRow
from devices.city.files.problems import Problems
from devices.city.files.rows import Feature, ValidRowT
from devices.city.files.shapes import Frame, ShapeError, area_of, line_of, point_of
from devices.city.haulage import Driver, Haulier, Licence, Permit, Vehicle
from devices.city.model import Area, Device, Profile
from devices.city.sites import Gate, Route, Site, Zone
from devices.geo.geometry import Datum, LocalPlane

DrawnT = TypeVar("DrawnT", Site, Route, Zone, Gate)
Fenced = TypeVar("Fenced", SiteRow, ZoneRow)

_ANY_DATUM: Final = Datum.WGS84
_ANY_RADIUS_M: Final = 1.0
"""In place of what is faulty: a city with a fault is never returned, these serve to find its other faults."""


def drawn_of(
    features: Iterable[Feature[ValidRowT]], draw: Callable[[Feature[ValidRowT]], DrawnT | None], problems: Problems
) -> list[DrawnT]:
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


def site_of(feature: Feature[SiteRow], plane: LocalPlane | None, zone: ZoneInfo) -> Site | None:
    row = feature.row
    name_zh = row.name_zh or row.name
    area = area_of(feature.geometry, _radius_m(feature), Frame(plane, feature.datum or _ANY_DATUM))
    if feature.faulty:
        return None
    shape = (row.id, row.kind, row.name, name_zh, area, row.district)
    return Site(*shape, row.validity(zone), row.version, tuple(row.deposit_hours), tuple(sorted(set(row.streams))))


def zone_of(feature: Feature[ZoneRow], plane: LocalPlane | None, zone: ZoneInfo) -> Zone | None:
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


def route_of(feature: Feature[RouteRow], plane: LocalPlane | None, zone: ZoneInfo) -> Route | None:
    row = feature.row
    name_zh = row.name_zh or row.name
    line = line_of(feature.geometry, Frame(plane, feature.datum or _ANY_DATUM))
    if feature.faulty:
        return None
    shape = (row.id, row.version, row.name, name_zh, line)
    ends = (row.origin, row.destination)
    hours, kinds = tuple(row.hours), tuple(sorted(set(row.standing_for)))
    return Route(*shape, *ends, row.validity(zone), row.corridor_m, row.limit_kmh, hours, kinds)


def gate_of(feature: Feature[GateRow], plane: LocalPlane | None, zone: ZoneInfo) -> Gate | None:
    row = feature.row
    place = point_of(feature.geometry, Frame(plane, feature.datum or _ANY_DATUM))
    if feature.faulty:
        return None
    name_zh = row.name_zh or row.name
    return Gate(row.id, row.version, row.site, row.name, name_zh, place, row.use, row.validity(zone))


def ids_of(rows: Areas | None) -> list[str] | None:
    return None if rows is None else [row.id for row in rows]


def areas_of(rows: Areas | None) -> tuple[Area, ...]:
    """In the order of their ids, so that another order in the file is no change."""
    areas = [Area(row.id, row.name or row.id, row.name_zh or row.name or row.id) for row in rows or ()]
    return tuple(sorted(areas, key=lambda area: area.id))


def haulier_of(row: HaulierRow, zone: ZoneInfo) -> Haulier:
    return Haulier(row.id, row.name, row.name_zh or row.name, row.fleet, row.validity(zone), row.version)


def driver_of(row: DriverRow, zone: ZoneInfo) -> Driver:
    return Driver(row.id, row.name, row.haulier, row.validity(zone), row.version)


def licence_of(row: LicenceRow, zone: ZoneInfo) -> Licence:
    streams = tuple(sorted(set(row.streams)))
    return Licence(row.id, row.haulier, tuple(row.areas), streams, row.validity(zone), row.version)


def vehicle_of(row: VehicleRow, zone: ZoneInfo, hauliers: Mapping[str, str]) -> Vehicle:
    """`hauliers`: their names, by id."""
    return Vehicle(
        id=row.id,
        plate=row.plate,
        carrier=row.carrier or hauliers.get(row.haulier or "", ""),
        tare_kg=row.tare_kg,
        payload_kg=row.payload_kg,
        validity=row.validity(zone),
        kind=row.kind,
        compartments=row.compartments,
        version=row.version,
        haulier_id=row.haulier,
        lift_inverted=row.lift_inverted,
        cover_inverted=row.cover_inverted,
        load_unit=row.load_unit,
        tags=tuple(row.tags),
    )


def device_of(row: DeviceRow, zone: ZoneInfo) -> Device:
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
        dialect=row.dialect,
        profile=row.profile or "",
        depth_mm=row.depth_mm,
    )


def profile_of(row: ProfileRow) -> Profile:
    return Profile(row.id, row.dialect, row.settings)


def permit_of(row: PermitRow, zone: ZoneInfo) -> Permit:
    return Permit(
        id=row.id,
        vehicle_id=row.vehicle,
        route_ids=tuple(row.routes),
        site_ids=tuple(row.sites),
        validity=row.validity(zone),
        hours=tuple(row.hours),
        area_ids=tuple(row.areas),
        version=row.version,
        source_ids=tuple(row.sources),
        haulier_id=row.haulier,
        streams=tuple(sorted(set(row.streams))),
        quantity_t=row.quantity_t,
    )
