"""The city as judgement sees it: frozen, in memory, every geometry in WGS-84 with its validity interval.

`devices.db.registry.Registry.load_city` builds it; recorder, judge, rules and API read it; nobody changes it. A new
revision of the registry is a new City.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from devices.city.approvals import Approvals, approvals_by_vehicle
from devices.city.device import KINDS_OF_ROLE, MAX_CLOCK_CORRECTION_S, Device, DeviceRole, Profile, decodings_of
from devices.city.geometry import CityGeometry
from devices.city.haulage import Driver, Haulier, Licence, Permit, Vehicle, VehicleKind
from devices.city.hours import Hours, is_within
from devices.city.region import DEFAULT_MARGIN_KM, Region, region_of
from devices.city.sites import Gate, Hotspot, Route, Site, Zone, version_at, versions_by_id
from devices.city.zones import ZoneGeometry
from devices.geo.gcj02_plane import Gcj02Plane
from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.instants import MINUTE_MS
from devices.readings.plates import comparable_plate

__all__ = [
    "KINDS_OF_ROLE", "MAX_CLOCK_CORRECTION_S", "Approvals", "Area", "City", "Device", "DeviceRole", "Permit", "Profile",
    "Vehicle", "VehicleKind",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Area:
    """A district or a fleet, and what people call it."""

    id: str
    name: str
    name_zh: str


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
    licences: dict[str, list[Licence]] | None = None
    """By haulier id."""
    versions: dict[str, list[Vehicle]] | None = None
    """Versions of each vehicle by id, the latest first."""
    vehicles: dict[str, list[Vehicle]] | None = None
    """By comparable plate."""
    tagged: dict[str, list[Vehicle]] | None = None
    """By RFID tag, as tags are compared."""
    decodings: dict[str, Decoding] | None = None
    """By device id."""
    has_plain_sensors: bool | None = None
    has_hours: bool | None = None
    has_areas: bool | None = None
    has_streams: bool | None = None
    site_versions: dict[str, list[Site]] | None = None
    """Versions of each site by id, likewise."""
    zone: ZoneInfo | None = None
    minute: tuple[int, int] = (-1, 0)
    """The minute since 1970 that was asked about last, and the minute of the city's day that it is."""


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
    """Of each vehicle the version with the highest number; another may hold now."""
    past_vehicles: tuple[Vehicle, ...] = ()
    """The other versions, so that readings are judged by the tare, payload and plate that hold at their time."""
    sites: Mapping[str, Site] = field(default_factory=dict)
    """Of each site the version with the highest number."""
    past_sites: tuple[Site, ...] = ()
    """The other versions, so that readings are judged by the fence that is valid at their time."""
    routes: tuple[Route, ...] = ()
    permits: tuple[Permit, ...] = ()
    zones: tuple[Zone, ...] = ()
    gates: tuple[Gate, ...] = ()
    hauliers: tuple[Haulier, ...] = ()
    licences: tuple[Licence, ...] = ()
    """Of routes and of what follows them, every version of each."""
    drivers: tuple[Driver, ...] = ()
    """Likewise; only where they are asked for (`devices.db.registry.Registry.load_city`), since they are people."""
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    """Of no version: messages are read by those of the revision before them in the raw log."""
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

    def decoding_of(self, device_id: str, dialect: str) -> Decoding:
        """Return how a message of the device in this dialect is read; the default unless it is registered with it."""
        decodings = self._derived.decodings
        if decodings is None:
            decodings = self._derived.decodings = decodings_of(self.devices.values(), self.profiles)
        found = decodings.get(device_id, UNREGISTERED)
        return found if found.dialect == dialect else UNREGISTERED

    def vehicle_of(self, device: Device, ts: int) -> Vehicle | None:
        """Return the vehicle that carries the device as it is at `ts` (device time, ms), if the city has it."""
        return self.vehicle_at(device.vehicle_id, ts) if device.vehicle_id is not None else None

    def site_of(self, device: Device, ts: int) -> Site | None:
        """Return the site that the device stands on as it is at `ts` (device time, ms), if the city has it."""
        if device.site_id is None or not self.past_sites:
            return self.sites.get(device.site_id or "")
        return version_at(self.versions_of_site(device.site_id), ts)

    def site_centre(self, device: Device, ts: int) -> LatLon | None:
        """Return a place inside the fence of the device's site at `ts`; None for a device without a site."""
        site = self.site_of(device, ts)
        if site is None:
            return None
        centre = site.area.representative_point()
        return LatLon(lat=centre.y, lon=centre.x)

    def versions_of(self, vehicle_id: str) -> Sequence[Vehicle]:
        """Return every version of a vehicle, the latest first."""
        versions = self._derived.versions
        if versions is None:
            versions = self._derived.versions = versions_by_id((*self.vehicles.values(), *self.past_vehicles))
        return versions.get(vehicle_id, ())

    def versions_of_site(self, site_id: str) -> Sequence[Site]:
        """Return every version of a site, the latest first."""
        versions = self._derived.site_versions
        if versions is None:
            versions = self._derived.site_versions = versions_by_id((*self.sites.values(), *self.past_sites))
        return versions.get(site_id, ())

    def vehicle_at(self, vehicle_id: str, ts: int) -> Vehicle | None:
        """Return the version of a vehicle that holds at `ts` (device time, ms), as `version_at` has it."""
        if not self.past_vehicles:
            return self.vehicles.get(vehicle_id)
        return version_at(self.versions_of(vehicle_id), ts)

    @property
    def has_plain_sensors(self) -> bool:
        """True if no vehicle, of any time, has switches or a load sensor of its own kind."""
        derived = self._derived
        if derived.has_plain_sensors is None:
            vehicles = (*self.vehicles.values(), *self.past_vehicles)
            derived.has_plain_sensors = all(vehicle.has_plain_sensors for vehicle in vehicles)
        return derived.has_plain_sensors

    def vehicles_of_plate(self, plate: str) -> Sequence[Vehicle]:
        """Return every version of a vehicle with this plate, however written; a plate may be given again."""
        vehicles = self._derived.vehicles
        if vehicles is None:
            vehicles = self._derived.vehicles = {}
            for vehicle in (*self.vehicles.values(), *self.past_vehicles):
                vehicles.setdefault(comparable_plate(vehicle.plate), []).append(vehicle)
        return vehicles.get(comparable_plate(plate), ())

    def vehicles_of_tag(self, tag: str) -> Sequence[Vehicle]:
        """Return every version of a vehicle with this RFID tag, however written; a tag may be given again."""
        tagged = self._derived.tagged
        if tagged is None:
            tagged = self._derived.tagged = {}
            for vehicle in (*self.vehicles.values(), *self.past_vehicles):
                for one in {comparable_plate(written) for written in vehicle.tags}:
                    tagged.setdefault(one, []).append(vehicle)
        return tagged.get(comparable_plate(tag), ()) if tagged else ()

    def permits_of(self, vehicle_id: str, ts: int) -> list[Permit]:
        """Return the permits of a vehicle that are valid at `ts` (device time, ms)."""
        permits = self._derived.permits
        if permits is None:
            permits = self._derived.permits = {}
            for permit in self.permits:
                permits.setdefault(permit.vehicle_id, []).append(permit)
        return [permit for permit in permits.get(vehicle_id, ()) if permit.validity.covers(ts)]

    @property
    def has_hours(self) -> bool:
        """True if some permit or route, of any time, names hours."""
        derived = self._derived
        if derived.has_hours is None:
            with_hours: tuple[Permit | Route, ...] = (*self.permits, *self.routes)
            derived.has_hours = any(one.hours for one in with_hours)
        return derived.has_hours

    def hours_of(self, vehicle_id: str, ts: int) -> frozenset[Hours]:
        """Return the hours in which valid permits let the vehicle haul: those of each, or else of its routes if all of
        them have hours; empty if it has no permit, or one without hours.
        """
        found: set[Hours] = set()
        for permit in self.permits_of(vehicle_id, ts):
            hours = permit.hours or self._hours_of_routes(permit, ts)
            if not hours:
                return frozenset()
            found.update(hours)
        return frozenset(found)

    def _hours_of_routes(self, permit: Permit, ts: int) -> tuple[Hours, ...]:
        approved = (approval.route for approval in self.approvals_of(permit.vehicle_id))
        valid = [route for route in approved if route.id in permit.route_ids and route.validity.covers(ts)]
        return tuple(hours for route in valid for hours in route.hours) if all(route.hours for route in valid) else ()

    @property
    def has_streams(self) -> bool:
        """True if some site, of any time, names the waste streams that are collected there."""
        derived = self._derived
        if derived.has_streams is None:
            derived.has_streams = any(site.streams for site in (*self.sites.values(), *self.past_sites))
        return derived.has_streams

    @property
    def has_areas(self) -> bool:
        """True if some permit or licence, of any time, names permitted areas."""
        derived = self._derived
        if derived.has_areas is None:
            rights: tuple[Permit | Licence, ...] = (*self.permits, *self.licences)
            derived.has_areas = any(right.area_ids for right in rights)
        return derived.has_areas

    def areas_of(self, vehicle_id: str, ts: int) -> frozenset[str]:
        """Return the areas in which the vehicle may collect; empty: anywhere.

        Those of its valid permits if each of them names areas, or else those for which its haulier is licensed.
        """
        permits = self.permits_of(vehicle_id, ts)
        if permits and all(permit.area_ids for permit in permits):
            return frozenset(area_id for permit in permits for area_id in permit.area_ids)
        vehicle = self.vehicle_at(vehicle_id, ts) if self.licences else None
        haulier_id = None if vehicle is None else vehicle.haulier_id
        licences = [] if haulier_id is None else self.licences_of(haulier_id, ts)
        return frozenset(area_id for licence in licences for area_id in licence.area_ids)

    def licences_of(self, haulier_id: str, ts: int) -> list[Licence]:
        """Return the licences of a haulier that are valid at `ts` (device time, ms)."""
        licences = self._derived.licences
        if licences is None:
            licences = self._derived.licences = {}
            for licence in self.licences:
                licences.setdefault(licence.haulier_id, []).append(licence)
        return [licence for licence in licences.get(haulier_id, ()) if licence.validity.covers(ts)]

    def deposit_hours_of(self, device: Device, ts: int) -> tuple[Hours, ...]:
        """Return the hours in which people may deposit at the device's site at `ts` (device time, ms)."""
        site = self.site_of(device, ts)
        return site.deposit_hours if site is not None and site.validity.covers(ts) else ()

    def minute_of_day(self, ts: int) -> int:
        """Return the minute of the city's day at `ts`, device time in ms. Rules and routes ask about one reading."""
        minute = ts // MINUTE_MS
        asked, found = self._derived.minute  # one read: threads ask as well
        if asked != minute:
            local = self._local(ts)
            found = local.hour * 60 + local.minute
            self._derived.minute = (minute, found)
        return found

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
            self.versions_of(vehicle_id)
            versions = self._derived.versions or {}
            approvals = self._derived.approvals = approvals_by_vehicle(self.routes, self.permits, versions)
        return approvals.get(vehicle_id, ())

    def approved_at(self, approvals: Approvals, ts: int) -> list[Route]:
        """Return the routes approved at `ts` (device time, ms): valid, in their hours, and permitted or standing."""
        routes: list[Route] = []
        for approval in approvals:
            route = approval.route
            if not route.validity.covers(ts) or (route.hours and not is_within(route.hours, self.minute_of_day(ts))):
                continue
            for interval in approval.permitted:
                if interval.covers(ts):
                    routes.append(route)
                    break
        return routes

    def routes_of(self, vehicle_id: str, ts: int) -> Sequence[Route]:
        """Return the approved routes of a vehicle at `ts`, as `approved_at` has them."""
        return self.approved_at(self.approvals_of(vehicle_id), ts)

    def may_tip(self, vehicle_id: str, site: Site, ts: int) -> bool:
        """Return whether a valid permit lets the vehicle unload on this site at `ts`."""
        return (
            site.kind.may_tip
            and site.validity.covers(ts)
            and any(not permit.site_ids or site.id in permit.site_ids for permit in self.permits_of(vehicle_id, ts))
        )
