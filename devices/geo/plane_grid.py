"""A grid over the plane: the edges of a line that can be nearest to any place of one square, computed once and kept.

`devices.city.geometry` needs them for every fix of every truck, and trucks keep to a few roads. One square needs only a
few edges, and plain arithmetic on a few edges is several times faster than one call into GEOS. It is the arithmetic of
GEOS (`Distance::pointToSegment`), step by step, so that both give the same distance.
"""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, TypeVar

from shapely import Polygon, box

from devices.geo.geometry import XY

CELL_M: Final = 100.0
"""Side of a square. Larger squares need more edges; smaller ones are seldom used twice."""
GRID_REACH_M: Final = 1_000_000.0
"""There is no grid further from the centre: no city reaches there, and the coordinates of squares become inexact."""
_CELLS: Final = 65_536
"""Squares that one memo keeps: some 20 MB when full. A city's trucks use a few thousand."""
_SLACK_M: Final = 1e-3
"""Margin, so that rounding never loses an edge; one edge too many costs a fraction of a microsecond."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Edge:
    """One straight piece of a line; never of length 0. Every fix is measured against several."""

    __slots__ = ("along_m", "dx", "dy", "length_m", "squared_m2", "x", "y")

    def __init__(self, start: XY, dx: float, dy: float, squared_m2: float, length_m: float, along_m: float) -> None:
        self.x: Final = start.x
        self.y: Final = start.y
        self.dx: Final = dx
        self.dy: Final = dy
        self.squared_m2: Final = squared_m2
        self.length_m: Final = length_m
        self.along_m: Final = along_m
        """Length along the line from its start to the start of the edge."""


Side = tuple[float, float, float, float]
"""One side of a closed ring: x and y of its start, x and y of its end, which is exactly the start of the next side."""


class CellMemo(dict[_Key, _Value]):
    """A memo by square. It is cleared when it is full, so that memory is bounded; trucks fill it again."""

    def remember(self, key: _Key, value: _Value) -> _Value:
        if len(self) >= _CELLS:
            self.clear()
        self[key] = value
        return value


def cell_centre(column: float, row: float) -> XY:
    """Return the centre of the square whose places have `x // CELL_M == column` and `y // CELL_M == row`."""
    return XY((column + 0.5) * CELL_M, (row + 0.5) * CELL_M)


def cell_box(column: float, row: float) -> Polygon:
    """Return the square, enlarged by a margin for rounding."""
    half_m, centre = CELL_M / 2 + _SLACK_M, cell_centre(column, row)
    return box(centre.x - half_m, centre.y - half_m, centre.x + half_m, centre.y + half_m)


def edges_of(vertices: Iterable[XY]) -> tuple[Edge, ...]:
    """Return the edges of a line in order; a repeated vertex makes no edge."""
    edges, along_m = [], 0.0
    for start, end in pairwise(vertices):
        dx, dy = end.x - start.x, end.y - start.y
        squared_m2 = dx * dx + dy * dy
        if squared_m2 > 0:
            length_m = math.sqrt(squared_m2)
            edges.append(Edge(start, dx, dy, squared_m2, length_m, along_m))
            along_m += length_m
    return tuple(edges)


def nearest(edges: tuple[Edge, ...], px: float, py: float) -> tuple[float, float]:
    """Return the distance to the nearest point of the edges, and its length along the line; the first of equals."""
    least_m, along_m = math.inf, 0.0
    for edge in edges:
        dx, dy = edge.dx, edge.dy
        ex, ey = px - edge.x, py - edge.y
        share = (ex * dx + ey * dy) / edge.squared_m2
        if share <= 0.0:
            share = 0.0
            off_m = math.sqrt(ex * ex + ey * ey)
        elif share >= 1.0:
            share = 1.0
            ex, ey = px - (edge.x + dx), py - (edge.y + dy)
            off_m = math.sqrt(ex * ex + ey * ey)
        else:
            off_m = abs((ex * dy - ey * dx) / edge.squared_m2) * edge.length_m
        if off_m < least_m:
            least_m, along_m = off_m, edge.along_m + share * edge.length_m
    return least_m, along_m


def encloses(fence: Iterable[Side], px: float, py: float) -> bool:
    """Return whether a place lies inside closed rings, holes included; for places that are clearly off the fence.

    A ray to the east crosses the fence an odd number of times (Haines, Point in Polygon Strategies, Graphics Gems IV).
    """
    inside = False
    for x, y, end_x, end_y in fence:
        if (y > py) != (end_y > py) and px < x + (py - y) / (end_y - y) * (end_x - x):
            inside = not inside
    return inside


def edges_near_square(edges: tuple[Edge, ...], centre: XY) -> tuple[Edge, ...]:
    """Return every edge that is nearest to some place of the square around a centre, and perhaps more; in line order.

    Every place of the square is at most half a diagonal from the centre, and a distance changes by at most the length
    moved. So an edge that is a whole diagonal further from the centre than the nearest one is nearest nowhere in the
    square.
    """
    off_m = [nearest((edge,), centre.x, centre.y)[0] for edge in edges]
    limit_m = min(off_m) + CELL_M * math.sqrt(2) + _SLACK_M
    return tuple(edge for edge, edge_off_m in zip(edges, off_m, strict=True) if edge_off_m <= limit_m)
