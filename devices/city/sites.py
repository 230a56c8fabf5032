"""Sites, gates, routes and zones of a city: versions with a shape in WGS-84 and a validity interval; and hotspots.

Values only. `devices.city.geometry` and `devices.city.zones` project and index them; `devices.city.model.City` holds
them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Protocol, TypeVar

from shapely import LineString, Polygon

from devices.city.hours import Hours
from devices.geo.geometry import LatLon


class SiteKind(StrEnum):
    """Kinds of site, in the terms of waste management; the glossary explains them."""

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


SOURCES = frozenset({SiteKind.CONSTRUCTION_SITE, SiteKind.RECYCLING_POINT})
"""Where trucks only collect. At a transfer station they tip as well, so a stop there says nothing."""


@dataclass(frozen=True, slots=True)
class Validity:
    """An interval of device time, from `start_ms` (inclusive) to `end_ms` (exclusive); None is open."""

    start_ms: int | None = None
    end_ms: int | None = None

    def covers(self, ts: int) -> bool:
        return (self.start_ms is None or self.start_ms <= ts) and (self.end_ms is None or ts < self.end_ms)

    @property
    def is_empty(self) -> bool:
        return self.start_ms is not None and self.end_ms is not None and self.end_ms <= self.start_ms

    def overlaps(self, other: "Validity") -> bool:
        """Return whether both cover some instant; neither may be empty."""
        return (self.start_ms is None or other.end_ms is None or self.start_ms < other.end_ms) and (
            other.start_ms is None or self.end_ms is None or other.start_ms < self.end_ms
        )


ALWAYS = Validity()


class Version(Protocol):
    """One version of an entry."""

    @property
    def id(self) -> str: ...

    @property
    def validity(self) -> Validity: ...

    @property
    def version(self) -> int: ...


VersionT = TypeVar("VersionT", bound=Version)


def latest_first(versions: Iterable[VersionT]) -> list[VersionT]:
    """Versions of one entry by their beginning, the latest first; numbers say in which order they were written."""
    return sorted(versions, key=_beginning, reverse=True)


def versions_by_id(entries: Iterable[VersionT]) -> dict[str, list[VersionT]]:
    """The versions of each entry, as `latest_first` has them."""
    found: dict[str, list[VersionT]] = {}
    for entry in entries:
        found.setdefault(entry.id, []).append(entry)
    return {id_: latest_first(versions) if len(versions) > 1 else versions for id_, versions in found.items()}


def version_at(versions: Sequence[VersionT], ts: int) -> VersionT | None:
    """Return the version that holds at `ts`, device time in ms; in a gap the one before it, before all the first.

    `versions`: of one entry, as `latest_first` has them.
    """
    for version in versions:
        begins = version.validity.start_ms
        if begins is None or begins <= ts:
            return version
    return versions[-1] if versions else None


def _beginning(version: Version) -> tuple[float, int]:
    begins = version.validity.start_ms
    return -inf if begins is None else begins, version.version


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
    """Increases when the fence is redrawn; the validity intervals of the versions do not overlap."""
    deposit_hours: tuple[Hours, ...] = ()
    """When people may deposit at a recycling point; empty: at any time."""
    streams: tuple[str, ...] = ()
    """Waste streams that trucks collect here, as `devices.readings.streams` has them; empty: not known."""


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
    corridor_m: float | None = None
    """Half the width of its corridor; None: as the parameters of each rule have it."""
    limit_kmh: float | None = None
    """The highest speed a truck may drive on it; None where the city does not say."""
    hours: tuple[Hours, ...] = ()
    """When trucks may take it, each day; empty: at any time."""
    standing_for: tuple[str, ...] = ()
    """Kinds of vehicle (`devices.city.haulage.VehicleKind`) for which it stands without a permit 点对点固定线路."""

    def half_width_m(self, default_m: float) -> float:
        """Half the width of its corridor, metres; `default_m` where it has none of its own."""
        return default_m if self.corridor_m is None else self.corridor_m


class ZoneKind(StrEnum):
    """What an area means to trucks."""

    FORBIDDEN = "forbidden"
    """No truck may be in it, but on an approved route."""
    JURISDICTION = "jurisdiction"
    """Trucks may not leave it, but on an approved route; several make one area."""
    PERMITTED_AREA = "permitted_area"
    """Trucks whose permits name it may collect in it; everybody may drive through."""


@dataclass(frozen=True)
class Zone:
    """One version of an area."""

    id: str
    version: int
    kind: ZoneKind
    name: str
    name_zh: str
    area: Polygon
    """WGS-84, x = lon, y = lat."""
    validity: Validity = ALWAYS


class GateUse(StrEnum):
    """Which way trucks pass a gate."""

    IN = "in"
    OUT = "out"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Gate:
    """One version of an entrance of a site."""

    id: str
    version: int
    site_id: str
    name: str
    name_zh: str
    place: LatLon
    """WGS-84."""
    use: GateUse = GateUse.BOTH
    validity: Validity = ALWAYS


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A place that a person accepted as an unlicensed dump 黑消纳场."""

    id: str
    place: LatLon
    radius_m: float
