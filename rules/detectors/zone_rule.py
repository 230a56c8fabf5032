"""What the rules that judge areas share: a truck that is clearly beyond a fence, for how long, how far, and with what.

A rule says how far beyond its fence a fix is, and words what it finds. An approved route across the fence lets the
truck pass: its permit has allowed it. A truck whose place is unknown is not judged.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, NamedTuple

from devices.city.model import DeviceRole
from devices.city.sites import Zone
from devices.city.zones import REMOTE_M, ZoneDepth
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, load_then, ref, where, who
from rules.tracking import Fix, LoadSource, LoadState, Track
from rules.tracking.crossing import FAR_M, Crossing, CrossingLimits, FenceTrack, Step, follow, lose

_LOADED: Final = LoadState.LOADED
_FIELDS: Final = ("lat", "lon", "speed_kmh", "load", "load_kg")
_SEVERITIES: Final = {LoadState.LOADED: Severity.P1, LoadState.EMPTY: Severity.P3}


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Visit:
    """What is kept of a truck near a fence. What names its time beyond it is set when that begins."""

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
class ZoneState:
    """State of one truck."""

    visit: Visit | None = None
    """None while it is far from every fence, as nearly always."""


class Way(NamedTuple):
    """How long and how far a truck was beyond the fence."""

    finding: Text
    measures: dict[str, float | int]


class ZoneRule(Rule[ZoneState]):
    """CONFIRMED while a truck is beyond a fence, CLEAR when it is back."""

    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = ZoneState

    def __init__(self, limits: CrossingLimits, corridor_m: float, ruled_out: tuple[Text, ...]) -> None:
        """`corridor_m`: an approved route within so much, or within its own width, lets the truck pass."""
        self._limits, self._corridor_m, self._ruled_out = limits, corridor_m, ruled_out

    @abstractmethod
    def is_remote(self, fix: Fix, observation: Observation) -> bool:
        """Whether the fix is so far before every fence, of any time, that nothing is kept of the truck."""

    @abstractmethod
    def depth(self, fix: Fix, observation: Observation) -> ZoneDepth | None:
        """The zone that counts for the fix, and metres beyond its fence, negative before it; None if none is near."""

    @abstractmethod
    def title(self, truck: Text, zone: Text, place: Text) -> Text:
        """The title of the alert."""

    @abstractmethod
    def way(self, crossing: Crossing) -> Way:
        """What is found of the truck's time beyond the fence."""

    @abstractmethod
    def back(self, back_ms: int) -> Text:
        """The finding that ends it."""

    def judge(self, observation: Observation, state: ZoneState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        fix, track, visit = observation.fix, observation.track, state.visit
        if fix is None or track is None or (visit is None and self.is_remote(fix, observation)):
            return ()
        if not fix.usable:
            if fix.blind and visit is not None:
                lose(visit.fence)
            return ()
        depth_m, zone = self._depth_m(observation, fix)
        if visit is None and depth_m < -REMOTE_M:
            return ()
        visit = state.visit = visit or Visit()
        verdicts = self._follow(observation, fix, track, visit, depth_m, zone)
        if visit.fence.crossing is None and depth_m < -REMOTE_M:
            state.visit = None
        return verdicts

    def _follow(
        self, observation: Observation, fix: Fix, track: Track, visit: Visit, depth_m: float, zone: Zone | None
    ) -> Sequence[Verdict]:
        before = visit.fence.crossing
        step = follow(visit.fence, fix, depth_m, self._limits)
        crossing = visit.fence.crossing
        if crossing is None:
            return ()
        if crossing is not before and zone is not None:
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
        """How far the fix is beyond a fence; before it where an approved route lets the truck pass."""
        found = self.depth(fix, observation)
        if found is None:
            return FAR_M, None
        if found.depth_m > 0:
            for route in observation.approved_routes():
                if observation.is_on_route(route, self._corridor_m):
                    return FAR_M, None
        return found.depth_m, found.zone

    def _begin(self, observation: Observation, fix: Fix, visit: Visit, zone: Zone) -> None:
        place = where(fix.xy, observation.city, observation.calendar_ts)
        visit.zone_id, visit.zone_en, visit.zone_zh = zone.id, zone.name, zone.name_zh
        visit.place_en, visit.place_zh = place.en, place.zh
        visit.load, visit.load_source, visit.refs = LoadState.UNKNOWN, LoadSource.NONE, []

    def _note(self, observation: Observation, track: Track, visit: Visit, crossing: Crossing) -> None:
        """Note a position beyond it. A load counts only until people are notified: a dump there makes it no less."""
        visit.refs = bounded(visit.refs, ref(observation.reading, *_FIELDS))
        if visit.load is not _LOADED and (not crossing.decided or track.load.state is _LOADED):
            visit.load, visit.load_source = track.load.state, track.load.source

    def _cleared(self, observation: Observation, fix: Fix, visit: Visit, crossing: Crossing) -> Verdict:
        last = self._verdict(observation, visit, crossing)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {
            "findings": (*last.evidence.findings, self.back(fix.ts - crossing.back_since)),
            "readings": tuple(bounded(visit.refs, ref(observation.reading, *_FIELDS))),
        }
        return replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found))

    def _verdict(self, observation: Observation, visit: Visit, crossing: Crossing) -> Verdict:
        way = self.way(crossing)
        zone, place = Text(en=visit.zone_en, zh=visit.zone_zh), Text(en=visit.place_en, zh=visit.place_zh)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.ts,
            onset=crossing.onset,
            severity=_SEVERITIES.get(visit.load, Severity.P2),
            place=observation.city.plane.latlon(crossing.place),
            title=self.title(who(observation.device, observation.city, observation.calendar_ts), zone, place),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(way.finding, load_then(visit.load, visit.load_source)),
                ruled_out=self._ruled_out,
                readings=tuple(visit.refs),
                measures={"zone": visit.zone_id, **way.measures, "load": str(visit.load)},
            ),
        )
