"""Judges whether a truck left its approved routes.

A truck has left when it is clearly beyond the corridor, has stayed there and has driven there, or has stood there
loaded. What happened between two fixes counts by the share of the way that lies beyond, so that a terminal that reports
each minute is judged by time and distance as any other. A truck without an approved route at that time, or without a
usable fix, is UNKNOWN.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, Final

from devices.city.model import City, DeviceRole
from devices.city.sites import Route
from devices.geo.geometry import XY
from devices.readings.models import Position
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import FleetRule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, where, who, whole_seconds, with_one_more
from rules.detectors.route_deviation import wording
from rules.detectors.route_deviation.closures import Closures, apply_closures, is_closed
from rules.detectors.route_deviation.parameters import RouteDeviationParameters
from rules.detectors.route_deviation.unseen import unseen_way
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
class Excursion:
    """One stretch beyond the corridor. Times are device time, ms."""

    onset: int
    place: XY
    route_id: str
    route_en: str
    route_zh: str
    place_en: str
    place_zh: str
    width_m: float = 0.0
    """Half the width of the corridor that it left."""
    weight: float = 0.0
    """Fixes beyond to which it had moved: each counts by its distance, once to twice."""
    off_ms: float = 0.0
    """Time beyond, the share of the way there included."""
    area_m_s: float = 0.0
    """Metres beyond the corridor, times the seconds there."""
    driven_m: float = 0.0
    peak_m: float = 0.0
    """Largest distance from the route."""
    far_since: int = 0
    """Time at which it went beyond `fast_m`; 0 while it is nearer."""
    far_fixes: int = 0
    stopped: bool = False
    refs: list[ReadingRef] = field(default_factory=list)
    peak_ref: ReadingRef | None = None
    """The reading that was farthest from the route."""


@dataclass(slots=True)
class RouteState:
    """State of one truck. Times are device time, ms."""

    whereabouts: Whereabouts = Whereabouts.UNKNOWN
    excursion: Excursion | None = None
    off_m: float = -1.0
    """Distance of the last fix from the route, less its accuracy; negative where that is not known."""
    odometer_km: float = 0.0
    """At the last fix; 0 of a terminal that sends none."""
    along_m: float = -1.0
    """Of such a truck, how far along its route it was then; negative if it was not on it."""
    outliers: float = 0.0
    """Single fixes off the route among others on it, each counting 1 % less after every fix."""
    back_fixes: int = 0
    back_since: int = 0


class RouteDeviation(FleetRule[RouteState, Closures]):
    """CONFIRMED while a truck is off its routes; its memory retracts verdicts that a closed road explains."""

    name: ClassVar = "route_deviation"
    version: ClassVar = 2
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
        route, off_m = self._nearest(fix.xy, routes, observation.city)
        off_m = max(0.0, off_m - min(fix.accuracy_m, self._credit_m))
        if off_m > self._back_share * self._width_m(route):
            arrived = self._near_an_end(fix, routes, observation.city)
            if arrived is False:
                state.off_m = -1.0
                return ()
            if arrived:
                off_m = 0.0
        verdicts = self._judge_offset(observation, fix, state, route, off_m)
        reading = observation.reading
        if isinstance(reading, Position) and reading.odometer_km is not None:
            return [*verdicts, *self._judge_gap(observation, fix, state, route, reading.odometer_km)]
        return verdicts

    def publishes_at_once(self, verdict: Verdict, memory: Closures) -> bool:
        """Tell at once, and take it back when a closure shows; but not where the closure is known for minutes."""
        return not is_closed(
            verdict, memory, within_ms=self.parameters.closure_min * 60_000, within_m=self.parameters.closure_m
        )

    def compare(self, verdict: Verdict, memory: Closures, city: City) -> Iterable[Verdict]:
        """Drop or retract deviations where several trucks left at one place: the road is closed."""
        return apply_closures(
            verdict,
            memory,
            trucks=self.parameters.closure_trucks,
            within_ms=self.parameters.closure_min * 60_000,
            within_m=self.parameters.closure_m,
        )

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
        return unseen_way(observation, fix, before_km, abs(along_m - before_m), self.parameters)

    def _judge_coarse(
        self, observation: Observation, fix: Fix, place: XY, state: RouteState, routes: Sequence[Route]
    ) -> Sequence[Verdict] | None:
        """Judge a coarse fix that shows the truck beyond `fast_m`, its error taken off thrice; None for others."""
        route, off_m = self._nearest(place, routes, observation.city)
        off_m -= _COARSE_ERRORS * fix.accuracy_m
        if off_m <= self.parameters.fast_m:
            return None
        return self._judge_offset(observation, fix, state, route, off_m)

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
        self, observation: Observation, fix: Fix, state: RouteState, route: Route, off_m: float
    ) -> Sequence[Verdict]:
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
        if self._is_back(fix, state, enter_m):
            if fix.ts - fix.gap_ms == excursion.onset:  # a single fix
                state.outliers += 1
            return self._end(observation, state, off_m)
        if off_m > enter_m and self._has_left(observation, excursion, fix):
            state.whereabouts = Whereabouts.OFF_ROUTE
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
        share = _share_beyond(before_m, off_m, enter_m)
        gap_ms = 0 if fix.coarse is not None else fix.gap_ms  # it counts since the last usable fix
        excursion.off_ms += share * gap_ms
        beyond_m = max(before_m - enter_m, 0.0) + max(off_m - enter_m, 0.0)
        excursion.area_m_s += beyond_m / 2 * share * gap_ms / 1000
        excursion.driven_m += fix.run_m if fix.ts > excursion.onset else share * fix.run_m
        if off_m > enter_m and (fix.moving or fix.run_m > 0):
            more = min((off_m - enter_m) / limits.twice_m, 1.0) if state.outliers < limits.outliers else 0.0
            excursion.weight += 1.0 + more
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

    def _has_left(self, observation: Observation, excursion: Excursion, fix: Fix) -> bool:
        limits, track = self.parameters, observation.track
        if excursion.far_fixes >= limits.min_moving_fixes and fix.ts - excursion.far_since >= limits.fast_s * 1000:
            return True
        if excursion.stopped and track is not None and track.load.state is LoadState.LOADED:
            return True
        off_s = excursion.off_ms / 1000
        if excursion.area_m_s < limits.sure_m_s and off_s < limits.unsure_off_s:
            return False
        return (
            excursion.weight >= limits.min_moving_fixes
            and off_s >= limits.min_off_s
            and excursion.driven_m >= limits.min_driven_m
            and (off_s >= limits.long_off_s or excursion.driven_m >= limits.long_driven_m)
        )

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
        loaded = observation.track is not None and observation.track.load.state is LoadState.LOADED
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=excursion.onset,
            severity=self._severity(excursion, loaded=loaded),
            place=observation.city.plane.latlon(excursion.place),
            title=wording.title(
                who(observation.device, observation.city),
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
        findings = [wording.beyond_corridor(off_ms, driven_m, peak_m)]
        if excursion.stopped:
            findings.append(wording.STOPPED)
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


def _share_beyond(before_m: float, off_m: float, enter_m: float) -> float:
    """Share of the way between two fixes that lies beyond the corridor; 0 where the first is not known (negative)."""
    if before_m < 0:
        return 0.0
    near_m, far_m = min(before_m, off_m), max(before_m, off_m)
    if near_m > enter_m:
        return 1.0
    return 0.0 if far_m <= enter_m else (far_m - enter_m) / (far_m - near_m)
