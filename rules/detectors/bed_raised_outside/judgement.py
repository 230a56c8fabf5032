"""Judges whether a truck raises its bed where it may not.

It may where its permit lets it tip, where trucks load, and in depots and wash bays. A truck without a lift switch, or
with one that chatters, is not judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.city.sites import SiteKind
from devices.geo.geometry import XY
from devices.readings.models import Position
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, load_then, ref, where, who, whole_seconds
from rules.detectors.bed_raised_outside import wording
from rules.detectors.bed_raised_outside.parameters import BedRaisedOutsideParameters
from rules.tracking import Fix, LoadSource, LoadState, Track

_MAY_RAISE: Final = frozenset({SiteKind.CONSTRUCTION_SITE, SiteKind.RECYCLING_POINT, SiteKind.DEPOT, SiteKind.WASH_BAY})
"""Beds are raised there for cleaning, repair and washing, without a permit."""
_FALL_WITHIN_MS: Final = 15_000
"""A report of the fallen switch comes no later after the one before it, or it does not say when the bed fell."""
_EMPTY: Final = LoadState.EMPTY
_DUMPING: Final = "illegal_dumping"
"""A tip raises the bed. Driving with it up is another danger, and an empty truck tips nothing."""
_FIELDS: Final = ("lat", "lon", "speed_kmh", "lift_up", "load", "load_kg")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Raise:
    """One time with the bed up. Times are device time, ms."""

    onset: int
    place: XY
    place_en: str
    place_zh: str
    load: LoadState
    """When the bed went up: a tip changes it."""
    load_source: LoadSource
    readings: int = 0
    up_ms: int = 0
    drives_since: int = 0
    """Since when it drives faster than `driving_kmh`; 0 while it does not."""
    driving_fixes: int = 0
    """Positions since then."""
    driving_ts: int = 0
    """Of the last one."""
    drove_ms: int = 0
    drove_m: float = 0.0
    peak_kmh: float = 0.0
    drove: bool = False
    """It drove so for `driving_s`."""
    given: bool = False
    """People were notified."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class BedState:
    """State of one truck."""

    raised: Raise | None = None


class BedRaisedOutside(Rule[BedState]):
    """CONFIRMED while the bed is up outside every permitted site, CLEAR once it is down."""

    name: ClassVar = "bed_raised_outside"
    version: ClassVar = 3
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = BedState

    def __init__(self, parameters: BedRaisedOutsideParameters | None = None) -> None:
        self.parameters: BedRaisedOutsideParameters = parameters or BedRaisedOutsideParameters()

    def judge(self, observation: Observation, state: BedState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        position, fix, track, raised = observation.position, observation.fix, observation.track, state.raised
        if position is None or fix is None or track is None:
            return ()
        up = position.lift_up is True and not track.lift.faulty(fix.ts)
        if raised is not None and track.lift.is_impossible:
            state.raised = None
            return (self._retracted(observation, raised),) if raised.given else ()
        if raised is None:
            if up and fix.usable and self._outside(observation, fix):
                raised = state.raised = self._begin(observation, fix, track)
                self._follow(observation, fix, track, raised)
            return ()
        if not raised.given:
            self._see_fall(position, observation, fix, track, raised)
        if not raised.given and (fix.blind or fix.regained or self._is_over(position, observation, fix, up=up)):
            state.raised = None
            return ()
        down_ms = 0 if track.lift.raw else fix.ts - max(track.lift.since, track.lift.raw_since)
        if track.lift.on is False and not track.lift.faulty(fix.ts) and down_ms >= self.parameters.down_s * 1000:
            state.raised = None
            return (self._cleared(observation, raised, down_ms),) if raised.given else ()
        if up and fix.usable:
            self._follow(observation, fix, track, raised)
        return (self._verdict(observation, raised),) if raised.given else ()

    def _outside(self, observation: Observation, fix: Fix) -> bool:
        return not observation.is_near_site(self.parameters.fence_m + fix.outside_m(), _MAY_RAISE)

    def _is_over(self, position: Position, observation: Observation, fix: Fix, *, up: bool) -> bool:
        """True if what was only beginning has ended: the bed is down, or the truck where it may raise it."""
        return (position.lift_up is not None and not up) or (fix.usable and not self._outside(observation, fix))

    def _begin(self, observation: Observation, fix: Fix, track: Track) -> Raise:
        place = where(fix.xy, observation.city, observation.calendar_ts)
        return Raise(fix.ts, fix.xy, place.en, place.zh, track.load.state, track.load.source)

    def _follow(self, observation: Observation, fix: Fix, track: Track, raised: Raise) -> None:
        """Add a position with the bed up."""
        limits = self.parameters
        raised.readings += 1
        raised.up_ms = fix.ts - raised.onset
        raised.refs = bounded(raised.refs, ref(observation.reading, *_FIELDS))
        raised.given |= track.lift.is_on(fix.ts) and self._was_up_long(raised)
        drives = fix.speed_kmh is not None and fix.speed_kmh > limits.driving_kmh
        if not drives or fix.regained or not self._outside(observation, fix):
            raised.drives_since = raised.driving_fixes = 0
            return
        if raised.drives_since:
            raised.drove_ms += fix.ts - raised.driving_ts
            raised.drove_m += fix.run_m
        raised.drives_since, raised.driving_ts = raised.drives_since or fix.ts, fix.ts
        raised.driving_fixes += 1
        raised.peak_kmh = max(raised.peak_kmh, fix.speed_kmh or 0.0)
        long_enough = fix.ts - raised.drives_since >= limits.driving_s * 1000
        raised.drove = raised.drove or (long_enough and raised.driving_fixes >= limits.readings)

    def _see_fall(self, position: Position, observation: Observation, fix: Fix, track: Track, raised: Raise) -> None:
        """Take the position at which the switch falls: the bed was up until then."""
        falls = position.lift_up is False and track.lift.raw_since == fix.ts and fix.gap_ms <= _FALL_WITHIN_MS
        if falls and fix.usable and self._outside(observation, fix):
            raised.up_ms = fix.ts - raised.onset
            raised.given = self._was_up_long(raised) and not track.lift.faulty(fix.ts)
            if raised.given:
                raised.refs = bounded(raised.refs, ref(observation.reading, *_FIELDS))

    def _was_up_long(self, raised: Raise) -> bool:
        """True once it was up for long enough, in several positions."""
        limits = self.parameters
        return raised.readings >= limits.readings and raised.up_ms >= limits.hold_s * 1000

    def _cleared(self, observation: Observation, raised: Raise, down_ms: int) -> Verdict:
        last = self._verdict(observation, raised)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {
            "findings": (*last.evidence.findings, wording.down(down_ms)),
            "readings": tuple(bounded(raised.refs, ref(observation.reading, *_FIELDS))),
        }
        return replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found))

    def _retracted(self, observation: Observation, raised: Raise) -> Verdict:
        """No truck drives like this with its bed up: `sensor_fault` names the switch."""
        evidence = Evidence(parameters=self.parameters.model_dump(), findings=(wording.IMPOSSIBLE,))
        return Verdict(observation.device.id, Level.RETRACTED, observation.reading.ts, raised.onset, evidence=evidence)

    def _verdict(self, observation: Observation, raised: Raise) -> Verdict:
        findings = [wording.up(raised.up_ms), load_then(raised.load, raised.load_source)]
        measures: dict[str, float | int | str | bool] = {
            "up_s": whole_seconds(raised.up_ms),
            "load_before": str(raised.load),
            "drove": raised.drove,
        }
        if raised.drove:
            drove_m, peak_kmh = round(raised.drove_m, 1), round(raised.peak_kmh, 1)
            findings.append(wording.drove(raised.drove_ms, drove_m, peak_kmh))
            measures |= {"drove_s": whole_seconds(raised.drove_ms), "drove_m": drove_m, "peak_kmh": peak_kmh}
        empty = raised.load is _EMPTY
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=raised.onset,
            severity=Severity.P1 if raised.drove else Severity.P3 if empty else Severity.P2,
            place=observation.city.plane.latlon(raised.place),
            title=wording.title(
                who(observation.device, observation.city, observation.calendar_ts),
                Text(en=raised.place_en, zh=raised.place_zh),
                drove=raised.drove,
            ),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=tuple(findings),
                ruled_out=(wording.outside(self.parameters), wording.STEADY),
                readings=tuple(raised.refs),
                measures=measures,
            ),
            folds_into="" if raised.drove or empty else _DUMPING,
        )
