"""Seeded detours: a true drive of which a stretch does not lie on the approved route. The label says when and how far.

The drive stays as it was, with its real speeds and stops; the route is moved aside under it.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString

from tests.rules.power.drives import Drive, Places, driven_m, line_of

BEYOND_M: Final = 75.0
"""Corridor of 60 m and the error of a common receiver: nearer than this nobody could tell."""
_AROUND_S: Final = 420
"""On the route before and after."""
_BEFORE_S: Final = 1200
"""It came from there before that: its habits are known, as of every truck after its first half hour."""
_DRIVEN_M: Final = 150.0
"""Driven beyond, at least: less is a yard or a lay-by."""
_ENDS_M: Final = 200.0
"""Nearer than this to an end of its route a truck looks for the gate."""
_TRIES: Final = 300
"""For each detour that is asked for."""


class Detour(NamedTuple):
    places: Places
    """One a second; the truck is on its route before and after."""
    route: LineString
    start_s: int
    """First second beyond."""
    end_s: int
    beyond_s: int
    """Seconds beyond in one stretch."""
    aside_m: float
    """Largest distance from the route."""


def detours(
    drives: Sequence[Drive], dice: np.random.Generator, beyond_s: tuple[int, int], count: int
) -> Iterator[Detour]:
    """Detours that last so long beyond `BEYOND_M`, 100 to 600 m aside (small ones are as common as large ones)."""
    made, shares = 0, _shares([drive.seconds - 2 * _AROUND_S for drive in drives])
    while made < count:
        drive = drives[int(dice.choice(len(drives), p=shares))]
        aside_m = float(np.exp(dice.uniform(np.log(100.0), np.log(600.0))))
        lasts_s = int(dice.uniform(beyond_s[0], beyond_s[1] * 1.7))
        found = _moved(drive, dice, lasts_s, aside_m)
        if found is not None and beyond_s[0] <= found.beyond_s < beyond_s[1]:
            made += 1
            yield found


def shifted(
    drives: Sequence[Drive],
    dice: np.random.Generator,
    kmh: tuple[float, float],
    count: int,
    aside_m: float = 200.0,
    length_m: float = 1000.0,
) -> Iterator[Detour]:
    """Stretches of this length, driven at such a mean speed, stops included; all of them so far aside. Fewer than
    `count` if few were driven so.

    Each metre that the drives have in common is as likely to begin one as any other. By seconds, most would begin where
    a vehicle stands; by drives, a short one on a trunk road would weigh as much as a day in a town.
    """
    ways = [_Way(drive) for drive in drives]
    made, shares = 0, _shares([way.usable_m for way in ways])
    for _ in range(count * _TRIES):
        if made == count:
            return
        way = ways[int(dice.choice(len(ways), p=shares))]
        begin = way.second_at(way.first_m + dice.random() * way.usable_m)
        lasts_s = way.second_at(way.driven_m[begin] + length_m) - begin
        if not kmh[0] <= length_m / lasts_s * 3.6 < kmh[1]:
            continue
        found = _moved(way.drive, dice, lasts_s, aside_m, begin)
        if found is not None and 0.7 * lasts_s <= found.beyond_s <= 600:  # a bend may bring it near its route again
            made += 1
            yield found


class _Way:
    """Metres that a drive had come at each second, and where on it a detour may begin."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.driven_m = driven_m(drive.places)
        self.first_m = float(self.driven_m[_AROUND_S])
        self.usable_m = float(self.driven_m[-_AROUND_S]) - self.first_m

    def second_at(self, metres: float) -> int:
        return int(np.searchsorted(self.driven_m, metres))


def _shares(lengths: Sequence[float]) -> NDArray[np.float64]:
    usable = np.maximum(lengths, 0.0)
    shares: NDArray[np.float64] = usable / usable.sum()
    return shares


def _moved(
    drive: Drive, dice: np.random.Generator, lasts_s: int, aside_m: float, begin: int | None = None
) -> Detour | None:
    """Move a stretch of the route aside; None where the drive is too short, stands, or is not clearly off and back."""
    if begin is None:
        begin = int(dice.integers(_AROUND_S, max(drive.seconds - _AROUND_S - lasts_s, _AROUND_S + 1)))
    end = begin + lasts_s
    if end + _AROUND_S > drive.seconds:
        return None
    places = np.concatenate([_before(drive, begin), drive.places[begin : end + _AROUND_S]])
    chord = drive.places[end] - drive.places[begin]
    if np.hypot(*chord) < BEYOND_M:
        return None
    across = np.array([-chord[1], chord[0]]) / np.hypot(*chord) * (1 if dice.random() < 0.5 else -1)
    moved = drive.places[begin : end + 1] + across * aside_m
    route = line_of(np.concatenate([drive.places[:begin], moved, drive.places[end + 1 :]]))
    off_m = shapely.distance(route, shapely.points(places))
    beyond = np.flatnonzero(off_m > BEYOND_M)
    if not len(beyond) or len(beyond) != beyond[-1] - beyond[0] + 1:
        return None
    if driven_m(places[beyond])[-1] < _DRIVEN_M or _is_near_an_end(places[beyond], route):
        return None
    return Detour(places, route, int(beyond[0]), int(beyond[-1]) + 1, len(beyond), float(off_m.max()))


def _is_near_an_end(places: Places, route: LineString) -> bool:
    ends = shapely.points([route.coords[0], route.coords[-1]])
    return bool(shapely.distance(shapely.MultiPoint(places), ends).min() < _ENDS_M)


def _before(drive: Drive, begin: int) -> Places:
    """The way back and forth before."""
    return np.concatenate([drive.places[:begin][::-1], drive.places[:begin]])[-_BEFORE_S:]


def standing(drive: Drive, dice: np.random.Generator, aside_m: float = 100.0, stands_s: int = 1200) -> Detour:
    """The truck turns off its route at a right angle, stands beside it for twenty minutes and goes on."""
    while True:
        begin = int(dice.integers(_AROUND_S, drive.seconds - _AROUND_S))
        ahead = drive.places[begin + 1] - drive.places[begin - 1]
        if np.hypot(*ahead) < 4:
            continue
        across = np.array([-ahead[1], ahead[0]]) / np.hypot(*ahead) * (1 if dice.random() < 0.5 else -1)
        leg_s = int(aside_m / 5)
        out = drive.places[begin] + np.outer(np.linspace(0, aside_m, leg_s), across)
        places = np.concatenate(
            [
                _before(drive, begin), out, np.repeat(out[-1:], stands_s, axis=0), out[::-1],
                drive.places[begin : begin + _AROUND_S],
            ]
        )  # fmt: skip
        route = line_of(drive.places)
        off_m = shapely.distance(route, shapely.points(places))
        beyond = np.flatnonzero(off_m > BEYOND_M)
        if len(beyond) >= stands_s and off_m.max() > aside_m - 1 and not _is_near_an_end(out, route):
            return Detour(places, route, int(beyond[0]), int(beyond[-1]) + 1, len(beyond), float(off_m.max()))
