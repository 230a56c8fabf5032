"""A city as judgement sees it: frozen, in memory, every geometry in WGS-84 with its validity interval.

The registry loads it (`devices.db.registry.Registry.load_city`); recorder, judge and rules read it; nobody changes it.
A new registry revision is a new City.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shapely import LineString, Polygon

from devices.city.geometry import CityGeometry
from devices.geo.geometry import LatLon, LocalPlane


class DeviceRole(StrEnum):
    """What a device is bolted to."""

    TRUCK = "truck"
    WEIGHBRIDGE = "weighbridge"
    RECYCLING_POINT = "recycling_point"
    STATION_LINE = "station_line"


class SiteKind(StrEnum):
    """Field terms; see the glossary in the README."""

    CONSTRUCTION_SITE = "construction_site"
    TRANSFER_STATION = "transfer_station"
    SORTING_CENTRE = "sorting_centre"
    DISPOSAL_SITE = "disposal_site"
    RECYCLING_PLANT = "recycling_plant"
    INCINERATION_PLANT = "incineration_plant"
    LANDFILL = "landfill"
    RECYCLING_POINT = "recycling_point"
    DEPOT = "depot"
    WASH_BAY = "wash_bay"

    @property
    def may_tip(self) -> bool:
        """A truck may raise its bed and unload here."""
        return self in _TIPPING_KINDS


_TIPPING_KINDS = frozenset(
    {
        SiteKind.TRANSFER_STATION,
        SiteKind.SORTING_CENTRE,
        SiteKind.DISPOSAL_SITE,
        SiteKind.RECYCLING_PLANT,
        SiteKind.INCINERATION_PLANT,
        SiteKind.LANDFILL,
    }
)


@dataclass(frozen=True, slots=True)
class Validity:
    """From `start_ms` (inclusive) to `end_ms` (exclusive), device time; None is open."""

    start_ms: int | None = None
    end_ms: int | None = None

    def covers(self, ts: int) -> bool:
        return (self.start_ms is None or self.start_ms <= ts) and (self.end_ms is None or ts < self.end_ms)

    @property
    def is_empty(self) -> bool:
        return self.start_ms is not None and self.end_ms is not None and self.end_ms <= self.start_ms

    def overlaps(self, other: "Validity") -> bool:
        """Whether some instant is covered by both; neither is empty."""
        return (self.start_ms is None or other.end_ms is None or self.start_ms < other.end_ms) and (
            other.start_ms is None or self.end_ms is None or other.start_ms < self.end_ms
        )


ALWAYS = Validity()


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
    """How often it reports when nothing happens; silence is measured in multiples of it."""
    validity: Validity = ALWAYS


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


@dataclass(frozen=True)
class Site:
    """One version of a place with a fence."""

    id: str
    kind: SiteKind
    name: str
    name_zh: str
    area: Polygon
    """WGS-84, x = lon, y = lat."""
    district: str | None = None
    validity: Validity = ALWAYS
    version: int = 1
    """Grows when the fence is drawn anew; the versions' validity intervals do not overlap."""


@dataclass(frozen=True)
class Route:
    """One version of an approved route."""

    id: str
    version: int
    name: str
    name_zh: str
    line: LineString
    """WGS-84, x = lon, y = lat, from origin to destination (driven both ways)."""
    origin_site_id: str | None = None
    destination_site_id: str | None = None
    validity: Validity = ALWAYS


@dataclass(frozen=True, slots=True)
class Permit:
    """A vehicle may haul on these routes to these sites."""

    id: str
    vehicle_id: str
    route_ids: tuple[str, ...] = ()
    site_ids: tuple[str, ...] = ()
    """Where it may tip; empty: every site whose kind may be tipped on."""
    validity: Validity = ALWAYS


@dataclass(frozen=True, slots=True)
class Approval:
    """One version of a route that some permit of a vehicle names."""

    route: Route
    permitted: tuple[Validity, ...]
    """When: intervals of the permits that name it."""


Approvals = tuple[Approval, ...]
"""Of one vehicle, in the order of the city's routes. Vehicles with the same ones share them."""


def approved_at(approvals: Approvals, ts: int) -> list[Route]:
    """Routes approved at `ts` (device time, ms): valid versions that a valid permit names."""
    found = []
    for approval in approvals:
        if approval.route.validity.covers(ts):
            for interval in approval.permitted:
                if interval.covers(ts):
                    found.append(approval.route)
                    break
    return found


@dataclass(slots=True)
class _Derived:
    """What a city works out at the first question and keeps."""

    plane: LocalPlane | None = None
    geometry: CityGeometry | None = None
    permits: dict[str, list[Permit]] | None = None
    """By vehicle."""
    approvals: dict[str, Approvals] | None = None
    """By vehicle."""


@dataclass(frozen=True)
class City:
    """Everything readings are admitted and judged against."""

    id: str
    name: str
    name_zh: str
    timezone: str
    centre: LatLon
    revision: int = 0
    devices: Mapping[str, Device] = field(default_factory=dict)
    vehicles: Mapping[str, Vehicle] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    """The newest version of each."""
    past_sites: tuple[Site, ...] = ()
    """Earlier versions, so that old readings are judged by the fence of their day."""
    routes: tuple[Route, ...] = ()
    permits: tuple[Permit, ...] = ()
    _derived: _Derived = field(default_factory=_Derived, init=False, repr=False, compare=False)

    @property
    def plane(self) -> LocalPlane:
        derived = self._derived
        if derived.plane is None:
            derived.plane = LocalPlane(self.centre)
        return derived.plane

    @property
    def geometry(self) -> CityGeometry:
        """Sites and routes on the plane, indexed; built at the first question."""
        derived = self._derived
        if derived.geometry is None:
            derived.geometry = CityGeometry(self)
        return derived.geometry

    def vehicle_of(self, device: Device) -> Vehicle | None:
        """What the device is bolted to, if it is a vehicle the city has."""
        return self.vehicles.get(device.vehicle_id) if device.vehicle_id is not None else None

    def permits_of(self, vehicle_id: str, ts: int) -> list[Permit]:
        """Permits of a vehicle that are valid at `ts`."""
        permits = self._derived.permits
        if permits is None:
            permits = self._derived.permits = _permits_by_vehicle(self.permits)
        return [permit for permit in permits.get(vehicle_id, ()) if permit.validity.covers(ts)]

    def approvals_of(self, vehicle_id: str) -> Approvals:
        """Routes a vehicle was ever approved for, to be asked by time with `approved_at`."""
        approvals = self._derived.approvals
        if approvals is None:
            approvals = self._derived.approvals = _approvals_by_vehicle(self.routes, self.permits)
        return approvals.get(vehicle_id, ())

    def routes_of(self, vehicle_id: str, ts: int) -> Sequence[Route]:
        """Approved routes of a vehicle at `ts`: every valid version named by a valid permit."""
        return approved_at(self.approvals_of(vehicle_id), ts)

    def may_tip(self, vehicle_id: str, site: Site, ts: int) -> bool:
        """Whether a valid permit of the vehicle lets it unload on this site at `ts`."""
        return (
            site.kind.may_tip
            and site.validity.covers(ts)
            and any(not permit.site_ids or site.id in permit.site_ids for permit in self.permits_of(vehicle_id, ts))
        )


def _permits_by_vehicle(permits: Sequence[Permit]) -> dict[str, list[Permit]]:
    found: dict[str, list[Permit]] = {}
    for permit in permits:
        found.setdefault(permit.vehicle_id, []).append(permit)
    return found


def _approvals_by_vehicle(routes: Sequence[Route], permits: Sequence[Permit]) -> dict[str, Approvals]:
    naming: dict[str, dict[str, dict[Validity, None]]] = {}
    for permit in permits:
        for route_id in permit.route_ids:
            naming.setdefault(route_id, {}).setdefault(permit.vehicle_id, {})[permit.validity] = None
    found: dict[str, Approvals] = {}
    shared: dict[tuple[int, ...], Approvals] = {}
    for route in routes:
        known: dict[tuple[Validity, ...], Approval] = {}
        for vehicle_id, intervals in naming.get(route.id, {}).items():
            permitted = tuple(intervals)
            approval = known.setdefault(permitted, Approval(route, permitted))
            approvals = (*found.get(vehicle_id, ()), approval)
            # By identity: a route's equality and hash go through all of its line.
            found[vehicle_id] = shared.setdefault(tuple(map(id, approvals)), approvals)
    return found
