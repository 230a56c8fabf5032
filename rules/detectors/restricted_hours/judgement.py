"""Judges whether a truck hauls at an hour at which no permit of it allows that.

Only trucks whose valid permits all name hours are judged. A truck that is not known to be loaded, and carries no
manifest, may drive at any time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.hours import Hours, hours_text
from devices.city.model import DeviceRole
from devices.geo.geometry import XY
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, empty_now, load_then, ref, where, who, whole_seconds
from rules.detectors.restricted_hours import wording
from rules.detectors.restricted_hours.parameters import RestrictedHoursParameters
from rules.tracking import Fix, LoadSource, LoadState, Track

_LOADED: Final = LoadState.LOADED
_EMPTY: Final = LoadState.EMPTY
_FIELDS: Final = ("lat", "lon", "speed_kmh", "load", "load_kg", "manifest")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Haul:
    """One haul outside the hours. Times are device time, ms."""

    onset: int
    place: XY
    place_en: str
    place_zh: str
    load: LoadSource
    """The source by which it counted as loaded at the beginning."""
    hours: str
    """The permitted ones, as people read them."""
    ts: int
    """Of the last position at which it hauled; 0 after a break."""
    readings: int = 0
    driven_ms: int = 0
    driven_m: float = 0.0
    given: bool = False
    """People were notified."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class HoursState:
    """State of one truck whose permits name hours. Times are device time, ms."""

    parked_since: int = 0
    """0 while it drives."""
    in_time_until: int = 0
    """The last position within the hours of a haul that goes on; 0 if it began outside them."""
    haul: Haul | None = None


class RestrictedHours(Rule[HoursState]):
    """CONFIRMED while a truck hauls outside the hours of its permits, CLEAR when it parks or they begin."""

    name: ClassVar = "restricted_hours"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = HoursState

    def __init__(self, parameters: RestrictedHoursParameters | None = None) -> None:
        self.parameters: RestrictedHoursParameters = parameters or RestrictedHoursParameters()

    def judge(self, observation: Observation, state: HoursState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        position, fix, track = observation.position, observation.fix, observation.track
        if position is None or fix is None or track is None or not fix.usable:
            return ()
        if not observation.city.has_hours and state.haul is None:
            return ()
        vehicle_id = observation.device.vehicle_id
        hours = frozenset[Hours]()
        if vehicle_id is not None:
            hours = observation.city.hours_of(vehicle_id, observation.calendar_ts)
        drives = fix.speed_kmh is not None and fix.speed_kmh > self.parameters.min_kmh
        state.parked_since = 0 if drives else state.parked_since or fix.ts
        why = self._may_be_there(observation, fix, track, state, hours)
        if why is not None:
            return self._end(observation, state, why)
        is_late = fix.ts - state.in_time_until > self.parameters.grace_s * 1000
        if drives and is_late and (track.load.state is _LOADED or position.manifest is not None):
            state.haul = self._haul_on(observation, fix, track, state.haul, hours)
        elif state.haul is not None:
            state.haul.ts = 0
        return () if state.haul is None or not state.haul.given else (self._verdict(observation, state.haul),)

    def _may_be_there(
        self, observation: Observation, fix: Fix, track: Track, state: HoursState, hours: frozenset[Hours]
    ) -> Text | None:
        """Why this is no haul outside the hours; None if it may be one."""
        if not hours:
            return wording.FREE
        parked_ms = fix.ts - state.parked_since if state.parked_since else 0
        is_parked = parked_ms >= self.parameters.parked_s * 1000
        minute = observation.city.minute_of_day(observation.calendar_ts)
        if any(window.covers(minute) for window in hours):
            state.in_time_until = 0 if is_parked else fix.ts
            return wording.OPENED
        if is_parked:
            state.in_time_until = 0
            return wording.parked(parked_ms)
        return empty_now(track.load.source) if track.load.state is _EMPTY else None

    def _haul_on(
        self, observation: Observation, fix: Fix, track: Track, haul: Haul | None, hours: frozenset[Hours]
    ) -> Haul:
        """Add a position at which it hauls outside its hours."""
        limits = self.parameters
        if haul is None or (fix.regained and not haul.given):
            place = where(fix.xy, observation.city, observation.calendar_ts)
            source = track.load.source if track.load.state is _LOADED else LoadSource.MANIFEST
            haul = Haul(fix.ts, fix.xy, place.en, place.zh, source, hours_text(hours), 0)
        elif haul.ts and not fix.regained:
            haul.driven_ms += fix.ts - haul.ts
            haul.driven_m += fix.run_m
        haul.ts = fix.ts
        haul.readings += 1
        haul.refs = bounded(haul.refs, ref(observation.reading, *_FIELDS))
        haul.given = haul.given or (haul.readings >= limits.readings and haul.driven_ms >= limits.driven_s * 1000)
        return haul

    def _end(self, observation: Observation, state: HoursState, why: Text) -> Sequence[Verdict]:
        """End the haul that people were notified of; what was only beginning is forgotten."""
        haul, state.haul = state.haul, None
        if haul is None or not haul.given:
            return ()
        last = self._verdict(observation, haul)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {
            "findings": (*last.evidence.findings, why),
            "readings": tuple(bounded(haul.refs, ref(observation.reading, *_FIELDS))),
        }
        return (replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found)),)

    def _verdict(self, observation: Observation, haul: Haul) -> Verdict:
        driven_m = round(haul.driven_m, 1)
        place = Text(en=haul.place_en, zh=haul.place_zh)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=haul.onset,
            severity=Severity.P3,
            place=observation.city.plane.latlon(haul.place),
            title=wording.title(who(observation.device, observation.city, observation.calendar_ts), haul.hours, place),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(wording.driven(haul.driven_ms, driven_m), load_then(_LOADED, haul.load)),
                ruled_out=(wording.no_grace(self.parameters), wording.NO_PERMIT),
                readings=tuple(haul.refs),
                measures={
                    "driven_s": whole_seconds(haul.driven_ms),
                    "driven_m": driven_m,
                    "hours": haul.hours,
                    "loaded_by": str(haul.load),
                },
            ),
        )
