"""Road-like motion along a path, as a closed formula of time: acceleration, curves, a speed limit, stops at junctions.

The speed profile is the classic two-pass one (Bobrow, Dubowsky & Gibson, 1985): every sample of the path gets the
speed its curve allows, then a pass forward holds it to what acceleration reaches and a pass backward to what braking
needs. Between samples acceleration is constant.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from devices.geo.geometry import XY

ACCELERATION_MPS2: Final = 0.7
"""A loaded tipper pulling away."""
BRAKING_MPS2: Final = 1.1
LATERAL_MPS2: Final = 1.5
"""Comfortable in a curve with a load behind."""
_SLOWEST_MPS: Final = 2.5
"""Walking pace, in a tight corner."""
_SAMPLE_M: Final = 10.0
_CORNER_CUT_M: Final = 8.0
"""A corner is rounded from this far before it; a right angle is then missed by less than 3 m."""


@dataclass(frozen=True)
class Way:
    """A line on the metric plane, driven from its first point to its last. Distances along it are in metres."""

    points: tuple[XY, ...]

    @classmethod
    def along(cls, points: Sequence[XY]) -> "Way":
        """The way through these points, without repeated ones. Raises ValueError if fewer than two remain."""
        kept = [points[0]]
        kept += [here for before, here in pairwise(points) if here.distance_m(before) > 0.01]
        if len(kept) < 2:
            raise ValueError("a path needs two different points")
        return cls(tuple(kept))

    @cached_property
    def _distances_m(self) -> list[float]:
        """Distance of each point from the start."""
        distances_m = [0.0]
        for before, here in pairwise(self.points):
            distances_m.append(distances_m[-1] + before.distance_m(here))
        return distances_m

    @property
    def length_m(self) -> float:
        return self._distances_m[-1]

    @cached_property
    def _headings_deg(self) -> list[float]:
        """Direction of each leg in degrees, clockwise from grid north."""
        return [math.degrees(math.atan2(b.x - a.x, b.y - a.y)) % 360 for a, b in pairwise(self.points)]

    @cached_property
    def samples_m(self) -> list[float]:
        """Distances along it, some 10 m apart, at which a drive has a speed."""
        count = max(2, math.ceil(self.length_m / _SAMPLE_M))
        step = self.length_m / count
        return [i * step for i in range(count + 1)]

    @cached_property
    def curve_limits_mps(self) -> list[float]:
        """Speed that its curves allow at each sample: the fleet drives the same ways all day."""
        return [_curve_limit(self, s) for s in self.samples_m]

    def at(self, s_m: float) -> XY:
        """The place `s_m` from the start, clamped to the ends."""
        i, part = self._leg(s_m)
        a, b = self.points[i], self.points[i + 1]
        return XY(a.x + (b.x - a.x) * part, a.y + (b.y - a.y) * part)

    def heading_deg(self, s_m: float) -> float:
        """Direction in degrees, clockwise from grid north."""
        return self._headings_deg[self._leg_at(s_m)]

    def part(self, start_m: float, end_m: float) -> "Way":
        """The way between these distances, the same one each time."""
        found = self._parts.get((start_m, end_m))
        if found is None:
            kept = [point for point, s_m in zip(self.points, self._distances_m, strict=True) if start_m < s_m < end_m]
            found = self._parts[start_m, end_m] = Way.along([self.at(start_m), *kept, self.at(end_m)])
        return found

    def reverse(self) -> "Way":
        return self._reversed

    @cached_property
    def _parts(self) -> dict[tuple[float, float], "Way"]:
        return {}

    @cached_property
    def _reversed(self) -> "Way":
        return Way(self.points[::-1])

    def then(self, other: "Way") -> "Way":
        return Way.along([*self.points, *other.points])

    def rounded(self) -> "Way":
        """The way with rounded corners, as a truck takes them."""
        points = [self.points[0]]
        for before, corner, after in zip(self.points, self.points[1:], self.points[2:], strict=False):
            reach = min(_CORNER_CUT_M, 0.45 * before.distance_m(corner), 0.45 * corner.distance_m(after))
            enter, leave = _towards(corner, before, reach), _towards(corner, after, reach)
            for k in (0.0, 0.25, 0.5, 0.75, 1.0):
                x = (1 - k) ** 2 * enter.x + 2 * k * (1 - k) * corner.x + k**2 * leave.x
                y = (1 - k) ** 2 * enter.y + 2 * k * (1 - k) * corner.y + k**2 * leave.y
                points.append(XY(x, y))
        return Way.along([*points, self.points[-1]])

    def _leg(self, s_m: float) -> tuple[int, float]:
        """Index of the leg at `s_m`, and the share of it before that place."""
        starts_m = self._distances_m
        s_m = min(max(s_m, 0.0), starts_m[-1])
        i = self._leg_at(s_m)
        return i, (s_m - starts_m[i]) / (starts_m[i + 1] - starts_m[i])

    def _leg_at(self, s_m: float) -> int:
        """Index of the leg at `s_m`; before the start the first, behind the end the last."""
        starts_m = self._distances_m
        return bisect_right(starts_m, s_m, 1, len(starts_m) - 1) - 1


@dataclass(frozen=True, slots=True)
class DriveMotion:
    """Distance along the path, and speed."""

    s_m: float
    speed_mps: float


class Drive:
    """A drive from standstill at one end of a path to standstill at the other.

    `limit_kmh` is the highest speed, or gives it for each distance along the path. `waits` maps a distance along the
    path to the seconds it stands there (a red light).
    """

    def __init__(self, path: Way, *, limit_kmh: float | Callable[[float], float], waits: Mapping[float, float]) -> None:
        self.path = path
        samples_m = path.samples_m
        count, step = len(samples_m) - 1, samples_m[1]
        standing = {min(max(round(s / step), 1), count - 1): wait for s, wait in waits.items()}
        limits = [limit_kmh(s) / 3.6 for s in samples_m] if callable(limit_kmh) else [limit_kmh / 3.6] * len(samples_m)
        speeds = _speeds(path, samples_m, limits, standing)
        self._times, self._distances_m, self._speeds = _schedule(samples_m, speeds, standing)

    @property
    def duration_s(self) -> float:
        return self._times[-1]

    def at(self, t_s: float) -> DriveMotion:
        """The motion `t_s` seconds after the start, clamped to the ends."""
        if t_s >= self.duration_s:
            return DriveMotion(self.path.length_m, 0.0)
        i = max(bisect_right(self._times, max(t_s, 0.0)) - 1, 0)
        dt, leg_s = max(t_s, 0.0) - self._times[i], self._times[i + 1] - self._times[i]
        acceleration = (self._speeds[i + 1] - self._speeds[i]) / leg_s
        moved = self._speeds[i] * dt + 0.5 * acceleration * dt * dt
        return DriveMotion(self._distances_m[i] + moved, self._speeds[i] + acceleration * dt)

    def time_at(self, s_m: float) -> float:
        """Seconds from the start until the truck first is `s_m` along (to the sample, some 10 m)."""
        return next(
            t for t, s in zip(self._times, self._distances_m, strict=True) if s >= min(s_m, self._distances_m[-1])
        )


def _speeds(path: Way, samples_m: list[float], limits: list[float], standing: Mapping[int, float]) -> list[float]:
    """Speeds in m/s at the samples; `limits` in m/s."""
    speeds = list(map(min, limits, path.curve_limits_mps))
    for i in (0, len(samples_m) - 1, *standing):
        speeds[i] = 0.0
    for i, (before, here) in enumerate(pairwise(samples_m), 1):
        if speeds[i] > speeds[i - 1]:
            reach = math.sqrt(speeds[i - 1] ** 2 + 2 * ACCELERATION_MPS2 * (here - before))
            speeds[i] = min(speeds[i], reach)
    for i in range(len(samples_m) - 2, -1, -1):
        if speeds[i] > speeds[i + 1]:
            reach = math.sqrt(speeds[i + 1] ** 2 + 2 * BRAKING_MPS2 * (samples_m[i + 1] - samples_m[i]))
            speeds[i] = min(speeds[i], reach)
    return speeds


def _curve_limit(path: Way, s: float) -> float:
    """Speed that lateral acceleration allows: v = sqrt(a / curvature), with the turn over the 20 m around."""
    turn = path.heading_deg(s + _SAMPLE_M) - path.heading_deg(s - _SAMPLE_M)
    turn_rad = math.radians(abs((turn + 180) % 360 - 180))
    return max(_SLOWEST_MPS, math.sqrt(LATERAL_MPS2 * 2 * _SAMPLE_M / turn_rad)) if turn_rad > 1e-6 else math.inf


def _schedule(
    samples_m: list[float], speeds: list[float], standing: Mapping[int, float]
) -> tuple[list[float], list[float], list[float]]:
    """Times (s), distances (m) and speeds (m/s), with each wait as two entries at one distance."""
    times, distances_m, paces = [0.0], [samples_m[0]], [0.0]
    time_s, before_m, before_mps = 0.0, samples_m[0], speeds[0]
    for i, (here_m, here_mps) in enumerate(zip(samples_m[1:], speeds[1:], strict=True), 1):
        time_s += 2 * (here_m - before_m) / (here_mps + before_mps)
        times.append(time_s)
        distances_m.append(here_m)
        paces.append(here_mps)
        if i in standing:
            time_s += standing[i]
            times.append(time_s)
            distances_m.append(here_m)
            paces.append(0.0)
        before_m, before_mps = here_m, here_mps
    return times, distances_m, paces


def _towards(start: XY, end: XY, distance_m: float) -> XY:
    share = distance_m / start.distance_m(end)
    return XY(start.x + (end.x - start.x) * share, start.y + (end.y - start.y) * share)
