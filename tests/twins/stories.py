"""What happens to each pair of twins, in device time, and which alert a person would write for it.

Nothing here is taken from a rule: a label is an event of the story.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from devices.city.model import City
from devices.codecs.jt808.location import LOAD_BITS, LOAD_SHIFT
from devices.geo.geometry import LatLon
from simulators.dialects.jt808.terminal import Seen
from simulators.dialects.lorawan import DEPTH_MM
from simulators.vehicles.drive import Way

COVER_BIT: Final = 29
LIFT_BIT: Final = 30
"""Of the status word, as the maker of this terminal uses them."""

TRUCK_EVERY_S: Final = 10
_SPEED_MPS: Final = 10.0
_LOADED_UNTIL_S: Final = 60
_STOPS_AT_S: Final = 360
_LEAVES_AT_S: Final = 520
TRUCK_S: Final = 900
"""Length of the story of the truck."""

BIN_EVERY_S: Final = 120
LEVELS_PCT: Final = (60, 75, 85, 92, 95, 97, 97, 97, 97, 4, 5, 6)
"""Whole percents are whole millimetres of the bin's depth."""
_NEARLY_FULL: Final = 2
_EMPTIED: Final = 9

LINE_EVERY_S: Final = 60
_RATE_KG_PER_H: Final = 42_500.0
_TRUCKS_COME: Final = 4


class Line(NamedTuple):
    """A line at one of its reports. Between two reports rate or queue changes, never both."""

    rate_kg_per_h: float
    queue: int


LINE: Final = (
    *[Line(_RATE_KG_PER_H, 0)] * 3,
    Line(0.0, 0),
    *[Line(0.0, 2)] * 9,
    Line(_RATE_KG_PER_H, 2),
    *[Line(_RATE_KG_PER_H, 0)] * 3,
)

STANDING: Final = 12
"""Positions of a truck before it is weighed."""
WEIGHED_KG: Final = 6_400
"""Half of what the truck weighs empty: an axle stands beside the plate."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a pair must raise, once each."""

    rule: str
    began_ms: tuple[int, int]
    """The incident began between these, device time."""
    phases: Sequence[str]
    """That its alert goes through, in the end or on the way."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The truck that tips where it may not."""

    place: LatLon
    course_deg: float
    speed_kmh: float
    loaded: bool
    cover_open: bool
    lift_up: bool

    def native(self) -> dict[str, Any]:
        """Fields of a position."""
        return {
            "lat": self.place.lat,
            "lon": self.place.lon,
            "speed_kmh": self.speed_kmh,
            "heading_deg": self.course_deg,
            "accuracy_m": 4.0,
            "load": "loaded" if self.loaded else "empty",
            "cover_open": self.cover_open,
            "lift_up": self.lift_up,
        }

    def on_the_wire(self) -> Seen:
        """As a terminal of JT/T 808 sees it."""
        bits = (LOAD_BITS << LOAD_SHIFT) * self.loaded | self.cover_open << COVER_BIT | self.lift_up << LIFT_BIT
        return Seen(self.place, self.course_deg, self.speed_kmh, bits)


class Dumping:
    """A truck leaves the works of its approved route loaded, tips beside the road, and drives on empty."""

    def __init__(self, city: City, route_id: str) -> None:
        [route] = [one for one in city.routes if one.id == route_id]
        self._plane = city.plane
        self._way = Way.along([city.plane.xy(LatLon(lat=lat, lon=lon)) for lon, lat in route.line.coords])

    def at(self, second: int) -> Moment:
        driven_s = max(0, min(second, _STOPS_AT_S) - _LOADED_UNTIL_S) + max(0, second - _LEAVES_AT_S)
        along_m = driven_s * _SPEED_MPS
        stands = second < _LOADED_UNTIL_S or _STOPS_AT_S <= second < _LEAVES_AT_S
        since_s = second - _STOPS_AT_S
        return Moment(
            place=self._plane.latlon(self._way.at(along_m)),
            course_deg=self._way.heading_deg(along_m),
            speed_kmh=0.0 if stands else _SPEED_MPS * 3.6,
            loaded=since_s < 60,
            cover_open=20 <= since_s < 130,
            lift_up=40 <= since_s < 120,
        )

    @staticmethod
    def label(start_ms: int) -> Label:
        stop = (start_ms + (_STOPS_AT_S - TRUCK_EVERY_S) * 1000, start_ms + (_STOPS_AT_S + 60) * 1000)
        return Label("illegal_dumping", stop, ("confirmed",))


def bin_label(start_ms: int) -> Label:
    """It is nearly full, full, and emptied."""
    full_ms = start_ms + _NEARLY_FULL * BIN_EVERY_S * 1000
    return Label("bin_overflow", (full_ms, full_ms), ("confirmed", "closed"))


def distance_mm(level_pct: int) -> int:
    """What the sensor of a bin with this level measures."""
    return DEPTH_MM * (100 - level_pct) // 100


def line_label(start_ms: int) -> Label:
    """It stands, trucks queue, it runs again."""
    waited_ms = start_ms + _TRUCKS_COME * LINE_EVERY_S * 1000
    return Label("station_backlog", (waited_ms, waited_ms), ("confirmed", "closed"))


def place_of(city: City, site_id: str) -> LatLon:
    """The middle of a site."""
    [site] = [one for one in city.sites.values() if one.id == site_id]
    middle = site.area.centroid
    return LatLon(lat=middle.y, lon=middle.x)


def standing(place: LatLon, until_ms: int) -> Iterator[dict[str, Any]]:
    """Positions of a truck that stands there."""
    for number in range(STANDING):
        ts = until_ms - (STANDING - 1 - number) * TRUCK_EVERY_S * 1000
        yield {"ts": ts, "seq": number, "lat": place.lat, "lon": place.lon, "speed_kmh": 0.0, "accuracy_m": 4.0}
