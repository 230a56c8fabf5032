"""The shift between WGS-84 and GCJ-02 on a city's plane, kept by square: a look-up for a fix, not a formula."""

from typing import Final

from devices.geo.gcj02 import gcj02_of
from devices.geo.geometry import XY, LocalPlane
from devices.geo.plane_grid import CellMemo

_CELL_M: Final = 1_000.0
"""The shift changes by about a metre from one side of such a square to the other."""


class Gcj02Plane:
    """Shifts of one city."""

    def __init__(self, plane: LocalPlane) -> None:
        self._plane = plane
        self._shifts: CellMemo[tuple[float, float], XY] = CellMemo()

    def shift(self, place: XY) -> XY:
        """Return how far GCJ-02 lies from WGS-84 here, in metres east and north; 0, 0 outside China.

        True within two metres.
        """
        key = (place.x // _CELL_M, place.y // _CELL_M)
        shift = self._shifts.get(key)
        if shift is None:
            centre = XY((key[0] + 0.5) * _CELL_M, (key[1] + 0.5) * _CELL_M)
            shifted = self._plane.xy(gcj02_of(self._plane.latlon(centre)))
            shift = self._shifts.remember(key, XY(shifted.x - centre.x, shifted.y - centre.y))
        return shift
