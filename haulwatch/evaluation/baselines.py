"""What is common in the field, to be beaten in the same run: four rules of thumb over the fixes of one truck.

They take fixes as they arrive, and leave out what is older than the newest: none of them puts readings in order.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from devices.city.model import City
from devices.geo.geometry import XY
from devices.readings.models import Position
from haulwatch.evaluation.alarms import Alarm
from simulators.trials.network import Arrival
from simulators.trials.trial import Trial

_NEAR_M: Final = 1_000.0
_OFF_M: Final = 50.0
_OFF_MS: Final = 180_000
_LOCK_MS: Final = 7_200_000
_STAY_M: Final = 200.0
_STAY_MS: Final = 1_200_000
_STOP_MS: Final = 180_000
_STOP_KMH: Final = 3.0
_STOP_M: Final = 50.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A fix, and when it arrived."""

    ts: int
    received_ms: int
    xy: XY
    off_m: float
    in_site: bool
    speed_kmh: float | None


class Baseline(ABC):
    """State of one truck. `take` returns the onset, ms, of an alarm that this fix leads to."""

    name: ClassVar[str]
    says: ClassVar[str]
    rule: ClassVar[str]
    """Whose incidents it is to find."""

    @abstractmethod
    def take(self, seen: _Seen) -> int | None: ...


class OneFixOff(Baseline):
    """One fix beyond 50 m of every approved route, outside sites; again after a fix on a route."""

    name, says, rule = "one_fix_50m", "one fix beyond 50 m of the route", "route_deviation"

    def __init__(self) -> None:
        self._off = False

    def take(self, seen: _Seen) -> int | None:
        was_off, self._off = self._off, seen.off_m > _OFF_M and not seen.in_site
        return seen.ts if self._off and not was_off else None


class OffForMinutes(Baseline):
    """Beyond 50 m for 3 min, and then silent for 2 h."""

    name, says, rule = "off_3min_lock_2h", "off the route for 3 min, then 2 h silent", "route_deviation"

    def __init__(self) -> None:
        self._since = self._locked_until = 0

    def take(self, seen: _Seen) -> int | None:
        if seen.off_m <= _OFF_M or seen.in_site:
            self._since = 0
            return None
        self._since = self._since or seen.ts
        if seen.ts - self._since < _OFF_MS or seen.ts < self._locked_until:
            return None
        self._locked_until = seen.ts + _LOCK_MS
        return self._since


class StayPoint(Baseline):
    """Within 200 m for 20 min (stay points: Li et al. 2008, ACM GIS), outside sites."""

    name, says, rule = "stay_200m_20min", "within 200 m for 20 min outside sites", "illegal_dumping"

    def __init__(self) -> None:
        self._first: _Seen | None = None
        self._given = False

    def take(self, seen: _Seen) -> int | None:
        first = self._first
        if first is None or first.xy.distance_m(seen.xy) > _STAY_M or seen.in_site:
            self._first, self._given = (None if seen.in_site else seen), False
            return None
        if self._given or seen.ts - first.ts < _STAY_MS:
            return None
        self._given = True
        return first.ts


class AnyStop(Baseline):
    """Standing for 3 min outside sites."""

    name, says, rule = "stop_3min", "any stop of 3 min outside sites", "illegal_dumping"

    def __init__(self) -> None:
        self._first: _Seen | None = None
        self._given = False

    def take(self, seen: _Seen) -> int | None:
        first = self._first
        stands = seen.speed_kmh is None or seen.speed_kmh < _STOP_KMH
        if first is None or not stands or seen.in_site or first.xy.distance_m(seen.xy) > _STOP_M:
            self._first, self._given = (seen if stands and not seen.in_site else None), False
            return None
        if self._given or seen.ts - first.ts < _STOP_MS:
            return None
        self._given = True
        return first.ts


BASELINES: Final[tuple[type[Baseline], ...]] = (OneFixOff, OffForMinutes, StayPoint, AnyStop)


def baseline_alarms(trial: Trial) -> dict[str, list[Alarm]]:
    """Alarms of each baseline in a trial, by its name."""
    alarms: dict[str, list[Alarm]] = {baseline.name: [] for baseline in BASELINES}
    trucks: dict[str, list[Baseline]] = {}
    for device_id, seen in _seen(trial.city, trial.arrivals):
        if device_id not in trucks:
            trucks[device_id] = [baseline() for baseline in BASELINES]
        for baseline in trucks[device_id]:
            onset_ms = baseline.take(seen)
            if onset_ms is not None:
                alert_id = f"{baseline.name} {device_id} {onset_ms}"
                alarms[baseline.name].append(Alarm(baseline.rule, device_id, onset_ms, seen.received_ms, alert_id))
    return alarms


def _seen(city: City, arrivals: Iterable[Arrival]) -> Iterator[tuple[str, _Seen]]:
    """Fixes of each truck, those that are older than its newest left out."""
    newest: dict[str, int] = {}
    geometry = city.geometry
    for received_ms, reading in arrivals:
        if not isinstance(reading, Position) or not reading.located or reading.ts <= newest.get(reading.device_id, 0):
            continue
        newest[reading.device_id] = reading.ts
        xy = city.plane.xy(reading)
        vehicle_id = city.devices[reading.device_id].vehicle_id or ""
        routes = city.routes_of(vehicle_id, received_ms)
        off_m = min((geometry.route_offset(route, xy).distance_m for route in routes), default=0.0)
        near = geometry.sites_near(xy, _NEAR_M, received_ms)
        in_site = bool(near) and near[0].distance_m == 0
        yield reading.device_id, _Seen(reading.ts, received_ms, xy, off_m, in_site, reading.speed_kmh)
