"""Timelines of a city's devices: the source of each device's readings, its small faults, its intervals."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Final

from devices.city.model import City, Device, DeviceRole
from devices.errors import OperatorError
from devices.readings.models import Fill, Reading
from simulators.firmware.events import DeviceEvent, heartbeats, merge, sensed
from simulators.firmware.orders import Controls
from simulators.sites import recycling_point
from simulators.sites.recycling_point import Surge
from simulators.sites.station import throughput
from simulators.sites.weighbridge import crossings, weighings
from simulators.staging import faults
from simulators.staging.faults import Unreliable, unreliable
from simulators.staging.terrain import Terrain
from simulators.staging.trips import PlannedTrip, trips_of
from simulators.vehicles.haul import Driver, Haul, Opening
from simulators.vehicles.truck import Terminal
from simulators.vehicles.work import Standing, WorkDay, WorkStep

_HEARTBEAT_S: Final = 300
_LONGEST_INTERVAL_S: Final = 90
"""Points and lines report at least this often, whatever the city asks."""
_DAY_STARTED_BEFORE_S: Final = 1_500.0
"""About one round of a haul: trucks are met anywhere on it."""
_TRUCK_FAULTS: Final = Unreliable(loss=0.003, duplicate=0.01, delay=0.02)
_OTHER_FAULTS: Final = Unreliable(duplicate=0.01)
"""Points report every 90 s: one lost reading would look like a silence."""
_STUCK_AFTER_MS: Final = 480_000
_SLOW_CLOCK_S: Final = 4.0
_SLOW_CLOCK_PPM: Final = 200.0


class ScenarioError(OperatorError):
    """The city cannot stage the scenario; the message says what it lacks."""


@dataclass(frozen=True)
class Part:
    """A truck's part in the scenario: the opening of its day, and events of its terminal."""

    opening: Callable[[Driver], Opening] | None = None
    """None: permitted rounds from a random place."""
    place_at_ms: int = 0
    """Device time, ms, at which the opening's place is reached."""
    events: tuple[DeviceEvent, ...] = ()


@dataclass
class Cast:
    """Devices with a part in an incident. Filled while a scenario is staged, before any timeline is read."""

    parts: dict[str, Part] = field(default_factory=dict)
    """By the truck's device id."""
    surges: dict[str, Surge] = field(default_factory=dict)
    """By the recycling point's device id."""

    def part(self, device_id: str) -> Part:
        return self.parts.get(device_id, Part())


class Timeline:
    """Timelines of a city's devices from `start_ms` on. Raises ScenarioError for a truck without work."""

    def __init__(self, city: City, start_ms: int, seed: int, cast: Cast) -> None:
        self._city = city
        self._start_ms = start_ms
        self._seed = seed
        self._cast = cast
        self.terrain = Terrain(city, start_ms)
        self.devices = [device for device in city.devices.values() if device.validity.covers(start_ms)]
        self.controls: Mapping[str, Controls] = {device.id: Controls() for device in self.devices}
        """By device id; shared by all timelines of a device."""
        self.hauls: Mapping[str, Haul] = {device.id: self._haul(device) for device in self.of_role(DeviceRole.TRUCK)}

    def of(self, device: Device) -> Callable[[], Iterator[DeviceEvent]]:
        """The device's timeline; each call gives it from the beginning."""
        match device.role:
            case DeviceRole.TRUCK:
                return lambda: self._truck(device)
            case DeviceRole.WEIGHBRIDGE:
                return lambda: self._with_heartbeats(device, sensed(self._weighings(device)), _interval_s(device))
            case DeviceRole.RECYCLING_POINT:
                return lambda: self._point(device)
            case DeviceRole.STATION_LINE:
                return lambda: self._with_heartbeats(device, self._flawed(device, sensed(self._throughput(device))))

    def _truck(self, device: Device) -> Iterator[DeviceEvent]:
        haul, part = self.hauls[device.id], self._cast.part(device.id)
        terminal = Terminal(
            device.id,
            self._work_day(haul),
            plane=self.terrain.plane,
            payload_kg=haul.payload_kg,
            rng=self._rng(device.id, "terminal"),
            controls=self.controls[device.id],
        )
        readings = sensed(terminal.positions(self._first_report_ms(device)))
        flawed = unreliable(readings, _TRUCK_FAULTS, self._rng(device.id, "faults"))
        return merge(part.events, self._with_heartbeats(device, flawed))

    def trips(self, end_ms: int) -> dict[str, list[PlannedTrip]]:
        """Trips of each truck that begin until the end, ms."""
        bridges = {device.site_id for device in self.of_role(DeviceRole.WEIGHBRIDGE)}
        return {
            device_id: trips_of(
                haul,
                self._work_day(haul),
                self._start_ms,
                end_ms,
                has_bridge=haul.destination_site_id in bridges,
            )
            for device_id, haul in self.hauls.items()
        }

    def _work_day(self, haul: Haul) -> WorkDay:
        """The truck's working day, equal for its terminal and for the weighbridges it crosses."""
        driver, part = Driver(haul, self._rng(haul.device_id, "day")), self._cast.part(haul.device_id)
        if part.opening is None:
            before_s = self._rng(haul.device_id, "start").uniform(0, _DAY_STARTED_BEFORE_S)
            return WorkDay(self._start_ms - round(before_s * 1000), driver.rounds())
        opening = part.opening(driver)
        starts_ms = part.place_at_ms - round(opening.lead_in_s * 1000)
        waits_ms = max(0, starts_ms - self._start_ms)
        waiting: WorkStep = Standing(haul.source, waits_ms / 1000, ignition_on=False)
        return WorkDay(starts_ms - waits_ms, chain((waiting,), opening.steps, opening.then))

    def _weighings(self, device: Device) -> Iterator[Reading]:
        visitors = [
            crossings(haul, self._work_day(haul))
            for haul in self.hauls.values()
            if haul.destination_site_id == device.site_id
        ]
        first_ms, rng = self._first_report_ms(device), self._rng(device.id, "scale")
        return weighings(device.id, visitors, start_ms=first_ms, material="construction", rng=rng)

    def _point(self, device: Device) -> Iterator[DeviceEvent]:
        readings: Iterator[Reading] = self.fills(device)
        faulty_ids = self._rng("point faults").sample(sorted(self._normal_points()), 2)
        if device.id == faulty_ids[0]:
            readings = faults.stuck_thermometer(self.fills(device), self._start_ms + _STUCK_AFTER_MS)
        events = self._flawed(device, sensed(readings))
        if device.id == faulty_ids[1]:
            events = faults.slow_clock(events, behind_s=_SLOW_CLOCK_S, loses_ppm=_SLOW_CLOCK_PPM)
        return self._with_heartbeats(device, events)

    def _normal_points(self) -> list[str]:
        return [device.id for device in self.of_role(DeviceRole.RECYCLING_POINT) if device.id not in self._cast.surges]

    def fills(self, device: Device) -> Iterator[Fill]:
        return recycling_point.fills(
            device.id,
            start_ms=self._first_report_ms(device),
            every_s=self._reports_s(device),
            lon=self._city.centre.lon,
            rng=self._rng(device.id, "fill"),
            is_open=self._is_open(device),
            surge=self._cast.surges.get(device.id),
        )

    def _is_open(self, device: Device) -> Callable[[int], bool]:
        """Whether people may deposit at a point at a device time, ms."""
        city = self._city

        def is_open(ts: int) -> bool:
            hours = city.deposit_hours_of(device, ts)
            return not hours or any(window.covers(city.minute_of_day(ts)) for window in hours)

        return is_open

    def _throughput(self, device: Device) -> Iterator[Reading]:
        first_ms, rng = self._first_report_ms(device), self._rng(device.id, "line")
        return throughput(device.id, start_ms=first_ms, every_s=self._reports_s(device), rng=rng)

    def _reports_s(self, device: Device) -> Callable[[], int]:
        controls, usual_s = self.controls[device.id], _interval_s(device)
        return lambda: controls.interval_s or usual_s

    def _flawed(self, device: Device, events: Iterator[DeviceEvent]) -> Iterator[DeviceEvent]:
        return unreliable(events, _OTHER_FAULTS, self._rng(device.id, "faults"))

    def _with_heartbeats(
        self, device: Device, events: Iterator[DeviceEvent], every_s: int = _HEARTBEAT_S
    ) -> Iterator[DeviceEvent]:
        first_ms = self._start_ms + self._rng(device.id, "heartbeat").randint(1, every_s * 1000)
        return merge(events, heartbeats(first_ms, every_s))

    def _first_report_ms(self, device: Device) -> int:
        """Time of the first report: devices are not switched on together."""
        return self._start_ms + self._rng(device.id, "first").randint(0, 10_000)

    def of_role(self, role: DeviceRole) -> Iterator[Device]:
        return (device for device in self.devices if device.role is role)

    def _haul(self, device: Device) -> Haul:
        haul = self.terrain.haul_of(device)
        if haul is None:
            raise ScenarioError(f"{device.id}: a truck needs a vehicle with a permit that names an approved route")
        return haul

    def _rng(self, *purpose: str) -> Random:
        return chances(self._seed, *purpose)


def chances(seed: int, *purpose: str) -> Random:
    """A random generator of its own for each purpose, so that one change does not move all others."""
    return Random("|".join((str(seed), *purpose)))  # noqa: S311  repeatable on purpose


def _interval_s(device: Device) -> int:
    return min(device.report_interval_s, _LONGEST_INTERVAL_S)
