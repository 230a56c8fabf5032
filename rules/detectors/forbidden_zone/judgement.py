"""Judges whether a truck is where no truck may be.

An approved route through the zone lets the truck pass: its permit has allowed it. A truck whose place is unknown is not
judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.city.sites import ZoneKind
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
_FIELDS: Final = ("lat", "lon", "speed_kmh", "load", "load_kg")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class ForbiddenState:
    """State of one truck: its time in a zone. What names it is set when the zone is entered."""

    fence: FenceTrack = field(default_factory=FenceTrack)
    zone_id: str = ""
    zone_en: str = ""
    zone_zh: str = ""
    place_en: str = ""
    place_zh: str = ""
    load: LoadState = LoadState.UNKNOWN
    load_source: LoadSource = LoadSource.NONE
    refs: list[ReadingRef] = field(default_factory=list)


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
        fix, track, fence = observation.fix, observation.track, state.fence
        if fix is None or track is None or not (observation.city.zone_geometry.has(_FORBIDDEN) or fence.crossing):
            return ()
        if not fix.usable:
            if fix.blind:
                lose(fence)
            return ()
        known = fence.crossing
        depth_m = self._depth_m(observation, fix, state)
        step = follow(fence, fix, depth_m, self._limits)
        crossing = fence.crossing
        if crossing is None:
            return ()
        if crossing is not known:
            self._begin(observation, fix, state)
        if depth_m > 0:
            self._note(observation, track, state, crossing)
        if step is Step.NOTHING:
            return ()
        if step is Step.BEYOND:
            return (self._verdict(observation, state, crossing),)
        fence.crossing = None
        return (self._cleared(observation, fix, state, crossing),)

    def _depth_m(self, observation: Observation, fix: Fix, state: ForbiddenState) -> float:
        """How deep the fix is in a forbidden zone; before its edge where an approved route lets the truck pass."""
        found = observation.city.zone_geometry.forbidden_at(fix.xy, fix.ts)
        if found is None:
            return FAR_M
        if found.depth_m > 0:
            geometry = observation.city.geometry
            for route in observation.approved_routes():
                if geometry.route_offset(route, fix.xy).distance_m - fix.outside_m() <= self.parameters.corridor_m:
                    return FAR_M
            if state.fence.crossing is None:
                state.zone_id, state.zone_en, state.zone_zh = found.zone.id, found.zone.name, found.zone.name_zh
        return found.depth_m

    def _begin(self, observation: Observation, fix: Fix, state: ForbiddenState) -> None:
        place = where(fix.xy, observation.city, fix.ts)
        state.place_en, state.place_zh = place.en, place.zh
        state.load, state.load_source, state.refs = LoadState.UNKNOWN, LoadSource.NONE, []

    def _note(self, observation: Observation, track: Track, state: ForbiddenState, crossing: Crossing) -> None:
        """Note a position inside. A load counts only until people are notified: a dump inside makes it no less."""
        state.refs = bounded(state.refs, ref(observation.reading, *_FIELDS))
        if state.load is not _LOADED and (not crossing.decided or track.load.state is _LOADED):
            state.load, state.load_source = track.load.state, track.load.source

    def _cleared(self, observation: Observation, fix: Fix, state: ForbiddenState, crossing: Crossing) -> Verdict:
        last = self._verdict(observation, state, crossing)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {
            "findings": (*last.evidence.findings, wording.left(fix.ts - crossing.back_since)),
            "readings": tuple(bounded(state.refs, ref(observation.reading, *_FIELDS))),
        }
        return replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found))

    def _verdict(self, observation: Observation, state: ForbiddenState, crossing: Crossing) -> Verdict:
        inside_m, deepest_m = round(crossing.beyond_m, 1), round(crossing.deepest_m, 1)
        zone, place = Text(en=state.zone_en, zh=state.zone_zh), Text(en=state.place_en, zh=state.place_zh)
        loads = {_LOADED: Severity.P1, _EMPTY: Severity.P3}
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=crossing.onset,
            severity=loads.get(state.load, Severity.P2),
            place=observation.city.plane.latlon(crossing.place),
            title=wording.title(who(observation.device, observation.city), zone, place),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(
                    wording.inside(crossing.beyond_ms, inside_m, deepest_m),
                    wording.load(state.load, state.load_source),
                ),
                ruled_out=wording.ruled_out(self.parameters),
                readings=tuple(state.refs),
                measures={
                    "zone": state.zone_id,
                    "inside_s": whole_seconds(crossing.beyond_ms),
                    "inside_m": inside_m,
                    "deepest_m": deepest_m,
                    "load": str(state.load),
                },
            ),
        )
