"""Judges whether the positions of a truck can be true: leaps, a place that stands still while the wheels turn, alarms.

What the tracker does for other rules (passing a spike over, not using a fix in alarm) is not repeated here; this rule
alerts people that a receiver is broken, covered, jammed or deceived. A truck has one anomaly at a time, by whatever it
was seen first; several trucks at one place are an interference of the area (`interference`).
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from devices.city.model import City, DeviceRole
from devices.geo.geometry import XY
from devices.readings.models import Alarm, Position
from devices.readings.motion import STILL_KMH
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import FleetRule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, where, who, whole_seconds
from rules.detectors.gnss_anomaly import interference, wording
from rules.detectors.gnss_anomaly.interference import Interferences
from rules.detectors.gnss_anomaly.parameters import GnssAnomalyParameters
from rules.detectors.gnss_anomaly.state import Alarms, Anomaly, Freeze, GnssState, Leap
from rules.tracking import Fix, LoadState, Track
from rules.tracking.motion import MAX_SPEED_M_PER_S

TELEPORT: Final = "teleport"
FROZEN: Final = "frozen"
ALARM: Final = "alarm"
_BROKEN: Final = int(Alarm.GNSS_FAULT | Alarm.ANTENNA_OPEN | Alarm.ANTENNA_SHORT)
_OPEN: Final = int(Alarm.ANTENNA_OPEN)
_SHORT: Final = int(Alarm.ANTENNA_SHORT)
_LOADED: Final = LoadState.LOADED
_FIELDS: Final = ("lat", "lon", "located", "speed_kmh", "odometer_km", "alarm_bits")
_HOME_FIXES: Final = 3
"""So many fixes in a row elsewhere: what leaped was a spike."""

_DRIVES_M_PER_S: Final = 30.0
"""Fixes there agree at a speed that lorries do drive, 108 km/h; so do not the outliers of a receiver."""

Measures = dict[str, float | int | str | bool]


class GnssAnomaly(FleetRule[GnssState, Interferences]):
    """CONFIRMED once for each anomaly, CLEAR when fixes are good again; its memory finds interference of an area."""

    name: ClassVar = "gnss_anomaly"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    state = GnssState
    memory = Interferences

    def __init__(self, parameters: GnssAnomalyParameters | None = None) -> None:
        self.parameters: GnssAnomalyParameters = parameters or GnssAnomalyParameters()

    def judge(self, observation: Observation, state: GnssState) -> Sequence[Verdict]:
        """Take a position that came in order. Nearly always it is good, and is only remembered."""
        position, fix, track = observation.position, observation.fix, observation.track
        if position is None or fix is None or track is None:
            return ()
        is_same = position.lat == state.lat and position.lon == state.lon and position.located
        is_broken = position.alarm_bits & _BROKEN != 0
        is_calm = state.leap is None and state.alarms is None and state.anomaly is None
        if fix.usable and is_calm and not is_same and not is_broken:
            if fix.regained or not state.ts:
                state.fresh_at = fix.ts
            state.freeze = None
            _remember(position, state, moved=True)
            state.before_that, state.before = state.before, track.motion.at
            return ()
        verdicts: list[Verdict] = []
        self._look(position, fix, track, observation, state, verdicts)
        return verdicts

    def publishes_at_once(self, verdict: Verdict, memory: Interferences) -> bool:
        """True, unless it is known for minutes that positions are disturbed there."""
        return not interference.is_known(verdict, memory, self.parameters)

    def compare(self, verdict: Verdict, memory: Interferences, city: City) -> Iterable[Verdict]:
        """Let one alert stand for trucks whose positions went wrong at one place."""
        return interference.compare(verdict, memory, city, self.parameters)

    def _look(
        self,
        position: Position,
        fix: Fix,
        track: Track,
        observation: Observation,
        state: GnssState,
        verdicts: list[Verdict],
    ) -> None:
        """Look at a position that may not be true, or that follows such ones."""
        if state.leap is None and (fix.regained or (fix.usable and not state.ts)):
            state.fresh_at = fix.ts  # while it leaps, what is missing are the fixes that were not believed
        is_bad = self._look_at_alarm(position, fix, observation, state, verdicts)
        is_same = position.lat == state.lat and position.lon == state.lon
        if position.located:
            is_bad |= self._look_at_leap(fix, track, observation, state, verdicts)
            is_bad |= self._look_at_freeze(position, is_same, observation, state, verdicts)
            standing = position.speed_kmh is not None and position.speed_kmh < STILL_KMH
            _remember(position, state, moved=not is_same or standing)
            if fix.usable:
                state.before_that, state.before = state.before, track.motion.at
        anomaly = state.anomaly
        if anomaly is None:
            return
        if is_bad or not fix.usable:
            anomaly.good_since = anomaly.good_fixes = 0
            return
        if is_same and anomaly.frozen:
            return
        anomaly.good_since = anomaly.good_since or fix.ts
        anomaly.good_fixes += 1
        good_ms = fix.ts - anomaly.good_since
        if anomaly.good_fixes >= self.parameters.good_fixes and good_ms >= self.parameters.good_s * 1000:
            state.anomaly = None
            verdicts.append(self._cleared(observation, anomaly.onset, good_ms))

    def _look_at_alarm(
        self, position: Position, fix: Fix, observation: Observation, state: GnssState, verdicts: list[Verdict]
    ) -> bool:
        """Count alarms of antenna and receiver; True if the position has one."""
        bits = position.alarm_bits & _BROKEN
        if not bits:
            state.alarms = None
            return False
        alarms = state.alarms
        if alarms is None:
            alarms = state.alarms = Alarms(fix.ts)
        alarms.bits |= bits
        alarms.readings += 1
        alarms.refs = bounded(alarms.refs, ref(position, *_FIELDS))
        limits, lasted_ms = self.parameters, fix.ts - alarms.since
        if state.anomaly is None and alarms.readings >= limits.alarm_readings and lasted_ms >= limits.alarm_s * 1000:
            finding = wording.alarm(lasted_ms, alarms.readings, _alarm_of(alarms.bits))
            measures: Measures = {
                "reason": ALARM,
                "lasted_s": whole_seconds(lasted_ms),
                "readings": alarms.readings,
            }
            evidence = self._evidence([finding], (wording.NOT_A_SPIKE,), alarms.refs, measures)
            verdicts.append(self._found(alarms.since, fix.xy, observation, state, evidence))
        return True

    def _look_at_leap(
        self, fix: Fix, track: Track, observation: Observation, state: GnssState, verdicts: list[Verdict]
    ) -> bool:
        """Follow fixes at a place that the truck cannot have reached; True if this is one."""
        motion, limits, ts, leap = track.motion, self.parameters, fix.ts, state.leap
        if leap is not None and ts - leap.onset > limits.teleport_s * 1000:
            leap = state.leap = None
        if not fix.usable:
            there, start = motion.suspect, motion.at
            if there is None or start is None or motion.suspect_ts != ts:
                return False  # it is unusable for another reason
            took_ms = max(ts - min(state.moved_at or motion.ts, motion.ts), 1)
            starts = tuple(place for place in (start, state.before, state.before_that) if place is not None)
            distance_m = min(place.distance_m(there) for place in starts)
            is_leap = distance_m > limits.teleport_m and distance_m > MAX_SPEED_M_PER_S * took_ms / 1000
            if not is_leap or ts - state.fresh_at < limits.settle_s * 1000:
                return False
            if leap is not None and self._is_home(there, leap):
                return _note_home(state, leap)
            if leap is None or not _agrees(there, ts, leap):
                leap = state.leap = Leap(ts, starts, there, ts, distance_m, took_ms, fixes=0)
        else:
            here = motion.at
            if leap is None or here is None:
                return False
            if self._is_home(here, leap) or not _agrees(here, ts, leap):
                return _note_home(state, leap)
            there = here
        leap.end, leap.ts, leap.back = there, ts, 0
        leap.fixes += 1
        leap.refs = bounded(leap.refs, ref(observation.reading, *_FIELDS))
        if state.anomaly is None and leap.fixes >= limits.teleport_fixes:
            verdicts.append(self._teleport(leap, observation, state))
            state.leap = None
        return leap.fixes <= limits.teleport_fixes

    def _is_home(self, here: XY, leap: Leap) -> bool:
        """True if a fix is not so far from every place where the truck was before."""
        return min(start.distance_m(here) for start in leap.starts) <= self.parameters.teleport_m

    def _teleport(self, leap: Leap, observation: Observation, state: GnssState) -> Verdict:
        distance_m = round(leap.distance_m, 1)
        kmh = round(leap.distance_m / leap.took_ms * 3_600)
        finding = wording.leaped(distance_m, leap.took_ms, kmh, leap.fixes)
        ruled_out = (wording.NOT_A_SPIKE, wording.NOT_CARRIED)
        measures: Measures = {
            "reason": TELEPORT,
            "distance_m": distance_m,
            "took_s": whole_seconds(leap.took_ms),
            "speed_kmh": kmh,
            "fixes": leap.fixes,
        }
        evidence = self._evidence([finding], ruled_out, leap.refs, measures)
        return self._found(leap.onset, leap.starts[0], observation, state, evidence)

    def _look_at_freeze(
        self,
        position: Position,
        is_same: bool,
        observation: Observation,
        state: GnssState,
        verdicts: list[Verdict],
    ) -> bool:
        """Follow a place that stays the very same; True if the wheels turned since the last position."""
        if not is_same:
            state.freeze = None
            return False
        limits, ts = self.parameters, position.ts
        step_ms = ts - state.ts
        driven_km = _driven_km(position, state)
        speed_kmh = position.speed_kmh or 0.0
        turns = speed_kmh >= limits.wheels_kmh or driven_km * 3_600_000 >= limits.wheels_kmh * max(step_ms, 1)
        freeze = state.freeze
        if not turns:
            return False
        if freeze is None:
            freeze = state.freeze = Freeze(ts)
        elif 0 < step_ms <= limits.wheels_gap_s * 1000:
            freeze.turned_ms += step_ms
            freeze.readings += 1
        freeze.driven_km += driven_km
        freeze.peak_kmh = max(freeze.peak_kmh, speed_kmh)
        freeze.refs = bounded(freeze.refs, ref(position, *_FIELDS))
        enough = freeze.readings >= limits.frozen_readings and freeze.turned_ms >= limits.frozen_s * 1000
        fix = observation.fix
        if state.anomaly is None and enough and fix is not None:
            verdicts.append(self._frozen(freeze, fix.xy, observation, state))
        return True

    def _frozen(self, freeze: Freeze, place: XY, observation: Observation, state: GnssState) -> Verdict:
        driven_m, peak_kmh = round(freeze.driven_km * 1000, 1), round(freeze.peak_kmh, 1)
        findings = [wording.frozen(freeze.turned_ms, freeze.readings)]
        measures: Measures = {
            "reason": FROZEN,
            "turned_s": whole_seconds(freeze.turned_ms),
            "readings": freeze.readings,
        }
        if driven_m:
            findings.append(wording.odometer(driven_m))
            measures["odometer_m"] = driven_m
        if peak_kmh:
            findings.append(wording.speed(peak_kmh))
            measures["peak_kmh"] = peak_kmh
        evidence = self._evidence(findings, (wording.NOT_STANDING,), freeze.refs, measures)
        return self._found(freeze.since, place, observation, state, evidence)

    def _found(self, onset: int, place: XY, observation: Observation, state: GnssState, evidence: Evidence) -> Verdict:
        reason = str(evidence.measures["reason"])
        state.anomaly = Anomaly(onset, reason == FROZEN)
        device, city, track = observation.device, observation.city, observation.track
        loaded = track is not None and track.load.state is _LOADED
        return Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=observation.ts,
            onset=onset,
            severity=Severity.P2 if loaded else Severity.P3,
            place=city.plane.latlon(place),
            title=wording.title(who(device, city, observation.calendar_ts), reason, where(place, city, onset)),
            evidence=evidence,
        )

    def _evidence(
        self, findings: Sequence[Text], ruled_out: Sequence[Text], refs: Sequence[ReadingRef], measures: Measures
    ) -> Evidence:
        return Evidence(
            parameters=self.parameters.model_dump(),
            findings=(*findings, wording.NOT_JUDGED),
            ruled_out=tuple(ruled_out),
            readings=tuple(refs),
            measures=measures,
        )

    def _cleared(self, observation: Observation, onset: int, good_ms: int) -> Verdict:
        evidence = Evidence(
            parameters=self.parameters.model_dump(),
            findings=(wording.good_again(good_ms),),
            readings=(ref(observation.reading, *_FIELDS),),
            measures={"good_s": whole_seconds(good_ms)},
        )
        return Verdict(observation.device.id, Level.CLEAR, observation.ts, onset, evidence=evidence)


def _agrees(here: XY, ts: int, leap: Leap) -> bool:
    """True if a truck can have driven here from where the leap went."""
    return here.distance_m(leap.end) <= _DRIVES_M_PER_S * max(ts - leap.ts, 1) / 1000


def _note_home(state: GnssState, leap: Leap) -> bool:
    """Count a fix that is not where the leap went; False, as nothing is wrong with it."""
    leap.back += 1
    if leap.back >= _HOME_FIXES:
        state.leap = None
    return False


def _remember(position: Position, state: GnssState, *, moved: bool) -> None:
    state.ts, state.lat, state.lon = position.ts, position.lat, position.lon
    if moved:
        state.moved_at = position.ts
    if position.odometer_km is not None:
        state.odometer_km = position.odometer_km


def _driven_km(position: Position, state: GnssState) -> float:
    """By odometer, since the last position; 0 where it is not known, or was set back."""
    if position.odometer_km is None or state.odometer_km < 0:
        return 0.0
    return max(position.odometer_km - state.odometer_km, 0.0)


def _alarm_of(bits: int) -> Text:
    if bits & _OPEN:
        return wording.ANTENNA_OPEN
    return wording.ANTENNA_SHORT if bits & _SHORT else wording.RECEIVER
