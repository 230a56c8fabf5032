"""Off the approved route 偏离线路.

A truck has left when it is clearly beyond the corridor, has stayed there and has driven there. A truck without an
approved route at that time, or without a usable fix, is UNKNOWN.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from devices.city.model import City, DeviceRole, Route, approved_at
from devices.geo.geometry import XY
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import FleetRule, Parameters
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, duration, length, load_source, ref, where, who
from rules.detectors.route_deviation.closures import Closures, settle_closures
from rules.tracking import Fix, LoadState


class RouteDeviationParameters(Parameters):
    """As the field plans ask; where they are silent the reason is given."""

    enter_m: float = 60.0
    leave_m: float = 35.0
    accuracy_credit_m: float = 30.0
    """At most this much of a fix's accuracy is taken off its distance."""
    min_moving_fixes: int = 3
    min_off_s: int = 45
    min_driven_m: float = 150.0
    long_off_s: int = 90
    long_driven_m: float = 400.0
    fast_m: float = 300.0
    fast_s: int = 20
    back_fixes: int = 3
    back_s: int = 30
    ends_m: float = 200.0
    """Around origin and destination nothing is asked."""
    minor_detour_m: float = 500.0
    far_off_m: float = 1_000.0
    stop_s: int = 90
    """A loaded truck standing this long off the corridor has stopped there; the longest common red light is shorter."""
    closure_trucks: int = 3
    closure_min: int = 30
    closure_m: float = 300.0
    """The same place: at 10 s between fixes two trucks on one road are first seen off it up to 200 m apart."""


class Whereabouts(StrEnum):
    """In relation to the approved routes."""

    UNKNOWN = "unknown"
    ON_ROUTE = "on_route"
    LEAVING = "leaving"
    OFF_ROUTE = "off_route"


@dataclass(slots=True)
class Excursion:
    """One stretch beyond the corridor."""

    onset: int
    place: XY
    route_id: str
    route_en: str
    route_zh: str
    place_en: str
    place_zh: str
    moving_fixes: int = 0
    driven_m: float = 0.0
    peak_m: float = 0.0
    far_since: int = 0
    far_fixes: int = 0
    stopped: bool = False
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class RouteState:
    """Of one truck."""

    whereabouts: Whereabouts = Whereabouts.UNKNOWN
    excursion: Excursion | None = None
    back_fixes: int = 0
    back_since: int = 0


class RouteDeviation(FleetRule[RouteState, Closures]):
    """See the module."""

    name: ClassVar = "route_deviation"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    state = RouteState
    memory = Closures

    def __init__(self, parameters: RouteDeviationParameters | None = None) -> None:
        self.parameters: RouteDeviationParameters = parameters or RouteDeviationParameters()

    def judge(self, step: Observation, state: RouteState) -> Sequence[Verdict]:
        """See Rule."""
        fix = step.fix
        if fix is None:
            return ()
        routes = approved_at(step.approvals, fix.ts)
        if not routes or fix.blind:
            return self._unknown(step, state)
        if not fix.usable:
            return ()
        route, off_m = self._offset(fix, routes, step.city)
        return self._judge_offset(step, fix, state, route, off_m)

    def compare(self, verdict: Verdict, memory: Closures, city: City) -> Iterable[Verdict]:
        """See FleetRule: several trucks that leave at one place mean a closed road."""
        return settle_closures(
            verdict,
            memory,
            trucks=self.parameters.closure_trucks,
            within_ms=self.parameters.closure_min * 60_000,
            within_m=self.parameters.closure_m,
        )

    def _offset(self, fix: Fix, routes: Sequence[Route], city: City) -> tuple[Route, float]:
        """The nearest approved route and the effective distance from it; 0 near its ends."""
        geometry = city.geometry
        nearest = routes[0]
        offset = geometry.route_offset(nearest, fix.xy)
        for route in routes[1:]:
            other = geometry.route_offset(route, fix.xy)
            if other < offset:
                nearest, offset = route, other
        if offset.distance_m >= self.parameters.leave_m and self._near_an_end(fix, routes, city):
            return nearest, 0.0
        return nearest, max(0.0, offset.distance_m - min(fix.accuracy_m, self.parameters.accuracy_credit_m))

    def _near_an_end(self, fix: Fix, routes: Sequence[Route], city: City) -> bool:
        near = {site.id for site, distance_m in fix.sites if distance_m <= self.parameters.ends_m}
        geometry = city.geometry
        return any(
            (route.origin_site_id is not None and route.origin_site_id in near)
            or (route.destination_site_id is not None and route.destination_site_id in near)
            or geometry.route_place(route, 0.0).distance_m(fix.xy) <= self.parameters.ends_m
            or geometry.route_place(route, geometry.route_length_m(route)).distance_m(fix.xy) <= self.parameters.ends_m
            for route in routes
        )

    def _judge_offset(
        self, step: Observation, fix: Fix, state: RouteState, route: Route, off_m: float
    ) -> Sequence[Verdict]:
        if fix.regained and state.whereabouts is Whereabouts.LEAVING:
            state.excursion = None  # begun before a stretch of which nobody knows
        if state.excursion is None:
            state.whereabouts = Whereabouts.ON_ROUTE
            if off_m <= self.parameters.enter_m or not fix.moving:
                return ()
            self._begin(step, fix, state, route)
        excursion = state.excursion
        assert excursion is not None  # noqa: S101 - begun above
        self._follow(step, fix, excursion, off_m)
        if self._is_back(fix, state, off_m):
            return self._end(step, state)
        if off_m > self.parameters.enter_m and self._has_left(excursion, fix):
            state.whereabouts = Whereabouts.OFF_ROUTE
        return (self._verdict(step, excursion, off_m),) if state.whereabouts is Whereabouts.OFF_ROUTE else ()

    def _begin(self, step: Observation, fix: Fix, state: RouteState, route: Route) -> None:
        place = where(fix.xy, step.city, fix.ts)
        state.whereabouts = Whereabouts.LEAVING
        state.excursion = Excursion(fix.ts, fix.xy, route.id, route.name, route.name_zh, place.en, place.zh)
        state.back_fixes = 0

    def _follow(self, step: Observation, fix: Fix, excursion: Excursion, off_m: float) -> None:
        if fix.ts > excursion.onset:
            excursion.driven_m += fix.run_m
        if off_m > self.parameters.enter_m and fix.moving:
            excursion.moving_fixes += 1
        if off_m <= self.parameters.fast_m:
            excursion.far_since = excursion.far_fixes = 0
        elif fix.moving or excursion.far_since:
            excursion.far_since = excursion.far_since or fix.ts
            excursion.far_fixes += 1
        excursion.peak_m = max(excursion.peak_m, off_m)
        standing_ms = step.track.standing_ms(fix.ts) if step.track is not None else 0
        excursion.stopped |= off_m > self.parameters.enter_m and standing_ms >= self.parameters.stop_s * 1000
        excursion.refs = bounded(excursion.refs, ref(step.reading, "lat", "lon", "speed_kmh", "accuracy_m"))

    def _is_back(self, fix: Fix, state: RouteState, off_m: float) -> bool:
        """A truck that has left is back inside the narrower bound, for several fixes: one good fix clears nothing.

        One that was only beginning to leave is back at the first such fix: outliers come and go between good fixes.
        """
        left = state.whereabouts is Whereabouts.OFF_ROUTE
        if not left and off_m < self.parameters.leave_m:
            return True
        inside = off_m < self.parameters.leave_m if left else off_m <= self.parameters.enter_m
        if not inside:
            state.back_fixes = 0
            return False
        if state.back_fixes == 0:
            state.back_since = fix.ts
        state.back_fixes += 1
        long_enough = state.back_fixes >= 2 and fix.ts - state.back_since >= self.parameters.back_s * 1000
        return state.back_fixes >= self.parameters.back_fixes or long_enough

    def _has_left(self, excursion: Excursion, fix: Fix) -> bool:
        limits = self.parameters
        off_s = (fix.ts - excursion.onset) / 1000
        if excursion.far_fixes >= limits.min_moving_fixes and fix.ts - excursion.far_since >= limits.fast_s * 1000:
            return True
        return (
            excursion.moving_fixes >= limits.min_moving_fixes
            and off_s >= limits.min_off_s
            and excursion.driven_m >= limits.min_driven_m
            and (off_s >= limits.long_off_s or excursion.driven_m >= limits.long_driven_m)
        )

    def _end(self, step: Observation, state: RouteState) -> Sequence[Verdict]:
        excursion, was = state.excursion, state.whereabouts
        state.excursion, state.whereabouts, state.back_fixes = None, Whereabouts.ON_ROUTE, 0
        if excursion is None or was is not Whereabouts.OFF_ROUTE:
            return ()
        return (Verdict(step.device.id, Level.CLEAR, step.reading.ts, excursion.onset, shared=excursion.route_id),)

    def _unknown(self, step: Observation, state: RouteState) -> Sequence[Verdict]:
        """Nobody knows: what was only beginning is forgotten, what was found stays."""
        if state.whereabouts in {Whereabouts.UNKNOWN, Whereabouts.OFF_ROUTE}:
            return ()
        state.excursion, state.whereabouts = None, Whereabouts.UNKNOWN
        return (Verdict(step.device.id, Level.UNKNOWN, step.reading.ts, step.reading.ts),)

    def _verdict(self, step: Observation, excursion: Excursion, off_m: float) -> Verdict:
        loaded = step.track is not None and step.track.load.state is LoadState.LOADED
        truck = who(step.device, step.city)
        load_en, load_zh = (", loaded,", "载货") if loaded else ("", "")
        return Verdict(
            subject=step.device.id,
            level=Level.CONFIRMED,
            at=step.reading.ts,
            onset=excursion.onset,
            severity=self._severity(excursion, loaded=loaded),
            place=step.city.plane.latlon(excursion.place),
            title=Text(
                en=f"{truck.en}{load_en} left its approved route {excursion.route_en}, {excursion.place_en}",
                zh=f"{truck.zh}{load_zh}偏离核准线路“{excursion.route_zh}”（{excursion.place_zh}）",
            ),
            evidence=self._evidence(step, excursion, off_m, loaded=loaded),
            shared=excursion.route_id,
        )

    def _severity(self, excursion: Excursion, *, loaded: bool) -> Severity:
        if loaded and (excursion.peak_m > self.parameters.far_off_m or excursion.stopped):
            return Severity.P1
        return Severity.P2 if loaded or excursion.driven_m >= self.parameters.minor_detour_m else Severity.P3

    def _evidence(self, step: Observation, excursion: Excursion, off_m: float, *, loaded: bool) -> Evidence:
        off_ms = step.reading.ts - excursion.onset
        findings = [
            Text(
                en=f"For {duration(off_ms)} and {length(excursion.driven_m)} it drove beyond the corridor, at most"
                f" {length(excursion.peak_m)} from the route after the accuracy of the fix was taken off",
                zh=f"驶出走廊{duration(off_ms, zh=True)}、{length(excursion.driven_m, zh=True)}，"
                f"扣除定位误差后最远偏离{length(excursion.peak_m, zh=True)}",
            )
        ]
        if excursion.stopped:
            findings.append(Text(en="It stopped off the corridor", zh="在走廊外停车"))
        if step.track is None or step.track.load.state is LoadState.UNKNOWN:
            findings.append(Text(en="It is not known whether it is loaded", zh="载货状态未知"))
        elif loaded:
            source = load_source(step.track.load.source)
            findings.append(Text(en=f"It is loaded, according to {source.en}", zh=f"车辆载货，依据：{source.zh}"))
        return Evidence(
            parameters=self.parameters.model_dump(),
            findings=tuple(findings),
            ruled_out=(
                Text(en="Bad fixes and single spikes were not used", zh="未采用劣质定位和单点跳变"),
                Text(
                    en=f"It is not within {length(self.parameters.ends_m)} of origin or destination",
                    zh=f"不在起讫点{length(self.parameters.ends_m, zh=True)}范围内",
                ),
                Text(
                    en=f"Fewer than {self.parameters.closure_trucks} trucks left this route here within"
                    f" {self.parameters.closure_min} min: no sign of a closed road",
                    zh=f"{self.parameters.closure_min}分钟内在此处驶离该线路的车辆少于{self.parameters.closure_trucks}辆，无封路迹象",
                ),
            ),
            readings=tuple(excursion.refs),
            measures={
                "route_id": excursion.route_id,
                "off_route_m": round(off_m, 1),
                "peak_off_route_m": round(excursion.peak_m, 1),
                "detour_m": round(excursion.driven_m, 1),
                "off_route_s": off_ms // 1000,
                "loaded": loaded,
                "stopped_off_route": excursion.stopped,
            },
        )
