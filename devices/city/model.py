"""The city as judgement sees it: frozen, in memory, every geometry in WGS-84 with its validity interval.

`devices.db.registry.Registry.load_city` builds it; recorder, judge, rules and API read it; nobody changes it. A new
revision of the registry is a new City.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from devices.city.geometry import CityGeometry
from devices.city.hours import Hours
from devices.city.region import DEFAULT_MARGIN_KM, Region, region_of
from devices.city.sites import ALWAYS, Hotspot, Route, Site, Validity, Zone
from devices.city.zones import ZoneGeometry
from devices.geo.gcj02_plane import Gcj02Plane
from devices.geo.geometry import XY, Datum, LatLon, LocalPlane
from devices.readings.models import Kind
from devices.readings.plates import comparable_plate

MAX_CLOCK_CORRECTION_S: Final = 631_152_000
"""20 years: a receiver that took no care of the GPS week rollover is 1,024 weeks behind, 19.6 years."""


class DeviceRole(StrEnum):
    """Kind of object that a device is mounted on. Decides which kinds of readings count and pass the broker."""

    TRUCK = "truck"
    WEIGHBRIDGE = "weighbridge"
    RECYCLING_POINT = "recycling_point"
    STATION_LINE = "station_line"


KINDS_OF_ROLE: Final[Mapping[str, tuple[Kind, ...]]] = {
    DeviceRole.TRUCK: (Kind.POSITION, Kind.STATUS),
    DeviceRole.WEIGHBRIDGE: (Kind.WEIGHING, Kind.STATUS),
    DeviceRole.RECYCLING_POINT: (Kind.FILL, Kind.STATUS),
    DeviceRole.STATION_LINE: (Kind.THROUGHPUT, Kind.STATUS),
}
"""Kinds of readings that a device of each role sends; admission refuses all others, and the broker lets none pass."""


@dataclass(frozen=True, slots=True)
class Area:
    """A district or a fleet, and what people call it."""

    id: str
    name: str
    name_zh: str


@dataclass(frozen=True, slots=True)
class Device:
    """A terminal that reports over MQTT."""

    id: str
    role: DeviceRole
    name: str = ""
    vehicle_id: str | None = None
    site_id: str | None = None
    fleet: str | None = None
    district: str | None = None
    report_interval_s: int = 60
    """Seconds between two reports when nothing happens; silence is measured in multiples of it."""
    validity: Validity = ALWAYS
    datum: Datum = Datum.WGS84
    """Datum of the positions it sends. They are stored as sent; judgement and API convert them."""
    clock_correction_s: int = 0
    """Added to every device time that it sends, before admission (`ingest.admission.at_corrected_time`)."""
    overflow_at_pct: float | None = None
    """Level at which the compartments of a recycling point are full; None: as `bin_overflow` has it."""
    model: str = ""
    verification: str = ""
    """Number of the certificate of its last metrological verification 检定."""
    verified_until_ms: int | None = None
    """When that expires."""


class VehicleKind(StrEnum):
    """Kinds of vehicle, by what they are built to haul. A rule set may judge each by its own parameters."""

    CONSTRUCTION_WASTE = "construction_waste"
    SLUDGE_TANKER = "sludge_tanker"
    DESILTING = "desilting"
    KITCHEN_WASTE = "kitchen_waste"
    HAZARDOUS_WASTE = "hazardous_waste"
    HOUSEHOLD_WASTE = "household_waste"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A truck, as permitted."""

    id: str
    plate: str
    carrier: str = ""
    tare_kg: float | None = None
    payload_kg: float | None = None
    """Permitted load."""
    validity: Validity = ALWAYS
    kind: VehicleKind = VehicleKind.CONSTRUCTION_WASTE
    compartments: int = 1
    """For loads that are kept apart."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right of a vehicle to haul on some routes to some sites."""

    id: str
    vehicle_id: str
    route_ids: tuple[str, ...] = ()
    site_ids: tuple[str, ...] = ()
    """Sites where it may tip; empty: every site whose kind allows tipping."""
    validity: Validity = ALWAYS
    hours: tuple[Hours, ...] = ()
    """When it may haul; empty: at any time."""
    area_ids: tuple[str, ...] = ()
    """Permitted areas in which it may collect; empty: anywhere."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One version of a route that some permit of a vehicle names."""

    route: Route
    permitted: tuple[Validity, ...]
    """Validity intervals of the permits that name the route."""


Approvals = tuple[Approval, ...]
"""The approvals of one vehicle, in the order of the city's routes. Vehicles with equal approvals share one tuple."""


def approved_at(approvals: Approvals, ts: int) -> list[Route]:
    """Return the routes approved at `ts` (device time, ms): valid versions that a valid permit names."""
    routes = []
    for approval in approvals:
        if approval.route.validity.covers(ts):
            for interval in approval.permitted:
                if interval.covers(ts):
                    routes.append(approval.route)
                    break
    return routes


@dataclass(slots=True)
class _Derived:
    """Values that a city computes on first use and keeps."""

    plane: LocalPlane | None = None
    geometry: CityGeometry | None = None
    zone_geometry: ZoneGeometry | None = None
    region: Region | None = None
    hotspots: list[tuple[Hotspot, XY]] | None = None
    gcj02: Gcj02Plane | None = None
    permits: dict[str, list[Permit]] | None = None
    """By vehicle id."""
    approvals: dict[str, Approvals] | None = None
    """By vehicle id."""
    vehicles: dict[str, list[Vehicle]] | None = None
    """By comparable plate."""
    has_hours: bool | None = None
    has_areas: bool | None = None
    has_streams: bool | None = None
    windowed: dict[str, list[Site]] | None = None
    """Versions of sites with deposit hours, by site id."""
    zone: ZoneInfo | None = None


@dataclass(frozen=True)
class City:
    """Everything that readings are accepted and judged against."""

    id: str
    name: str
    name_zh: str
    timezone: str
    centre: LatLon
    revision: int = 0
    devices: Mapping[str, Device] = field(default_factory=dict)
    vehicles: Mapping[str, Vehicle] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    """The newest version of each site."""
    past_sites: tuple[Site, ...] = ()
    """Earlier versions, so that old readings are judged by the fence that was valid then."""
    routes: tuple[Route, ...] = ()
    permits: tuple[Permit, ...] = ()
    zones: tuple[Zone, ...] = ()
    """Every version of each."""
    hotspots: tuple[Hotspot, ...] = ()
    """Known unlicensed dumps, in the order of their ids. They come of decisions, never from the city's files."""
    districts: tuple[Area, ...] = ()
    fleets: tuple[Area, ...] = ()
    """Those that the city names. Sites and devices may name others, unless city.yaml lists them."""
    region_margin_km: float = DEFAULT_MARGIN_KM
    """How far the region reaches beyond sites and routes."""
    _derived: _Derived = field(default_factory=_Derived, init=False, repr=False, compare=False)

    @property
    def title(self) -> str:
        """The name in both languages, or once where they are equal."""
        return self.name if self.name == self.name_zh else f"{self.name} {self.name_zh}"

    @property
    def plane(self) -> LocalPlane:
        derived = self._derived
        if derived.plane is None:
            derived.plane = LocalPlane(self.centre)
        return derived.plane

    @property
    def geometry(self) -> CityGeometry:
        """Sites and routes on the plane, indexed; built on first use."""
        derived = self._derived
        if derived.geometry is None:
            derived.geometry = CityGeometry(self.plane, self.sites, self.past_sites, self.routes)
        return derived.geometry

    @property
    def zone_geometry(self) -> ZoneGeometry:
        """Zones on the plane, indexed; built on first use."""
        derived = self._derived
        if derived.zone_geometry is None:
            derived.zone_geometry = ZoneGeometry(self.plane, self.zones)
        return derived.zone_geometry

    @property
    def region(self) -> Region:
        """Where its trucks can be; a fix elsewhere is a fault of the receiver."""
        derived = self._derived
        if derived.region is None:
            sites = (*self.sites.values(), *self.past_sites)
            derived.region = region_of(self.plane, sites, self.routes, self.region_margin_km)
        return derived.region

    @property
    def gcj02(self) -> Gcj02Plane:
        """How far GCJ-02 lies from WGS-84 at a place of the plane."""
        derived = self._derived
        if derived.gcj02 is None:
            derived.gcj02 = Gcj02Plane(self.plane)
        return derived.gcj02

    def hotspot_at(self, place: XY) -> Hotspot | None:
        """Return the hotspot in which a place of the plane lies, the nearest one if several overlap."""
        hotspots = self._derived.hotspots
        if hotspots is None:
            hotspots = self._derived.hotspots = [(hotspot, self.plane.xy(hotspot.place)) for hotspot in self.hotspots]
        offs = [(centre.distance_m(place), hotspot) for hotspot, centre in hotspots]
        covering = [(off_m, hotspot) for off_m, hotspot in offs if off_m <= hotspot.radius_m]
        return min(covering, key=lambda found: found[0])[1] if covering else None

    def vehicle_of(self, device: Device) -> Vehicle | None:
        """Return the vehicle that the device is mounted on, if the city has it."""
        return self.vehicles.get(device.vehicle_id) if device.vehicle_id is not None else None

    def site_of(self, device: Device) -> Site | None:
        """Return the site that the device stands on, if the city has it."""
        return self.sites.get(device.site_id) if device.site_id is not None else None

    def site_centre(self, device: Device) -> LatLon | None:
        """Return a place inside the fence of the device's site; None for a device without a site."""
        site = self.site_of(device)
        if site is None:
            return None
        centre = site.area.representative_point()
        return LatLon(lat=centre.y, lon=centre.x)

    def vehicles_of_plate(self, plate: str) -> Sequence[Vehicle]:
        """Return the vehicles with this plate, however it is written; more than one where a plate was given again."""
        vehicles = self._derived.vehicles
        if vehicles is None:
            vehicles = self._derived.vehicles = {}
            for vehicle in self.vehicles.values():
                vehicles.setdefault(comparable_plate(vehicle.plate), []).append(vehicle)
        return vehicles.get(comparable_plate(plate), ())

    def permits_of(self, vehicle_id: str, ts: int) -> list[Permit]:
        """Return the permits of a vehicle that are valid at `ts` (device time, ms)."""
        permits = self._derived.permits
        if permits is None:
            permits = self._derived.permits = _permits_by_vehicle(self.permits)
        return [permit for permit in permits.get(vehicle_id, ()) if permit.validity.covers(ts)]

    @property
    def has_hours(self) -> bool:
        """True if some permit, of any time, names hours."""
        derived = self._derived
        if derived.has_hours is None:
            derived.has_hours = any(permit.hours for permit in self.permits)
        return derived.has_hours

    def hours_of(self, vehicle_id: str, ts: int) -> frozenset[Hours]:
        """Return the hours in which valid permits let the vehicle haul; empty if it has none, or one without hours."""
        permits = self.permits_of(vehicle_id, ts)
        if not all(permit.hours for permit in permits):
            return frozenset()
        return frozenset(hours for permit in permits for hours in permit.hours)

    @property
    def has_streams(self) -> bool:
        """True if some site, of any time, names the waste streams that are collected there."""
        derived = self._derived
        if derived.has_streams is None:
            derived.has_streams = any(site.streams for site in (*self.sites.values(), *self.past_sites))
        return derived.has_streams

    @property
    def has_areas(self) -> bool:
        """True if some permit, of any time, names permitted areas."""
        derived = self._derived
        if derived.has_areas is None:
            derived.has_areas = any(permit.area_ids for permit in self.permits)
        return derived.has_areas

    def areas_of(self, vehicle_id: str, ts: int) -> frozenset[str]:
        """Return the areas in which valid permits let the vehicle collect; empty if it has none, or one without."""
        permits = self.permits_of(vehicle_id, ts)
        if not all(permit.area_ids for permit in permits):
            return frozenset()
        return frozenset(area_id for permit in permits for area_id in permit.area_ids)

    def deposit_hours_of(self, device: Device, ts: int) -> tuple[Hours, ...]:
        """Return the hours in which people may deposit at the device's site at `ts` (device time, ms)."""
        windowed = self._derived.windowed
        if windowed is None:
            windowed = self._derived.windowed = {}
            for site in (*self.past_sites, *self.sites.values()):
                if site.deposit_hours:
                    windowed.setdefault(site.id, []).append(site)
        if device.site_id is not None:
            for site in windowed.get(device.site_id, ()):
                if site.validity.covers(ts):
                    return site.deposit_hours
        return ()

    def minute_of_day(self, ts: int) -> int:
        """Return the minute of the city's day at `ts`, device time in ms."""
        local = self._local(ts)
        return local.hour * 60 + local.minute

    def day_of(self, ts: int) -> int:
        """Return the day of the city's calendar at `ts` (device time, ms), counted from year 1."""
        return self._local(ts).toordinal()

    def _local(self, ts: int) -> datetime:
        derived = self._derived
        if derived.zone is None:
            derived.zone = ZoneInfo(self.timezone)
        return datetime.fromtimestamp(ts / 1000, derived.zone)

    def approvals_of(self, vehicle_id: str) -> Approvals:
        """Return all routes that a vehicle was ever approved for; `approved_at` selects those of one instant."""
        approvals = self._derived.approvals
        if approvals is None:
            approvals = self._derived.approvals = _approvals_by_vehicle(self.routes, self.permits)
        return approvals.get(vehicle_id, ())

    def routes_of(self, vehicle_id: str, ts: int) -> Sequence[Route]:
        """Return the approved routes of a vehicle at `ts`: every valid version that a valid permit names."""
        return approved_at(self.approvals_of(vehicle_id), ts)

    def may_tip(self, vehicle_id: str, site: Site, ts: int) -> bool:
        """Return whether a valid permit lets the vehicle unload on this site at `ts`."""
        return (
            site.kind.may_tip
            and site.validity.covers(ts)
            and any(not permit.site_ids or site.id in permit.site_ids for permit in self.permits_of(vehicle_id, ts))
        )


def _permits_by_vehicle(permits: Sequence[Permit]) -> dict[str, list[Permit]]:
    by_vehicle: dict[str, list[Permit]] = {}
    for permit in permits:
        by_vehicle.setdefault(permit.vehicle_id, []).append(permit)
    return by_vehicle


def _approvals_by_vehicle(routes: Sequence[Route], permits: Sequence[Permit]) -> dict[str, Approvals]:
    intervals_by_route: dict[str, dict[str, dict[Validity, None]]] = {}  # route id → vehicle id → intervals
    for permit in permits:
        for route_id in permit.route_ids:
            of_route = intervals_by_route.setdefault(route_id, {})
            of_route.setdefault(permit.vehicle_id, {})[permit.validity] = None
    by_vehicle: dict[str, Approvals] = {}
    shared: dict[tuple[int, ...], Approvals] = {}
    for route in routes:
        approval_by_intervals: dict[tuple[Validity, ...], Approval] = {}
        for vehicle_id, intervals in intervals_by_route.get(route.id, {}).items():
            permitted = tuple(intervals)
            approval = approval_by_intervals.setdefault(permitted, Approval(route, permitted))
            approvals = (*by_vehicle.get(vehicle_id, ()), approval)
            by_vehicle[vehicle_id] = shared.setdefault(tuple(map(id, approvals)), approvals)  # equality is slow
    return by_vehicle
