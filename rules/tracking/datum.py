"""Whether a terminal sends its positions in another datum than the one it is registered with.

GCJ-02 lies 265 to 660 m beside WGS-84. A truck whose terminal sends it never stands at a site and never drives on its
route: it looks like one that dumps and deviates all day. But its track, with the shift undone, lies on routes and
sites, over its whole length. A truck that really drives beside its route has been on it before, and the shift of one
road lies on another one for a short way at most.
"""

from dataclasses import dataclass
from typing import Final

from devices.city.model import City, Device
from devices.geo.geometry import XY, Datum

RECOGNISED_FIXES: Final = 30
RECOGNISED_M: Final = 2_000.0
"""So many fixes, and so far, on routes and sites only with the shift undone: more than a parallel road explains."""
_ON_GROUND_M: Final = 60.0
"""At most this far from an approved route or a site: the corridor in which a truck counts as on its route."""
_OFF_GROUND_M: Final = 150.0
"""At least this far from all of them. Between the two a fix says nothing about the datum."""
_STEP_M: Final = 30.0
"""Fixes nearer to the last one that was looked at say nothing new; a truck that stands is looked at once."""
_MOST_FIXES: Final = 60
"""Then all counts are halved: some hours of another datum outweigh years of the former one."""
_DOUBTED_FIXES: Final = 3
"""So many fixes that fit the other datum only, and hardly any that fit the registered one only: then a place that fits
both is not used either. Where the road leads along the shift, all do."""
_SETTLED_FIXES: Final = 12
_COMPARE_EVERY: Final = 8
"""Of fixes on the ground, and of all fixes of a truck whose datum is beyond doubt, every eighth is compared."""
_LOOK_EVERY: Final = 4
"""Of fixes after one on the ground, where none fitted the other datum so far, every fourth is looked at."""
_NEAR_M: Final = 250.0


@dataclass(slots=True)
class DatumTrack:
    """Counts of fixes by the datum in which they lie on routes and sites. Some 200 bytes a truck."""

    registered: Datum | None = None
    """Datum of the device when the counts began; None before."""
    straight: int = 0
    """In the registered datum only."""
    shifted: int = 0
    """In the other datum only."""
    elsewhere: int = 0
    """In neither."""
    driven_m: float = 0.0
    """Between fixes that lie there in the other datum only."""
    since: int = 0
    """Device time, ms, of the first of them."""
    at: XY | None = None
    """The last place that was looked at."""
    believed: bool = True
    """Whether fixes there are used."""
    passed: int = 0
    """Fixes since both datums were compared."""
    on_ground: int = 0
    """Of these, fixes that lie there in the registered datum; the other one was not asked."""
    settled: bool = False
    """The datum is beyond doubt, for now."""
    recognised: bool = False
    """The terminal sends the other datum; no fix is used until it is registered or sends the registered one."""

    def believes(self, xy: XY, ts: int, device: Device, city: City, calendar_ts: int) -> bool:
        """Take a fix of good quality; return whether its place may be used. `xy` is in the registered datum; sites and
        routes are those valid at `calendar_ts`, ms.
        """
        datum = device.datum
        if self.registered is not datum:
            self._begin(datum)
        self.passed += 1
        due = self.recognised or self.passed >= _COMPARE_EVERY
        if not due and (self.settled or (self.on_ground and not self.shifted and self.passed % _LOOK_EVERY)):
            return True
        step_m = 0.0
        if self.at is not None:
            step_m = self.at.distance_m(xy)
            if step_m < _STEP_M:
                return self.believed
        here_m = _from_ground_m(xy, calendar_ts, device, city)
        if not due and here_m <= _ON_GROUND_M and not self._speaks_for_the_other():
            self.at, self.believed = xy, True
            self.on_ground += 1
            return True
        shift = city.gcj02.shift(xy)
        if shift.x == shift.y == 0:  # outside China
            return True
        sign = -1 if datum is Datum.WGS84 else 1
        there_m = _from_ground_m(XY(xy.x + sign * shift.x, xy.y + sign * shift.y), calendar_ts, device, city)
        self._count(here_m, there_m, ts, step_m)
        self.at, self.passed, self.on_ground = xy, 0, 0
        self.believed = not self.recognised and not self._is_doubtful(here_m, there_m)
        return self.believed

    def _begin(self, datum: Datum) -> None:
        self.registered = datum
        self.straight = self.shifted = self.elsewhere = self.since = self.passed = self.on_ground = 0
        self.driven_m, self.at, self.believed, self.settled, self.recognised = 0.0, None, True, False, False

    def _count(self, here_m: float, there_m: float, ts: int, step_m: float) -> None:
        if there_m <= _ON_GROUND_M and here_m >= _OFF_GROUND_M:
            if not self.shifted:
                self.since, self.driven_m = ts, 0.0
            elif step_m <= RECOGNISED_M:
                self.driven_m += step_m
            self.shifted += 1
        elif here_m <= _ON_GROUND_M and there_m >= _OFF_GROUND_M:
            self.straight += 1 + self.on_ground
        elif here_m >= _OFF_GROUND_M and there_m >= _OFF_GROUND_M:
            self.elsewhere += 1
        counted = self.straight + self.shifted + self.elsewhere
        if self.recognised:
            if self.straight > self.shifted:
                self.recognised, self.shifted = False, 0
        elif self.shifted >= RECOGNISED_FIXES and self.driven_m >= RECOGNISED_M:
            self.recognised = self.straight * 10 <= counted and self.shifted * 10 >= 8 * counted
        self.settled = counted >= _SETTLED_FIXES and self.shifted * 10 <= counted
        if counted >= _MOST_FIXES:
            self.straight, self.shifted, self.elsewhere = self.straight // 2, self.shifted // 2, self.elsewhere // 2

    def _is_doubtful(self, here_m: float, there_m: float) -> bool:
        """True if the place fits the other datum, and so far the track does not speak for the registered one."""
        if self.straight > 1 + self.shifted // 10 or there_m > _ON_GROUND_M:
            return False
        return here_m >= _OFF_GROUND_M or self.shifted >= _DOUBTED_FIXES

    def _speaks_for_the_other(self) -> bool:
        return self.shifted >= _DOUBTED_FIXES and self.straight <= 1 + self.shifted // 10


def _from_ground_m(place: XY, ts: int, device: Device, city: City) -> float:
    """Metres to the nearest site or approved route; `_NEAR_M` if there is none so near."""
    geometry = city.geometry
    near = geometry.sites_near(place, _NEAR_M, ts)
    nearest_m = near[0].distance_m if near else _NEAR_M
    if device.vehicle_id is not None:
        for route in city.approved_at(city.approvals_of(device.vehicle_id), ts):
            nearest_m = min(nearest_m, geometry.route_offset(route, place).distance_m)
    return nearest_m
