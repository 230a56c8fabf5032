"""A labelled scenario in a city, reproducible by seed: incidents, their times, and the rule that must notice each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from devices.city.model import City, DeviceRole
from simulators.firmware.events import DeviceEvent, PowerCut
from simulators.firmware.orders import Controls
from simulators.sites.recycling_point import Surge
from simulators.staging import faults
from simulators.staging.hostile import HostileMessage, hostile_messages
from simulators.staging.timeline import Cast, Part, ScenarioError, Timeline, chances
from simulators.staging.trips import PlannedTrip, labelled
from simulators.vehicles.haul import DUMP_S, Haul, dump_on_the_way, leave_the_route, on_the_way

__all__ = ["Label", "Scenario", "ScenarioError", "Script"]

MINUTE_MS: Final = 60_000
_DEVIATION_AT: Final = 10 * MINUTE_MS
_DUMP_AT: Final = 12 * MINUTE_MS
_SURGE_AT: Final = 8 * MINUTE_MS
_POWER_CUT_AT: Final = 14 * MINUTE_MS
_BLIND_AT: Final = 16 * MINUTE_MS
"""Beginnings of incidents, ms from the scenario's start: early enough that every hold time passes before its end."""
_BLIND_S: Final = (100.0, 125.0)
_SURGE_FROM_PCT: Final = 62.0
_SURGE_PCT_PER_MIN: Final = 5.0
_WARNED_PCT: Final = 80.0
"""An overflow is labelled from the reading that first shows this much."""


@dataclass(frozen=True, slots=True)
class Label:
    """An incident that truly happens, and the rule that must notice it."""

    rule: str
    device_id: str
    start_ms: int
    """Device time, ms."""
    end_ms: int


@dataclass(frozen=True)
class Script:
    """A scenario staged in a city from a start on."""

    start_ms: int
    end_ms: int
    labels: tuple[Label, ...]
    timelines: Mapping[str, Callable[[], Iterator[DeviceEvent]]]
    """By device id; each call gives the device's events from the beginning, the same each time, without end."""
    hostile: tuple[HostileMessage, ...]
    controls: Mapping[str, Controls]
    """By device id; a command changes them, and with them the device's timeline."""
    trips: tuple[PlannedTrip, ...] = ()
    """The trips that begin in it, in the order in which their manifests are issued."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Seed and length of a scenario. Equal seed, city and start give equal device times and values."""

    seed: int = 1
    length_s: int = 2_400
    """Until the incidents end; afterwards all devices that still run behave normally without end."""

    def cast(self, city: City, start_ms: int) -> Script:
        """Stage the scenario. Raises ScenarioError."""
        if self.length_s < 1_800:
            raise ScenarioError(f"length_s: {self.length_s} s leaves no time for the incidents; give 1800 or more")
        return _Casting(self, city, start_ms).script()


class _Casting:
    def __init__(self, scenario: Scenario, city: City, start_ms: int) -> None:
        self._seed = scenario.seed
        self._city = city
        self._start_ms = start_ms
        self._end_ms = start_ms + scenario.length_s * 1000
        self._cast = Cast()
        self._timeline = Timeline(city, start_ms, scenario.seed, self._cast)
        self._labels: list[Label] = []
        self._late = ""
        """The truck that leaves its route and parks: its load does not arrive."""

    def script(self) -> Script:
        self._stage_deviation()
        self._stage_dump()
        self._stage_power_cut()
        self._stage_blind_zone()
        self._stage_overflow()
        timelines = {device.id: self._timeline.of(device) for device in self._timeline.devices}
        hostile = hostile_messages(self._city, self._start_ms, self._end_ms, self._rng("hostile"))
        trips = labelled(self._timeline.trips(self._end_ms), self._late, self._cast.parts, self._start_ms)
        labels, controls = tuple(self._labels), self._timeline.controls
        return Script(self._start_ms, self._end_ms, labels, timelines, hostile, controls, trips)

    def _stage_deviation(self) -> None:
        at_ms = self._start_ms + _DEVIATION_AT
        for haul in self._free_trucks("deviation"):
            if (found := self._timeline.terrain.detour(haul, self._rng("detour"))) is not None:
                leave_m, detour = found
                parked_s = (self._end_ms - at_ms) / 1000
                self._cast.parts[haul.device_id] = Part(
                    partial(leave_the_route, at_m=leave_m, detour=detour, parked_s=parked_s), at_ms
                )
                self._late = haul.device_id
                self._label("route_deviation", haul.device_id, at_ms, self._end_ms)
                self._label("stopped_loaded", haul.device_id, at_ms, self._end_ms)  # it parks at the end of its detour
                return
        raise ScenarioError("no truck's route has a place where a detour leads away from every site")

    def _stage_dump(self) -> None:
        at_ms = self._start_ms + _DUMP_AT
        for haul in self._free_trucks("dump"):
            if (place_m := self._timeline.terrain.lonely_place(haul, self._rng("dump place"))) is not None:
                self._cast.parts[haul.device_id] = Part(partial(dump_on_the_way, at_m=place_m), at_ms)
                ends_ms = at_ms + round(DUMP_S * 1000)
                self._label("illegal_dumping", haul.device_id, at_ms, ends_ms)
                return
        raise ScenarioError("no truck's route has a place far from every site")

    def _stage_power_cut(self) -> None:
        at_ms = self._start_ms + _POWER_CUT_AT
        haul = next(self._free_trucks("power cut"), None)
        if haul is None:
            raise ScenarioError("no truck is left to fall silent: the scenario needs four trucks")
        middle_m = haul.out.length_m / 2
        self._cast.parts[haul.device_id] = Part(partial(on_the_way, at_m=middle_m), at_ms, (PowerCut(at_ms),))
        self._label("silent_device", haul.device_id, at_ms, self._end_ms)

    def _stage_blind_zone(self) -> None:
        """No incident: the gap is shorter than any silence worth an alert, and everything is uploaded afterwards."""
        at_ms = self._start_ms + _BLIND_AT
        haul = next(self._free_trucks("blind zone"), None)
        if haul is None:
            raise ScenarioError("no truck is left for the blind zone: the scenario needs four trucks")
        third_m = haul.out.length_m / 3
        zone = faults.blind_zone(at_ms, self._rng("blind").uniform(*_BLIND_S))
        self._cast.parts[haul.device_id] = Part(partial(on_the_way, at_m=third_m), at_ms, zone)

    def _stage_overflow(self) -> None:
        points = list(self._timeline.of_role(DeviceRole.RECYCLING_POINT))
        if not points:
            raise ScenarioError("no recycling point: nothing can overflow")
        always_open = [point for point in points if not self._city.deposit_hours_of(point, self._start_ms)]
        device = self._rng("overflow").choice(always_open or points)
        starts_ms = self._start_ms + _SURGE_AT
        self._cast.surges[device.id] = Surge(starts_ms, self._end_ms, _SURGE_FROM_PCT, _SURGE_PCT_PER_MIN)
        warned = next(fill for fill in self._timeline.fills(device) if fill.fill_pct >= _WARNED_PCT)
        self._label("bin_overflow", device.id, warned.ts, self._end_ms)

    def _free_trucks(self, purpose: str) -> Iterator[Haul]:
        """Trucks without a part, in an order that differs by purpose."""
        free = [haul for device_id, haul in self._timeline.hauls.items() if device_id not in self._cast.parts]
        self._rng(purpose).shuffle(free)
        return iter(free)

    def _label(self, rule: str, device_id: str, start_ms: int, end_ms: int) -> None:
        self._labels.append(Label(rule, device_id, start_ms, end_ms))

    def _rng(self, purpose: str) -> Random:
        return chances(self._seed, purpose)
