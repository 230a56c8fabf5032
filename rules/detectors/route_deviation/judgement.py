"""Judges whether a truck left its approved routes.

A truck has left when it is clearly beyond the corridor, has stayed there and has driven there, or has stood there
loaded. What happened between two fixes counts by the share of the way that lies beyond, so that a terminal that reports
each minute is judged by time and distance as any other. A truck without an approved route at that time, or without a
usable fix, is UNKNOWN.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, Final

from devices.city.model import City, DeviceRole
from devices.city.sites import Route
from devices.geo.geometry import XY
from devices.readings.models import Position
from rules.alerts.model import Evidence, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import ExcusingRule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, where, who, whole_seconds, with_one_more
from rules.detectors.route_deviation import closures, wording
from rules.detectors.route_deviation.closures import Closures, Departure
from rules.detectors.route_deviation.excursion import (
    Excursion,
    count_fix,
    has_left,
    is_sharp,
    place_between,
    share_beyond,
    take_report,
)
from rules.detectors.route_deviation.parameters import RouteDeviationParameters
from rules.detectors.route_deviation.receiver_error import ReceiverError
from rules.detectors.route_deviation.unseen import unseen_way, way_by_an_end_m
from rules.tracking import Fix, LoadState


class Whereabouts(StrEnum):
    """Position of a truck in relation to its approved routes."""

    UNKNOWN = "unknown"
    ON_ROUTE = "on_route"
    LEAVING = "leaving"
    OFF_ROUTE = "off_route"


_ON_ROUTE: Final = Whereabouts.ON_ROUTE
_OUTLIER_LASTS: Final = 0.99
_COARSE_ERRORS: Final = 3.0


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class RouteState:
    """State of one truck. Times are device time, ms."""

    whereabouts: Whereabouts = Whereabouts.UNKNOWN
    excursion: Excursion | None = None
    off_m: float = -1.0
    """Distance of the last fix from the route, less its error; negative where that is not known."""
    near_m: float = 0.0
    """Distance of the last fix on the route, its error included,"""
    near_ts: int = 0
    """and its time; 0 before the first."""
    error: ReceiverError = field(default_factory=ReceiverError)
    odometer_km: float = 0.0
    """At the last fix; 0 of a terminal that sends none."""
    along_m: float = -1.0
    """Of such a truck, how far along its route it was then; negative if it was not on it."""
    outliers: float = 0.63
    """Single fixes off the route among others on it, each counting 1 % less after every fix. A new receiver has shown
    none yet, nor that it has none."""
    back_fixes: int = 0
    back_since: int = 0


class RouteDeviation(ExcusingRule[RouteState, Closures]):
    """CONFIRMED while a truck is off its routes; its memory excuses those that a closed road explains."""

    name: ClassVar = "route_deviation"
    version: ClassVar = 4
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = RouteState
    memory = Closures

    def __init__(self, parameters: RouteDeviationParameters | None = None) -> None:
        self.parameters: RouteDeviationParameters = parameters or RouteDeviationParameters()
        # A compiled field is read in a tenth of the time of a model's.
        self._enter_m: float = self.parameters.enter_m
        self._back_share: float = self.parameters.back_share
        self._credit_m: float = self.parameters.accuracy_credit_m
        self._min_gap_ms: int = self.parameters.min_off_s * 1000

    def judge(self, observation: Observation, state: RouteState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        fix = observation.fix
        if fix is None:
            return ()
        routes = observation.approved_routes()
        if fix.coarse is not None and routes:
            verdicts = self._judge_coarse(observation, fix, fix.coarse, state, routes)
            if verdicts is not None:
                return verdicts
        if not routes or fix.blind:
            return self._unknown(observation, state)
        return self._judge_fix(observation, fix, state, routes) if fix.usable else ()

    def _judge_fix(
        self, observation: Observation, fix: Fix, state: RouteState, routes: Sequence[Route]
    ) -> Sequence[Verdict]:
        route, distance_m = self._nearest(fix.xy, routes, observation.city)
        position = observation.position
        is_stated = position is not None and position.accuracy_m is not None
        error_m = min(state.error.weighed_m(fix.accuracy_m, is_stated=is_stated), self._credit_m)
        off_m = max(0.0, distance_m - error_m)
        arrived: bool | None = False
        if off_m > self._back_share * self._width_m(route):
            arrived = self._near_an_end(fix, routes, observation.city)
            if arrived is False:
                state.off_m = -1.0
                return ()
            if arrived:
                off_m = 0.0
        verdicts = self._judge_offset(observation, fix, state, route, off_m, off_m + error_m)
        if state.excursion is None and not arrived:
            self._learn(fix, state, route, distance_m)
        reading = observation.reading
        if isinstance(reading, Position) and reading.odometer_km is not None:
            return [*verdicts, *self._judge_gap(observation, fix, state, route, reading.odometer_km)]
        return verdicts

    def _learn(self, fix: Fix, state: RouteState, route: Route, distance_m: float) -> None:
        """Note how far beside its route a truck on it seems to be, unless it may be about to leave it."""
        if state.off_m > self._back_share * self._width_m(route):
            return
        state.near_m, state.near_ts = distance_m, fix.ts
        if fix.moving:
            state.error.take(distance_m, fix.gap_ms)

    def publishes_at_once(self, verdict: Verdict, memory: Closures) -> bool:
        """Publish at once, and take it back when a closure shows; but not where the closure is known for minutes."""
        return not closures.is_closed(verdict, memory, self.parameters)

    def note(self, verdict: Verdict, memory: Closures) -> Sequence[Departure]:
        return closures.note(verdict, memory)

    def forget_since(self, subject: str, since: int, memory: Closures) -> Sequence[Departure]:
        return closures.forget_since(subject, since, memory)

    def end_run(self, subject: str, memory: Closures) -> None:
        closures.end_run(subject, memory)

    def is_excused(self, verdict: Verdict, memory: Closures) -> bool:
        return closures.is_excused(verdict, memory)

    def settle(self, changed: Collection[Departure], at: int, memory: Closures) -> Iterable[Verdict]:
        """Excuse deviations where several trucks left at one place: the road is closed."""
        return closures.settle(changed, at, memory, self.parameters)

    def excuses_of(self, subject: str, at: int, memory: Closures) -> Iterable[Verdict]:
        return closures.excuses_of(subject, at, memory, self.parameters)

    def _judge_gap(
        self, observation: Observation, fix: Fix, state: RouteState, route: Route, odometer_km: float
    ) -> Sequence[Verdict]:
        """Compare what the odometer counted since the last fix with the way along the route, if both lie on it."""
        before_km, before_m = state.odometer_km, state.along_m
        state.odometer_km, state.along_m = odometer_km, -1.0
        if state.off_m > self._width_m(route):
            return ()
        geometry = observation.city.geometry
        along_m = state.along_m = geometry.route_offset(route, fix.xy).along_m
        if fix.gap_ms < self._min_gap_ms:
            return ()
        ends_m, length_m = self.parameters.ends_m, geometry.route_length_m(route)
        if before_m < ends_m or along_m < ends_m or max(before_m, along_m) > length_m - ends_m:
            return ()
        to_an_end_m = way_by_an_end_m(observation.reading, geometry, route, before_m, along_m)
        return unseen_way(observation, fix, before_km, abs(along_m - before_m), to_an_end_m, self.parameters)

    def _judge_coarse(
        self, observation: Observation, fix: Fix, place: XY, state: RouteState, routes: Sequence[Route]
    ) -> Sequence[Verdict] | None:
        """Judge a coarse fix that shows the truck beyond `fast_m`, its error taken off thrice; None for others."""
        route, off_m = self._nearest(place, routes, observation.city)
        off_m -= _COARSE_ERRORS * fix.accuracy_m
        if off_m <= self.parameters.fast_m:
            return None
        return self._judge_offset(observation, fix, state, route, off_m, off_m)

    def _width_m(self, route: Route) -> float:
        """Half the width of a route's corridor."""
        return route.half_width_m(self._enter_m)

    def _nearest(self, place: XY, routes: Sequence[Route], city: City) -> tuple[Route, float]:
        """The approved route of which the corridor is nearest, and metres from its line."""
        geometry = city.geometry
        nearest = routes[0]
        offset = geometry.route_offset(nearest, place)
        for route in routes[1:]:
            other = geometry.route_offset(route, place)
            wider_m = self._width_m(route) - self._width_m(nearest)
            if (other.distance_m - wider_m, other.along_m) < (offset.distance_m, offset.along_m):
                nearest, offset = route, other
        return nearest, offset.distance_m

    def _near_an_end(self, fix: Fix, routes: Sequence[Route], city: City) -> bool | None:
        """True inside origin or destination of an approved route, False near one of its ends, None elsewhere.

        Near an end trucks queue, turn and look for the gate: there none leaves its route, and none is back on it.
        """
        ends = {site_id for route in routes for site_id in (route.origin_site_id, route.destination_site_id)}
        near = [
            distance_m for site, distance_m in fix.sites if site.id in ends and distance_m <= self.parameters.ends_m
        ]
        if near:
            return near[0] == 0
        geometry, ends_m = city.geometry, self.parameters.ends_m
        is_near = any(
            geometry.route_place(route, along_m).distance_m(fix.xy) <= ends_m
            for route in routes
            for along_m in (0.0, geometry.route_length_m(route))
        )
        return False if is_near else None

    def _judge_offset(
        self, observation: Observation, fix: Fix, state: RouteState, route: Route, off_m: float, distance_m: float
    ) -> Sequence[Verdict]:
        """Judge a place that is `off_m` from its route for certain; as measured, `distance_m`."""
        enter_m = self._width_m(route)
        before_m, state.off_m = -1.0 if fix.regained else state.off_m, off_m
        state.outliers *= _OUTLIER_LASTS
        if fix.regained and state.whereabouts is Whereabouts.LEAVING:
            state.excursion = None  # it began before a stretch without fixes
        if state.excursion is None:
            state.whereabouts = _ON_ROUTE
            # One that stands was seen on its route before; one that is parked elsewhere from the start has left none.
            if off_m <= enter_m or not (fix.moving or 0 <= before_m <= enter_m):
                return ()
            self._begin(observation, fix, state, route)
        excursion = state.excursion
        assert excursion is not None  # noqa: S101 - begun above
        self._follow(observation, fix, state, excursion, before_m, enter_m)
        if state.whereabouts is Whereabouts.LEAVING:
            if off_m > enter_m:
                self._count(observation.city, fix, state, excursion, route, distance_m)
            if has_left(excursion, fix.ts, self.parameters, loaded=_is_loaded(observation)):
                state.whereabouts = Whereabouts.OFF_ROUTE
        if self._is_back(fix, state, enter_m):
            if fix.ts - fix.gap_ms == excursion.onset:  # a single fix
                state.outliers += 1
            return self._end(observation, state, off_m)
        return (self._verdict(observation, excursion, off_m),) if state.whereabouts is Whereabouts.OFF_ROUTE else ()

    def _begin(self, observation: Observation, fix: Fix, state: RouteState, route: Route) -> None:
        at = fix.xy if fix.coarse is None else fix.coarse
        place = where(at, observation.city, observation.calendar_ts)
        state.whereabouts = Whereabouts.LEAVING
        state.excursion = Excursion(
            fix.ts, at, route.id, route.name, route.name_zh, place.en, place.zh, self._width_m(route)
        )
        state.back_fixes = 0

    def _follow(
        self,
        observation: Observation,
        fix: Fix,
        state: RouteState,
        excursion: Excursion,
        before_m: float,
        enter_m: float,
    ) -> None:
        """Count the way since the last fix, and this fix. `before_m`: as `RouteState.off_m`, at the last fix."""
        limits, off_m = self.parameters, state.off_m
        share = share_beyond(before_m, off_m, enter_m)
        gap_ms = 0 if fix.coarse is not None else fix.gap_ms  # it counts since the last usable fix
        excursion.off_ms += share * gap_ms
        beyond_m = max(before_m - enter_m, 0.0) + max(off_m - enter_m, 0.0)
        excursion.area_m_s += beyond_m / 2 * share * gap_ms / 1000
        excursion.driven_m += share * fix.run_m
        if off_m <= limits.fast_m:
            excursion.far_since = excursion.far_fixes = 0
        elif fix.moving or excursion.far_since or fix.coarse is not None:
            excursion.far_since = excursion.far_since or fix.ts
            excursion.far_fixes += 1
        cited = ref(observation.reading, "lat", "lon", "speed_kmh", "accuracy_m")
        if off_m > excursion.peak_m:
            excursion.peak_m, excursion.peak_ref = off_m, cited
        standing_ms = observation.track.standing_ms(fix.ts) if observation.track is not None else 0
        excursion.stopped |= off_m > enter_m and standing_ms >= limits.stop_s * 1000
        excursion.refs = bounded(excursion.refs, cited)
        take_report(excursion, observation.position)

    def _count(
        self, city: City, fix: Fix, state: RouteState, excursion: Excursion, route: Route, distance_m: float
    ) -> None:
        """Count a fix beyond the corridor, `distance_m` from the route as measured."""
        limits, enter_m = self.parameters, self._width_m(route)
        if not excursion.sharp:
            excursion.sharp = is_sharp(state.near_m, distance_m, fix.ts - state.near_ts, limits)
        if not fix.moving and fix.run_m == 0:
            return
        at = fix.xy if fix.coarse is None else fix.coarse
        between = place_between(excursion, at, distance_m)
        if between is not None and city.geometry.route_offset(route, between).distance_m <= enter_m:
            excursion.crossed = True
        doubtful = excursion.crossed or state.outliers >= limits.outliers
        far = 0.0 if doubtful else min((state.off_m - enter_m) / limits.twice_m, 1.0)
        count_fix(excursion, at, distance_m, far)

    def _is_back(self, fix: Fix, state: RouteState, enter_m: float) -> bool:
        """True if the truck is back.

        A truck that has left is back after several fixes below `leave_m`: one good fix clears nothing. One that was
        only leaving is back at the first such fix, since outliers come and go between good fixes.
        """
        has_left, off_m, back_m = state.whereabouts is Whereabouts.OFF_ROUTE, state.off_m, self._back_share * enter_m
        if not has_left and off_m < back_m:
            return True
        inside = off_m < back_m if has_left else off_m <= enter_m
        if not inside:
            state.back_fixes = 0
            return False
        if state.back_fixes == 0:
            state.back_since = fix.ts
        state.back_fixes += 1
        long_enough = state.back_fixes >= 2 and fix.ts - state.back_since >= self.parameters.back_s * 1000
        return state.back_fixes >= self.parameters.back_fixes or long_enough

    def _end(self, observation: Observation, state: RouteState, off_m: float) -> Sequence[Verdict]:
        """End an excursion, with the values it had in the end."""
        excursion, former = state.excursion, state.whereabouts
        state.excursion, state.whereabouts, state.back_fixes = None, Whereabouts.ON_ROUTE, 0
        if excursion is None or former is not Whereabouts.OFF_ROUTE:
            return ()
        return (replace(self._verdict(observation, excursion, off_m), level=Level.CLEAR),)

    def _unknown(self, observation: Observation, state: RouteState) -> Sequence[Verdict]:
        """Without data, forget an excursion that was only beginning; one that was found stays."""
        if state.whereabouts in {Whereabouts.UNKNOWN, Whereabouts.OFF_ROUTE}:
            return ()
        state.excursion, state.whereabouts, state.off_m = None, Whereabouts.UNKNOWN, -1.0
        return (Verdict(observation.device.id, Level.UNKNOWN, observation.reading.ts, observation.reading.ts),)

    def _verdict(self, observation: Observation, excursion: Excursion, off_m: float) -> Verdict:
        loaded = _is_loaded(observation)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=excursion.onset,
            severity=self._severity(excursion, loaded=loaded),
            place=observation.city.plane.latlon(excursion.place),
            title=wording.title(
                who(observation.device, observation.city, observation.calendar_ts),
                Text(en=excursion.route_en, zh=excursion.route_zh),
                Text(en=excursion.place_en, zh=excursion.place_zh),
                loaded=loaded,
            ),
            evidence=self._evidence(observation, excursion, off_m, loaded=loaded),
            basis=f"loaded={loaded} stopped={excursion.stopped}",
            shared=excursion.route_id,
        )

    def _severity(self, excursion: Excursion, *, loaded: bool) -> Severity:
        if loaded and (excursion.peak_m > self.parameters.far_off_m or excursion.stopped):
            return Severity.P1
        return Severity.P2 if loaded or excursion.driven_m >= self.parameters.minor_detour_m else Severity.P3

    def _evidence(self, observation: Observation, excursion: Excursion, off_m: float, *, loaded: bool) -> Evidence:
        off_ms, track = observation.reading.ts - excursion.onset, observation.track
        driven_m, peak_m = round(excursion.driven_m, 1), round(excursion.peak_m, 1)
        seen = wording.seen(stopped=excursion.stopped, reported=excursion.reported)
        findings = [wording.beyond_corridor(off_ms, driven_m, peak_m), *seen]
        load = wording.LOAD_UNKNOWN if track is None else wording.load_finding(track.load.state, track.load.source)
        if load is not None:
            findings.append(load)
        return Evidence(
            parameters=self.parameters.model_dump(),
            findings=tuple(findings),
            ruled_out=wording.ruled_out(self.parameters),
            readings=with_one_more(excursion.refs, excursion.peak_ref),
            measures={
                "route_id": excursion.route_id,
                "corridor_m": round(excursion.width_m, 1),
                "off_route_m": round(off_m, 1),
                "peak_off_route_m": peak_m,
                "detour_m": driven_m,
                "off_route_s": whole_seconds(off_ms),
                "loaded": loaded,
                "stopped_off_route": excursion.stopped,
            },
        )


def _is_loaded(observation: Observation) -> bool:
    return observation.track is not None and observation.track.load.state is LoadState.LOADED
