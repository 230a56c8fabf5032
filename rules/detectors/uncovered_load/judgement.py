"""Judges whether a loaded truck drives with its cover open.

A truck without a cover switch, or with one that chatters, is not judged; neither is one of which nobody knows that it
is loaded. Around sites covers are opened and closed, so nothing is judged there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.geo.geometry import XY
from devices.readings.models import Position
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, empty_now, load_then, ref, where, who, whole_seconds
from rules.detectors.uncovered_load import wording
from rules.detectors.uncovered_load.parameters import UncoveredLoadParameters
from rules.tracking import Fix, LoadSource, LoadState, Track

_LOADED: Final = LoadState.LOADED
_EMPTY: Final = LoadState.EMPTY
_FIELDS: Final = ("lat", "lon", "speed_kmh", "cover_open", "load", "load_kg")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class OpenDrive:
    """One drive with an open cover. Times are device time, ms."""

    onset: int
    place: XY
    place_en: str
    place_zh: str
    load: LoadSource
    """The source by which it counted as loaded at the beginning."""
    ts: int
    """Of the last position at which it drove so; 0 after a break."""
    held_since: int
    """Since when it has driven so without a break; 0 after one."""
    readings: int = 0
    fast_readings: int = 0
    driven_ms: int = 0
    driven_m: float = 0.0
    peak_kmh: float = 0.0
    given: bool = False
    """People were notified."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class CoverState:
    """State of one truck."""

    drive: OpenDrive | None = None


class UncoveredLoad(Rule[CoverState]):
    """CONFIRMED from a drive of `hold_s` on, CLEAR when the cover is closed or the truck empty."""

    name: ClassVar = "uncovered_load"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = CoverState

    def __init__(self, parameters: UncoveredLoadParameters | None = None) -> None:
        self.parameters: UncoveredLoadParameters = parameters or UncoveredLoadParameters()

    def judge(self, observation: Observation, state: CoverState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        position, fix, track = observation.position, observation.fix, observation.track
        if fix is None or track is None or (state.drive is None and track.cover.on is not True):
            return ()
        if position is None:
            return ()
        drive = state.drive
        if drive is not None and drive.given:
            why = self._ended(fix.ts, track)
            if why is not None:
                state.drive = None
                return (self._cleared(observation, drive, why),)
        if not fix.usable:
            if fix.blind and drive is not None:
                self._pause(state, drive)
            return ()
        if not self._is_uncovered(position, fix, track):
            if drive is not None:
                self._pause(state, drive)
        else:
            drive = state.drive = self._drive_on(observation, fix, track, drive)
        if drive is None or not drive.given:
            return ()
        return (self._verdict(observation, drive),)

    def _is_uncovered(self, position: Position, fix: Fix, track: Track) -> bool:
        """True if it drives loaded, with its cover open, away from every site."""
        if fix.speed_kmh is None or fix.speed_kmh <= self.parameters.min_kmh or track.load.state is not _LOADED:
            return False
        if position.cover_open is False or not track.cover.is_on(fix.ts):
            return False
        return not fix.sites or fix.sites[0].distance_m >= self.parameters.site_m + fix.outside_m()

    def _drive_on(self, observation: Observation, fix: Fix, track: Track, drive: OpenDrive | None) -> OpenDrive:
        """Add a position at which the load is uncovered."""
        limits, speed_kmh = self.parameters, fix.speed_kmh or 0.0
        if drive is None or (fix.regained and not drive.given):
            place = where(fix.xy, observation.city, observation.calendar_ts)
            drive = OpenDrive(fix.ts, fix.xy, place.en, place.zh, track.load.source, 0, fix.ts)
        elif drive.ts and not fix.regained:
            drive.driven_ms += fix.ts - drive.ts
            drive.driven_m += fix.run_m
        drive.held_since = drive.held_since or fix.ts
        drive.ts = fix.ts
        drive.readings += 1
        if speed_kmh > limits.fast_kmh:
            drive.fast_readings += 1
        drive.peak_kmh = max(drive.peak_kmh, speed_kmh)
        drive.refs = bounded(drive.refs, ref(observation.reading, *_FIELDS))
        if drive.readings >= limits.readings and fix.ts - drive.held_since >= limits.hold_s * 1000:
            drive.given = True
        return drive

    def _pause(self, state: CoverState, drive: OpenDrive) -> None:
        """Note that it does not drive uncovered now; what was only beginning is forgotten."""
        drive.ts = drive.held_since = 0
        if not drive.given:
            state.drive = None

    def _ended(self, ts: int, track: Track) -> Text | None:
        """Why the incident is over; None while it is not."""
        cover, load = track.cover, track.load
        closed_ms = ts - cover.since
        if cover.on is False and not cover.faulty(ts) and closed_ms >= self.parameters.closed_s * 1000:
            return wording.closed(closed_ms)
        return empty_now(load.source) if load.state is _EMPTY else None

    def _cleared(self, observation: Observation, drive: OpenDrive, why: Text) -> Verdict:
        last = self._verdict(observation, drive)
        assert last.evidence is not None  # noqa: S101 - made there
        refs = bounded(drive.refs, ref(observation.reading, *_FIELDS))
        found = {"findings": (*last.evidence.findings, why), "readings": tuple(refs)}
        return replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found))

    def _verdict(self, observation: Observation, drive: OpenDrive) -> Verdict:
        limits = self.parameters
        driven_m, peak_kmh = round(drive.driven_m, 1), round(drive.peak_kmh, 1)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=drive.onset,
            severity=Severity.P2 if drive.fast_readings >= limits.fast_readings else Severity.P3,
            place=observation.city.plane.latlon(drive.place),
            title=wording.title(
                who(observation.device, observation.city, observation.calendar_ts),
                Text(en=drive.place_en, zh=drive.place_zh),
            ),
            evidence=Evidence(
                parameters=limits.model_dump(),
                findings=(wording.driven(drive.driven_ms, driven_m, peak_kmh), load_then(_LOADED, drive.load)),
                ruled_out=wording.ruled_out(limits),
                readings=tuple(drive.refs),
                measures={
                    "driven_s": whole_seconds(drive.driven_ms),
                    "driven_m": driven_m,
                    "peak_kmh": peak_kmh,
                    "loaded_by": str(drive.load),
                },
            ),
        )
