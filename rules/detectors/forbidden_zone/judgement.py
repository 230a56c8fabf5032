"""Judges whether a truck is where no truck may be.

An approved route through the zone lets the truck pass: its permit has allowed it. A truck whose place is unknown is not
judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.city.sites import Zone, ZoneKind
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, where, who, whole_seconds
from rules.detectors.forbidden_zone import wording
from rules.detectors.forbidden_zone.parameters import ForbiddenZoneParameters
from rules.tracking import Fix, LoadSource, LoadState, Track
from rules.tracking.crossing import FAR_M, Crossing, CrossingLimits, FenceTrack, Step, follow, lose

_FORBIDDEN: Final = ZoneKind.FORBIDDEN
_LOADED, _EMPTY = LoadState.LOADED, LoadState.EMPTY
_NEAR_M: Final = 2_000.0
"""Further before the fence nothing is kept of a truck."""
_FIELDS: Final = ("lat", "lon", "speed_kmh", "load", "load_kg")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Visit:
    """What is kept of a truck near a fence. What names its time in a zone is set when that begins."""

    fence: FenceTrack = field(default_factory=FenceTrack)
    zone_id: str = ""
    zone_en: str = ""
    zone_zh: str = ""
    place_en: str = ""
    place_zh: str = ""
    load: LoadState = LoadState.UNKNOWN
    load_source: LoadSource = LoadSource.NONE
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class ForbiddenState:
    """State of one truck."""

    visit: Visit | None = None
    """None while it is far from every fence, as nearly always."""


class ForbiddenZone(Rule[ForbiddenState]):
    """CONFIRMED while a truck is in a forbidden zone, CLEAR when it has left."""

    name: ClassVar = "forbidden_zone"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    state = ForbiddenState

    def __init__(self, parameters: ForbiddenZoneParameters | None = None) -> None:
        self.parameters: ForbiddenZoneParameters = parameters or ForbiddenZoneParameters()
        limits = self.parameters
        self._limits = CrossingLimits(limits.fixes, limits.hold_s * 1000, limits.driven_m, limits.back_m)

    def judge(self, observation: Observation, state: ForbiddenState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        fix, track, visit = observation.fix, observation.track, state.visit
        if fix is None or track is None or not (visit is not None or observation.city.zone_geometry.has(_FORBIDDEN)):
            return ()
        if not fix.usable:
            if fix.blind and visit is not None:
                lose(visit.fence)
            return ()
        depth_m, zone = self._depth_m(observation, fix)
        if visit is None and depth_m < -_NEAR_M:
            return ()
        visit = state.visit = visit or Visit()
        verdicts = self._follow(observation, fix, track, visit, depth_m, zone)
        if visit.fence.crossing is None and depth_m < -_NEAR_M:
            state.visit = None
        return verdicts

    def _follow(
        self, observation: Observation, fix: Fix, track: Track, visit: Visit, depth_m: float, zone: Zone | None
    ) -> Sequence[Verdict]:
        known = visit.fence.crossing
        step = follow(visit.fence, fix, depth_m, self._limits)
        crossing = visit.fence.crossing
        if crossing is None:
            return ()
        if crossing is not known and zone is not None:
            self._begin(observation, fix, visit, zone)
        if depth_m > 0:
            self._note(observation, track, visit, crossing)
        if step is Step.NOTHING:
            return ()
        if step is Step.BEYOND:
            return (self._verdict(observation, visit, crossing),)
        visit.fence.crossing = None
        return (self._cleared(observation, fix, visit, crossing),)

    def _depth_m(self, observation: Observation, fix: Fix) -> tuple[float, Zone | None]:
        """How deep the fix is in a forbidden zone; before its edge where an approved route lets the truck pass."""
        found = observation.city.zone_geometry.forbidden_at(fix.xy, fix.ts)
        if found is None:
            return FAR_M, None
        if found.depth_m > 0:
            geometry = observation.city.geometry
            for route in observation.approved_routes():
                if geometry.route_offset(route, fix.xy).distance_m - fix.outside_m() <= self.parameters.corridor_m:
                    return FAR_M, None
        return found.depth_m, found.zone

    def _begin(self, observation: Observation, fix: Fix, visit: Visit, zone: Zone) -> None:
        place = where(fix.xy, observation.city, fix.ts)
        visit.zone_id, visit.zone_en, visit.zone_zh = zone.id, zone.name, zone.name_zh
        visit.place_en, visit.place_zh = place.en, place.zh
        visit.load, visit.load_source, visit.refs = LoadState.UNKNOWN, LoadSource.NONE, []

    def _note(self, observation: Observation, track: Track, visit: Visit, crossing: Crossing) -> None:
        """Note a position inside. A load counts only until people are notified: a dump inside makes it no less."""
        visit.refs = bounded(visit.refs, ref(observation.reading, *_FIELDS))
        if visit.load is not _LOADED and (not crossing.decided or track.load.state is _LOADED):
            visit.load, visit.load_source = track.load.state, track.load.source

    def _cleared(self, observation: Observation, fix: Fix, visit: Visit, crossing: Crossing) -> Verdict:
        last = self._verdict(observation, visit, crossing)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {
            "findings": (*last.evidence.findings, wording.left(fix.ts - crossing.back_since)),
            "readings": tuple(bounded(visit.refs, ref(observation.reading, *_FIELDS))),
        }
        return replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found))

    def _verdict(self, observation: Observation, visit: Visit, crossing: Crossing) -> Verdict:
        inside_m, deepest_m = round(crossing.beyond_m, 1), round(crossing.deepest_m, 1)
        zone, place = Text(en=visit.zone_en, zh=visit.zone_zh), Text(en=visit.place_en, zh=visit.place_zh)
        loads = {_LOADED: Severity.P1, _EMPTY: Severity.P3}
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=crossing.onset,
            severity=loads.get(visit.load, Severity.P2),
            place=observation.city.plane.latlon(crossing.place),
            title=wording.title(who(observation.device, observation.city), zone, place),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(
                    wording.inside(crossing.beyond_ms, inside_m, deepest_m),
                    wording.load(visit.load, visit.load_source),
                ),
                ruled_out=wording.ruled_out(self.parameters),
                readings=tuple(visit.refs),
                measures={
                    "zone": visit.zone_id,
                    "inside_s": whole_seconds(crossing.beyond_ms),
                    "inside_m": inside_m,
                    "deepest_m": deepest_m,
                    "load": str(visit.load),
                },
            ),
        )
