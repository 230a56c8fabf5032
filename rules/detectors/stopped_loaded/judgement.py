"""Judges whether a loaded truck stands where it has no business to.

All sites are places to stand; rest areas are registered as sites (a depot, for one). A truck of which nobody knows that
it is loaded is not judged, but counts where trucks stand in a jam.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.city.sites import Site
from devices.geo.geometry import XY
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import ExcusingRule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, load_then, ref, where, who, whole_seconds
from rules.detectors.stopped_loaded import jams, wording
from rules.detectors.stopped_loaded.jams import Jams, Stand
from rules.detectors.stopped_loaded.parameters import StoppedLoadedParameters
from rules.tracking import Fix, LoadSource, LoadState, Track

_LOADED: Final = LoadState.LOADED
_DUMPING: Final = "illegal_dumping"
"""A truck stands where it tips, and many a terminal says that it is loaded until it drives."""
_FIELDS: Final = ("lat", "lon", "speed_kmh", "load", "load_kg")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Stop:
    """One stop outside every site. Times are device time, ms."""

    onset: int
    place: XY
    stood_ms: int = 0
    readings: int = 0
    """Positions at which it stood loaded."""
    noted: bool = False
    """It counts for jams."""
    given: bool = False
    """It stood long enough; nothing of the stop is looked up again."""
    off_corridor: bool = False
    place_en: str = ""
    place_zh: str = ""
    load: LoadSource = LoadSource.NONE
    """The source by which it counts as loaded."""
    away_fixes: int = 0
    driving_since: int = 0
    """Since when it drives faster than `leave_kmh`; 0 while it does not."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class StopState:
    """State of one truck."""

    stop: Stop | None = None


class StoppedLoaded(ExcusingRule[StopState, Jams]):
    """CANDIDATE once a truck stands outside every site, CONFIRMED once it does so loaded for too long, CLEAR when it
    has left; its memory excuses those that stand in a jam.
    """

    name: ClassVar = "stopped_loaded"
    version: ClassVar = 2
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = StopState
    memory = Jams

    def __init__(self, parameters: StoppedLoadedParameters | None = None) -> None:
        self.parameters: StoppedLoadedParameters = parameters or StoppedLoadedParameters()

    def judge(self, observation: Observation, state: StopState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        fix, track = observation.fix, observation.track
        if fix is None or track is None or not fix.usable:
            return ()
        standing_ms = track.standing_ms(fix.ts)
        stop = state.stop
        if stop is None:
            if not track.motion.standing_since or not self._outside(fix):
                return ()
            stop = state.stop = Stop(track.motion.standing_since, fix.xy)
        elif stop.given:
            away_m = self._left(fix, stop)
            if away_m is not None:
                state.stop = None
                return (self._cleared(observation, stop, away_m),)
            if standing_ms and fix.xy.distance_m(stop.place) <= self.parameters.away_m:
                stop.stood_ms = fix.ts - stop.onset
            return (self._verdict(observation, stop),)
        elif track.motion.standing_since != stop.onset:
            state.stop = None
            return (Verdict(observation.device.id, Level.CLEAR, fix.ts, stop.onset),) if stop.noted else ()
        return self._stand_on(observation, fix, track, stop)

    def publishes_at_once(self, verdict: Verdict, memory: Jams) -> bool:
        """Publish at once that a truck stands alone, and take it back where it turns out to be in a jam."""
        return jams.is_alone(verdict, memory, self.parameters)

    def note(self, verdict: Verdict, memory: Jams) -> Sequence[Stand]:
        return jams.note(verdict, memory)

    def forget_since(self, subject: str, since: int, memory: Jams) -> Sequence[Stand]:
        return jams.forget_since(subject, since, memory)

    def end_run(self, subject: str, memory: Jams) -> None:
        jams.end_run(subject, memory)

    def is_excused(self, verdict: Verdict, memory: Jams) -> bool:
        return jams.is_excused(verdict, memory)

    def settle(self, changed: Collection[Stand], at: int, memory: Jams) -> Iterable[Verdict]:
        """Excuse the trucks that stand too long only while several stand near each other, and a while afterwards."""
        return jams.settle(changed, at, memory, self.parameters)

    def excuses_of(self, subject: str, at: int, memory: Jams) -> Iterable[Verdict]:
        return jams.excuses_of(subject, at, memory, self.parameters)

    def _outside(self, fix: Fix) -> bool:
        return not fix.sites or fix.sites[0].distance_m > self.parameters.fence_m + fix.outside_m()

    def _stand_on(self, observation: Observation, fix: Fix, track: Track, stop: Stop) -> Sequence[Verdict]:
        """Add a position at which the truck stands."""
        limits = self.parameters
        stop.stood_ms = fix.ts - stop.onset
        if track.load.state is not _LOADED:
            stop.readings = 0
        else:
            stop.readings += 1
            stop.load = track.load.source
            stop.refs = bounded(stop.refs, ref(observation.reading, *_FIELDS))
        if stop.readings >= limits.readings and self._too_long(observation, fix, stop):
            place = where(stop.place, observation.city, observation.calendar_ts)
            stop.place_en, stop.place_zh = place.en, place.zh
            stop.given = stop.noted = True
            return (self._verdict(observation, stop),)
        if stop.noted or stop.stood_ms < limits.jam_from_s * 1000:
            return ()
        stop.noted = True
        place_at = observation.city.plane.latlon(stop.place)
        return (Verdict(observation.device.id, Level.CANDIDATE, fix.ts, stop.onset, place=place_at),)

    def _too_long(self, observation: Observation, fix: Fix, stop: Stop) -> bool:
        """True if it stands longer than a truck may here, and in no queue."""
        limits = self.parameters
        if stop.stood_ms < min(limits.off_corridor_s, limits.hold_s) * 1000:
            return False
        stop.off_corridor = observation.is_off_routes(limits.off_corridor_m)
        if stop.stood_ms < (limits.off_corridor_s if stop.off_corridor else limits.hold_s) * 1000:
            return False
        gate_m = limits.gate_m if stop.off_corridor else limits.queue_m
        near = observation.city.geometry.sites_near(fix.xy, gate_m, observation.calendar_ts)
        return not any(self._may_enter(observation, site) for site, _ in near)

    def _may_enter(self, observation: Observation, site: Site) -> bool:
        """True if the truck may load or tip there."""
        ends = {(route.origin_site_id, route.destination_site_id) for route in observation.approved_routes()}
        vehicle_id = observation.device.vehicle_id
        may_tip = vehicle_id is not None and observation.city.may_tip(vehicle_id, site, observation.calendar_ts)
        return may_tip or any(site.id in pair for pair in ends)

    def _left(self, fix: Fix, stop: Stop) -> float | None:
        """How far the truck is away once it has left, metres; None while it has not."""
        limits, away_m = self.parameters, fix.xy.distance_m(stop.place)
        stop.away_fixes = stop.away_fixes + 1 if away_m - fix.outside_m() > limits.away_m else 0
        drives = fix.speed_kmh is not None and fix.speed_kmh > limits.leave_kmh
        stop.driving_since = (stop.driving_since or fix.ts) if drives else 0
        driven = drives and fix.ts - stop.driving_since >= limits.leave_s * 1000
        return round(away_m, 1) if driven or stop.away_fixes > 1 else None

    def _cleared(self, observation: Observation, stop: Stop, away_m: float) -> Verdict:
        last = self._verdict(observation, stop)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {
            "findings": (*last.evidence.findings, wording.left(away_m)),
            "readings": tuple(bounded(stop.refs, ref(observation.reading, *_FIELDS))),
            "measures": last.evidence.measures | {"away_m": away_m},
        }
        return replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found))

    def _verdict(self, observation: Observation, stop: Stop) -> Verdict:
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=stop.onset,
            severity=Severity.P2 if stop.off_corridor else Severity.P3,
            place=observation.city.plane.latlon(stop.place),
            title=wording.title(
                who(observation.device, observation.city, observation.calendar_ts),
                Text(en=stop.place_en, zh=stop.place_zh),
                off_corridor=stop.off_corridor,
            ),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(wording.stood(stop.stood_ms), load_then(_LOADED, stop.load)),
                ruled_out=wording.ruled_out(self.parameters, off_corridor=stop.off_corridor),
                readings=tuple(stop.refs),
                measures={
                    "stood_s": whole_seconds(stop.stood_ms),
                    "off_corridor": stop.off_corridor,
                    "loaded_by": str(stop.load),
                },
            ),
            folds_into=_DUMPING,
        )
