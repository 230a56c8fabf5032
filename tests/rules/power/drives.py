"""True drives, one place a second: recorded by real vehicles, or made up with junctions, red lights and bends."""

import json
import re
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import gpxpy
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString

from devices.geo.geometry import LatLon, LocalPlane

Places = NDArray[np.float64]
"""Metres east and north, one row a second or a vertex."""
_DRIVE_S: Final = 900
"""Shorter stretches of a recording are left out."""
_HOLE_S: Final = 150
"""A longer hole in a recording ends a drive: nobody knows where the vehicle was."""
_FASTEST_M_PER_S: Final = 42.0
_STANDS_M: Final = 500.0
"""A vehicle that comes no farther is parked."""


class Drive(NamedTuple):
    name: str
    places: Places

    @property
    def seconds(self) -> int:
        return len(self.places)


def line_of(places: Places) -> LineString:
    """The line through these places, to the metre."""
    return _line_of(places.tobytes())


@lru_cache(maxsize=256)
def _line_of(places: bytes) -> LineString:
    return LineString(shapely.simplify(LineString(np.frombuffer(places).reshape(-1, 2)), 1.0).coords)


def driven_m(places: Places) -> NDArray[np.float64]:
    """Metres come at each place, from the first."""
    way: NDArray[np.float64] = np.cumsum(np.hypot(*np.diff(places, axis=0, prepend=places[:1]).T))
    return way


def made_up(dice: np.random.Generator, name: str, seconds: int) -> Drive:
    """Drive through a town: blocks of 200-900 m with a turn at some corners, 20-55 km/h, every third light is red."""
    heading, left_m, speed = dice.uniform(0, 2 * np.pi), dice.uniform(200, 900), 0.0
    target, wait_s, place = dice.uniform(20, 55) / 3.6, 0, np.zeros(2)
    places = np.empty((seconds, 2))
    for n in range(seconds):
        if wait_s:
            wait_s -= 1
        else:
            speed = min(speed + 1.0, target, max((2 * 1.5 * left_m) ** 0.5, 3.0))
            place = place + speed * np.array([np.cos(heading), np.sin(heading)])
            left_m -= speed
            if left_m <= 0:
                heading += dice.choice([0.0, 0.0, np.pi / 2, -np.pi / 2])
                left_m, target = dice.uniform(200, 900), dice.uniform(20, 55) / 3.6
                wait_s = int(dice.uniform(5, 60)) if dice.random() < 0.35 else 0
                speed = 0.0 if wait_s else speed
        places[n] = place
    return Drive(name, places)


@cache
def bus(recordings: Path) -> Drive:
    text = (recordings / "limerick_bus304" / "304_to_UL_2019-02-18_0745.gpx").read_text()
    points = [
        (point.time.timestamp(), point.latitude, point.longitude)
        for track in gpxpy.parse(text).tracks
        for segment in track.segments
        for point in segment.points
        if point.time is not None
    ]
    return _drives("bus", points)[0]


@cache
def car(recordings: Path) -> Drive:
    points = []
    for row in json.loads((recordings / "munich_barefoot" / "x0001-001.json").read_text()):
        lon, lat = (float(part) for part in re.findall(r"[-0-9.]+", row["point"]))
        points.append((datetime.strptime(row["time"], "%Y-%m-%d %H:%M:%S%z").timestamp(), lat, lon))
    return _drives("car", points)[0]


@cache
def garbage_trucks(recordings: Path) -> tuple[Drive, ...]:
    """Drives of the sixty-eight municipal trucks; some say another place for one second, of which the first counts."""
    points: dict[str, dict[float, tuple[float, float]]] = {}
    for line in (recordings / "jersey_city_garbage_trucks" / "all_dedup.csv").read_text().splitlines():
        lat, lon, truck, _, when = line.split("|")
        at = datetime.fromisoformat(f"{when}+00:00").timestamp()
        points.setdefault(truck, {}).setdefault(at, (float(lat), float(lon)))
    drives = []
    for truck, found in sorted(points.items()):
        drives += _drives(f"truck {truck}", [(at, *place) for at, place in found.items()])
    return tuple(drives)


def _drives(name: str, points: list[Any]) -> list[Drive]:
    """Cut at holes; a place that no truck can have reached from the one before is left out."""
    points.sort()
    plane = LocalPlane(LatLon(points[0][1], points[0][2]))
    drives: list[Drive] = []
    kept: list[tuple[float, float, float]] = []
    for at, lat, lon in points:
        place = plane.xy(LatLon(lat, lon))
        if kept and at - kept[-1][0] > _HOLE_S:
            _end(name, kept, drives)
            kept = []
        if not kept or np.hypot(place.x - kept[-1][1], place.y - kept[-1][2]) <= _FASTEST_M_PER_S * (at - kept[-1][0]):
            kept.append((at, place.x, place.y))
    _end(name, kept, drives)
    return drives


def _end(name: str, kept: list[tuple[float, float, float]], drives: list[Drive]) -> None:
    times, *axes = np.array(kept).T
    if times[-1] - times[0] < _DRIVE_S:
        return
    seconds = np.arange(times[0], times[-1] + 1)
    places = np.column_stack([np.interp(seconds, times, axis) for axis in axes])
    if np.ptp(places, axis=0).max() > _STANDS_M:
        drives.append(Drive(f"{name} {len(drives)}", places))
