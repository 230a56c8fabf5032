"""Zones on the metric plane: how deep a place lies in the forbidden zones of a city, in its area of jurisdiction, or in
the permitted areas of a truck.

Projected and indexed once per City, and asked for every fix of every truck: the zones and the edges that matter
are kept for each grid square (`devices.geo.plane_grid`).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from shapely import Polygon, STRtree, box, contains_properly, prepare

from devices.city.geometry import fence_of, plane_polygon, sides_of
from devices.city.sites import Validity, Zone, ZoneKind
from devices.geo.geometry import XY, LocalPlane
from devices.geo.plane_grid import (
    CELL_M,
    CellMemo,
    Edge,
    Side,
    cell_box,
    cell_centre,
    edges_near_square,
    encloses,
    nearest,
)

NEAR_M: Final = 1_000.0
"""A forbidden zone further away is no answer."""
REMOTE_M: Final = 2_000.0
"""Further from every fence a place is remote: one look into a coarse grid says so, where most trucks are."""
_COARSE_M: Final = 1_000.0
"""Side of a square of that grid."""


class ZoneDepth(NamedTuple):
    """A zone, and how deep in it a place lies: metres from its fence, negative outside."""

    zone: Zone
    depth_m: float


class _SquareZone(NamedTuple):
    """The part of a zone's fence that matters to the places of one grid square."""

    zone: Zone
    edges: tuple[Edge, ...]
    sides: tuple[Side, ...] | None
    """All sides of the fence; None if the whole square is inside."""


class ZoneGeometry:
    """Queries over the zones of one city. `City.zone_geometry` builds it once per City."""

    def __init__(self, plane: LocalPlane, zones: Sequence[Zone]) -> None:
        self._zones = {kind: [zone for zone in zones if zone.kind is kind] for kind in ZoneKind}
        self._areas = {kind: [plane_polygon(zone.area, plane) for zone in of] for kind, of in self._zones.items()}
        for areas in self._areas.values():
            for area in areas:
                prepare(area)
        self._trees = {kind: STRtree(areas) for kind, areas in self._areas.items()}
        self._squares: CellMemo[tuple[str, float, float], tuple[_SquareZone, ...]] = CellMemo()
        self._has_forbidden, self._has_jurisdiction = (
            bool(self._zones[kind]) for kind in (ZoneKind.FORBIDDEN, ZoneKind.JURISDICTION)
        )
        self._off_forbidden: CellMemo[tuple[float, float], bool] = CellMemo()
        self._inside_jurisdiction: CellMemo[tuple[float, float], tuple[Validity, ...]] = CellMemo()

    def is_off_forbidden(self, place: XY) -> bool:
        """Return whether no forbidden zone, of any time, is within `REMOTE_M`. False also where that is uncertain."""
        if not self._has_forbidden:
            return True
        key = (place.x // _COARSE_M, place.y // _COARSE_M)
        found = self._off_forbidden.get(key)
        if found is None:
            near = self._trees[ZoneKind.FORBIDDEN].query(_coarse_square(*key), predicate="dwithin", distance=REMOTE_M)
            found = self._off_forbidden.remember(key, not near.size)
        return found

    def is_inside_jurisdiction(self, place: XY, ts: int) -> bool:
        """Return whether the place lies deeper than `REMOTE_M` in an area of jurisdiction that is valid at `ts` (device
        time, ms), or there is no such area of any time. False also where that is uncertain.
        """
        if not self._has_jurisdiction:
            return True
        key = (place.x // _COARSE_M, place.y // _COARSE_M)
        found = self._inside_jurisdiction.get(key)
        if found is None:
            around = _coarse_square(*key).buffer(REMOTE_M, join_style="mitre")
            kind = ZoneKind.JURISDICTION
            areas = zip(self._zones[kind], self._areas[kind], strict=True)
            found = tuple(zone.validity for zone, area in areas if contains_properly(area, around))
            self._inside_jurisdiction.remember(key, found)
        return any(validity.covers(ts) for validity in found)

    def forbidden_at(self, place: XY, ts: int) -> ZoneDepth | None:
        """Return the forbidden zone valid at `ts` (device time, ms) in which the place lies deepest, or the nearest.

        None if there is none within `NEAR_M`.
        """
        return self._deepest(ZoneKind.FORBIDDEN, place, ts)

    def jurisdiction_at(self, place: XY, ts: int) -> ZoneDepth | None:
        """Return the area of jurisdiction valid at `ts` (device time, ms) in which the place lies deepest, or the
        nearest, however far. None if the city has none then.
        """
        return self._deepest(ZoneKind.JURISDICTION, place, ts)

    def permitted_at(self, place: XY, ts: int, area_ids: frozenset[str]) -> ZoneDepth | None:
        """Return the permitted area of these ids valid at `ts` (device time, ms) in which the place lies deepest, or
        the nearest, however far. None if none of them is valid then.
        """
        return self._deepest(ZoneKind.PERMITTED_AREA, place, ts, area_ids)

    def _deepest(self, kind: ZoneKind, place: XY, ts: int, zone_ids: frozenset[str] | None = None) -> ZoneDepth | None:
        """`zone_ids`: only of these."""
        if not self._zones[kind]:
            return None
        x, y = place.x, place.y
        key = (str(kind), x // CELL_M, y // CELL_M)
        square = self._squares.get(key)
        if square is None:
            square = self._squares.remember(key, self._zones_of_square(kind, key[1], key[2]))
        found: ZoneDepth | None = None
        for zone, edges, sides in square:
            if zone.validity.covers(ts) and (zone_ids is None or zone.id in zone_ids):
                off_m = nearest(edges, x, y)[0]
                depth_m = off_m if sides is None or encloses(sides, x, y) else -off_m
                if found is None or depth_m > found.depth_m:
                    found = ZoneDepth(zone, depth_m)
        return found

    def _zones_of_square(self, kind: ZoneKind, column: float, row: float) -> tuple[_SquareZone, ...]:
        square = cell_box(column, row)
        if kind is ZoneKind.FORBIDDEN:
            indices = sorted(self._trees[kind].query(square, predicate="dwithin", distance=NEAR_M).tolist())
        else:
            indices = list(range(len(self._zones[kind])))
        return tuple(self._zone_of_square(kind, index, square, cell_centre(column, row)) for index in indices)

    def _zone_of_square(self, kind: ZoneKind, index: int, square: Polygon, centre: XY) -> _SquareZone:
        zone, area = self._zones[kind][index], self._areas[kind][index]
        sides = None if contains_properly(area, square) else sides_of(area)
        return _SquareZone(zone, edges_near_square(fence_of(area), centre), sides)


def _coarse_square(column: float, row: float) -> Polygon:
    return box(column * _COARSE_M, row * _COARSE_M, (column + 1) * _COARSE_M, (row + 1) * _COARSE_M)
