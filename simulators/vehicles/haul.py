"""A permitted haul as steps: load at the source, drive the route, weigh and tip at the site, come back empty."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from devices.geo.geometry import XY
from simulators.vehicles.drive import Drive, Way
from simulators.vehicles.work import Driving, Loading, Standing, Tipping, WorkStep

ROAD_LIMIT_KMH: Final = 50.0
_SLOWEST_DRIVER: Final = 0.85
_JUNCTION_EVERY_M: Final = (900.0, 2_200.0)
_RED_LIGHT_SHARE: Final = 0.6
_RED_LIGHT_S: Final = (8.0, 40.0)
_LOADING_S: Final = (210.0, 300.0)
_TIPPING_S: Final = 180.0
"""Weighed in, tipped, weighed out."""
WEIGHED_IN_AFTER_S: Final = 25.0
WEIGHED_OUT_AFTER_S: Final = 160.0
_LOADED_SHARE: Final = (0.82, 0.97)
"""Share of the permitted load."""
_RESIDUE_KG: Final = 60.0
"""Residue that sticks to the bed."""
DUMPED_KG: Final = 12_000.0
DUMP_S: Final = 215.0
_DUMP_LIFT_UP_S: Final = 50.0
_DUMP_RESIDUE_KG: Final = 400.0


@dataclass(frozen=True)
class Haul:
    """One truck's permitted work."""

    device_id: str
    plate: str
    tare_kg: float
    payload_kg: float
    """Permitted load."""
    out: Way
    """The way from the source along the approved route to the tip."""
    destination_site_id: str | None
    source_site_id: str | None = None

    @property
    def source(self) -> XY:
        return self.out.points[0]

    @property
    def tip(self) -> XY:
        return self.out.points[-1]


class Driver:
    """Turns a haul into steps. Every choice comes from `rng`, so equal seeds give equal days."""

    def __init__(self, haul: Haul, rng: random.Random) -> None:
        self.haul = haul
        self._rng = rng
        self._limit_kmh = ROAD_LIMIT_KMH * rng.uniform(_SLOWEST_DRIVER, 1.0)
        self._back = haul.out.reverse()

    def rounds(self, residue_kg: float = _RESIDUE_KG) -> Iterator[WorkStep]:
        """Permitted rounds without end, beginning with loading."""
        while True:
            loading = self.load(residue_kg)
            yield loading
            yield self.drive(self.haul.out, loading.after_kg)
            yield self.tip(loading.after_kg)
            residue_kg = _RESIDUE_KG
            yield self.drive(self._back, residue_kg)

    def load(self, before_kg: float, after_kg: float | None = None) -> Loading:
        full_kg = self.haul.payload_kg * self._rng.uniform(*_LOADED_SHARE)
        return Loading(
            self.haul.source, self._rng.uniform(*_LOADING_S), before_kg, full_kg if after_kg is None else after_kg
        )

    def tip(self, load_kg: float) -> Tipping:
        return Tipping(self.haul.tip, _TIPPING_S, load_kg, _RESIDUE_KG, cover_opens_s=45.0, lift_rises_s=70.0)

    def drive(self, path: Way, load_kg: float) -> Driving:
        waits: dict[float, float] = {}
        junction_m = self._rng.uniform(*_JUNCTION_EVERY_M)
        while junction_m < path.length_m - 200:
            if self._rng.random() < _RED_LIGHT_SHARE:
                waits[junction_m] = self._rng.uniform(*_RED_LIGHT_S)
            junction_m += self._rng.uniform(*_JUNCTION_EVERY_M)
        return Driving(Drive(path, limit_kmh=self._limit_kmh, waits=waits), load_kg)


@dataclass(frozen=True)
class Opening:
    """The first steps of a truck with a part: loading, then the way to a place it must reach at a given time."""

    lead_in_s: float
    """Seconds from the start of loading until the place is reached."""
    steps: tuple[WorkStep, ...]
    then: Iterator[WorkStep]


def dump_on_the_way(driver: Driver, at_m: float) -> Opening:
    """Drive loaded to `at_m` on the route, dump the load there, drive back; permitted rounds afterwards."""
    out = driver.haul.out
    loading = driver.load(_RESIDUE_KG, max(DUMPED_KG, 0.75 * driver.haul.payload_kg))
    there = driver.drive(out.part(0.0, at_m), loading.after_kg)
    dump = Tipping(
        out.at(at_m),
        DUMP_S,
        loading.after_kg,
        _DUMP_RESIDUE_KG,
        cover_opens_s=30.0,
        lift_rises_s=60.0,
        lift_up_s=_DUMP_LIFT_UP_S,
    )
    back = driver.drive(out.part(0.0, at_m).reverse(), _DUMP_RESIDUE_KG)
    return Opening(loading.duration_s + there.duration_s, (loading, there, dump, back), driver.rounds(_DUMP_RESIDUE_KG))


def leave_the_route(driver: Driver, at_m: float, detour: Way, parked_s: float) -> Opening:
    """Drive loaded to `at_m` on the route, down a detour, park at its end, go on to the site; then permitted rounds."""
    out = driver.haul.out
    loading = driver.load(_RESIDUE_KG)
    there = driver.drive(out.part(0.0, at_m).then(detour).rounded(), loading.after_kg)
    reached_s = there.drive.time_at(at_m)
    parked = Standing(detour.points[-1], parked_s - (there.duration_s - reached_s), loading.after_kg)
    on = driver.drive(detour.reverse().then(out.part(at_m, out.length_m)).rounded(), loading.after_kg)
    home = driver.drive(out.reverse(), _RESIDUE_KG)
    steps = (loading, there, parked, on, driver.tip(loading.after_kg), home)
    return Opening(loading.duration_s + reached_s, steps, driver.rounds())


def on_the_way(driver: Driver, at_m: float) -> Opening:
    """Permitted rounds that reach `at_m` on the loaded way at the time asked for."""
    loading = driver.load(_RESIDUE_KG)
    out = driver.drive(driver.haul.out, loading.after_kg)
    home = driver.drive(driver.haul.out.reverse(), _RESIDUE_KG)
    steps = (loading, out, driver.tip(loading.after_kg), home)
    return Opening(loading.duration_s + out.drive.time_at(at_m), steps, driver.rounds())
