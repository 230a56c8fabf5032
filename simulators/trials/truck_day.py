"""A truck's shift, built step by step. Behaviours add steps to it, and say from when to when something is unusual."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Final

from devices.city.model import City
from devices.geo.geometry import XY
from devices.readings.models import Alarm
from simulators.staging.terrain import Terrain
from simulators.trials.incidents import Incident
from simulators.vehicles.drive import Drive, Way
from simulators.vehicles.haul import ROAD_LIMIT_KMH, Driver, Haul
from simulators.vehicles.work import Driving, Standing, Switched, Tipping, WorkDay, WorkStep

RESIDUE_KG: Final = 60.0
"""What sticks to the bed after tipping."""
_FOR_EVER_S: Final = 1e7

Interval = tuple[int, int]
"""From, to: true time, ms."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something unusual is done from `start_ms` to `end_ms`, true time."""

    behaviour: str
    start_ms: int
    end_ms: int
    excused: bool = False
    """Nobody wants to be told: the road is closed."""


@dataclass
class Upsets:
    """What keeps a terminal from reporting what is true, each as intervals of true time, ms."""

    unpowered: list[Interval] = field(default_factory=list)
    """Nothing is measured."""
    no_fix: list[Interval] = field(default_factory=list)
    """Jammed, or under a roof: switches and scale are still reported, with the last place."""
    frozen: list[Interval] = field(default_factory=list)
    """The receiver repeats a place, and calls it a fix."""
    receiver_alarms: list[tuple[int, int, Alarm]] = field(default_factory=list)
    """The terminal reports a fault of antenna or receiver: from, to, and the bit."""
    spoofed: list[tuple[int, int, XY]] = field(default_factory=list)
    """The receiver is told another place: from, to, and by how many metres east and north it is off."""
    blind: list[Interval] = field(default_factory=list)
    """No network: uploaded afterwards."""
    manifests: list[Interval] = field(default_factory=list)
    """A manifest is open."""


class TruckDay:
    """Steps end to end. `now_ms`, `place` and `load_kg` are those after the last step."""

    def __init__(self, haul: Haul, terrain: Terrain, city: City, start_ms: int, rng: Random) -> None:
        self.haul, self.terrain, self.city, self.rng = haul, terrain, city, rng
        self.driver = Driver(haul, rng)
        self.start_ms = self.now_ms = start_ms
        self.place: XY = haul.source
        self.load_kg = RESIDUE_KG
        self.steps: list[tuple[int, WorkStep]] = []
        self.spans: list[Span] = []
        self.upsets = Upsets()
        self.incidents: list[Incident] = []
        """Incidents that do not follow from the truck's motion and switches."""
        self.is_honest = False
        """Nothing is wrong all day."""
        self.appointments: list[tuple[int, Callable[[TruckDay], object]]] = []
        """Rounds with others, the first one first: from when on (true time, ms), and what is done."""
        self.has_manifests = rng.random() < 0.5

    @property
    def out(self) -> Way:
        return self.haul.out

    def work_day(self) -> WorkDay:
        """The shift, and standing after it."""
        rest = Standing(self.place, _FOR_EVER_S, self.load_kg, ignition_on=False)
        return WorkDay(self.start_ms, chain((step for _, step in self.steps), (rest,)))

    def overlapping(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, WorkStep]]:
        for began_ms, step in self.steps:
            if began_ms < end_ms and began_ms + round(step.duration_s * 1000) > start_ms:
                yield began_ms, step

    def add(self, step: WorkStep) -> Interval:
        """Append a step; returns its interval."""
        began_ms = self.now_ms
        self.steps.append((began_ms, step))
        self.now_ms += round(step.duration_s * 1000)
        end = step.at(step.duration_s)
        self.place, self.load_kg = end.xy, end.load_kg
        return began_ms, self.now_ms

    def load(self, share: tuple[float, float] = (0.82, 0.97)) -> None:
        """Load at the source; `share` of the permitted load, from and to."""
        began_ms = self.now_ms
        self.add(self.driver.load(self.load_kg, self.haul.payload_kg * self.rng.uniform(*share)))
        if self.has_manifests:
            self.upsets.manifests.append((began_ms, self.now_ms + 12 * 3_600_000))

    def close_manifest(self) -> None:
        """The load counts as delivered from here on."""
        if self.has_manifests and self.upsets.manifests:
            start_ms, end_ms = self.upsets.manifests[-1]
            self.upsets.manifests[-1] = start_ms, min(end_ms, self.now_ms)

    def drive(
        self, way: Way, *, lift_s: tuple[float, float] | None = None, cover_s: tuple[float, float] | None = None
    ) -> Interval:
        """Drive with the present load; bed up or cover open during part of it, in seconds from its start."""
        step: WorkStep = self.driver.drive(way, self.load_kg)
        return self.add(Switched(step, lift_s, cover_s) if lift_s or cover_s else step)

    def race(self, way: Way, from_m: float, to_m: float, kmh: float) -> Interval:
        """Drive without red lights, at most at `kmh` between two distances along the way."""
        usual_kmh = ROAD_LIMIT_KMH * self.rng.uniform(0.85, 1.0)
        waits: Mapping[float, float] = {}
        drive = Drive(way, limit_kmh=lambda s: kmh if from_m <= s <= to_m else usual_kmh, waits=waits)
        return self.add(Driving(drive, self.load_kg))

    def stand(
        self,
        seconds: float,
        *,
        ignition_on: bool = True,
        lift_s: tuple[float, float] | None = None,
        cover_s: tuple[float, float] | None = None,
    ) -> Interval:
        step: WorkStep = Standing(self.place, seconds, self.load_kg, ignition_on=ignition_on)
        return self.add(Switched(step, lift_s, cover_s) if lift_s or cover_s else step)

    def tip(self) -> Interval:
        """Weigh and tip at the disposal site."""
        tipped = self.add(self.driver.tip(self.load_kg))
        self.close_manifest()
        return tipped

    def tip_here(
        self,
        *,
        lift_up_s: float,
        share: float = 1.0,
        opens_s: float = 20.0,
        rises_s: float = 40.0,
        stays_s: float = 25.0,
    ) -> Interval:
        """Tip `share` of the load here: cover open, bed up, bed down after `lift_up_s`, off after `stays_s` more."""
        rest_kg = self.load_kg * (1 - share) + (self.rng.uniform(60.0, 500.0) if share == 1 else 0.0)
        seconds = rises_s + lift_up_s + max(stays_s, 16.0)
        return self.add(Tipping(self.place, seconds, self.load_kg, rest_kg, opens_s, rises_s, lift_up_s))

    def unusual(self, behaviour: str, start_ms: int, *, excused: bool = False) -> None:
        """Note that something unusual was done from `start_ms` until now."""
        self.spans.append(Span(behaviour, start_ms, self.now_ms, excused))

    def finish_round(self, at_m: float = 0.0) -> None:
        """From `at_m` along the loaded way: drive on, tip, drive home."""
        if at_m < self.out.length_m - 1:
            self.drive(self.out.part(at_m, self.out.length_m))
        self.tip()
        self.go_home()

    def go_home(self, at_m: float | None = None) -> None:
        """Drive back to the source, from `at_m` along the loaded way; default: from the disposal site."""
        self.drive(self.out.part(0.0, self.out.length_m if at_m is None else at_m).reverse())

    def plain_round(self) -> None:
        self.load()
        self.finish_round()
