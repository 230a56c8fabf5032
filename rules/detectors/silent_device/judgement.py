"""Judges whether a device is silent.

Only silence counts: a loaded truck is missed soon and ever more urgently, other devices by their own reporting
interval. A device lives by what it had not sent before: a reading sent again, a status that the broker replays and a
message that is refused prove nothing. What a device buffered and uploads later fills the hole; an alert whose hole is
full is retracted. When many devices fall silent at once, the cause is the network or the platform, and one alert stands
for all. A registered device that was never heard is missed too, unless the fleet is still being set up.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

from devices.city.model import City, Device, DeviceRole
from devices.geo.gcj02 import place_in_wgs84
from devices.geo.geometry import Datum, LatLon
from devices.readings.models import Kind, Reading, Status
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation, Silence
from rules.contract.rule import FleetRule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import who, whole_seconds
from rules.detectors.silent_device import wording
from rules.detectors.silent_device.outage import OutageWatch
from rules.detectors.silent_device.parameters import SilentDeviceParameters
from rules.detectors.silent_device.state import (
    FleetSilence,
    PastSilence,
    SilenceState,
    goes_offline,
    is_news,
    note_gap,
    split,
)
from rules.tracking import LoadState

_KEPT_SILENCES: Final = 16
_ASK_AGAIN_MS: Final = 3_600_000
"""A device that was never heard and is not reported, since the fleet is being set up, is looked at again after an hour,
then after ever longer times, then daily."""
_DAILY_FROM_STEP: Final = 5
_DAY_MS: Final = 86_400_000
UNHEARD: Final = "never heard: silent"
"""`Verdict.shared` of a device that was never heard."""
REFUSED: Final = "never heard: refused"
"""`Verdict.shared` of a device that was never heard although it sends."""
_BACKFILL_MS: Final = 24 * 3_600_000
"""An upload later than this after the onset retracts nothing."""
_LOADED: Final = LoadState.LOADED
_WGS84: Final = Datum.WGS84


class SilentDevice(FleetRule[SilenceState, FleetSilence]):
    """CANDIDATE when a device is overdue, CONFIRMED at each alert; its memory joins many silences into one outage."""

    name: ClassVar = "silent_device"
    version: ClassVar = 1
    roles: ClassVar = frozenset(DeviceRole)
    ordered: ClassVar = False  # it counts when a device is heard
    state = SilenceState
    memory = FleetSilence

    def __init__(self, parameters: SilentDeviceParameters | None = None) -> None:
        self.parameters: SilentDeviceParameters = parameters or SilentDeviceParameters()
        self._outages = OutageWatch(self.parameters)
        limits = self.parameters  # of which every reading needs these: a compiled field is read in a tenth of the time
        self._overdue: tuple[int, int, int] = limits.overdue_intervals, limits.overdue_at_least_s, limits.loaded_warn_s
        self._never_overdue_ms: int = min(limits.overdue_at_least_s, limits.loaded_warn_s) * 1000

    def judge(self, observation: Observation, state: SilenceState) -> Sequence[Verdict]:
        """Note that the device was heard, by a reading in order; a ticket about a truck shows its load."""
        is_behind = observation.ts < state.newest  # a status came before what was measured before it
        if not observation.own:
            return self.judged_again(observation, state) if is_behind else self._note_load(observation, state)
        if goes_offline(observation.reading, "will"):  # it comes from the broker
            return ()
        verdicts = self._heard(observation, state) if self._proves_life(observation, state) else []
        return [*verdicts, *self.judged_again(observation, state)] if is_behind else verdicts

    def judge_late(self, observation: Observation, state: SilenceState) -> Sequence[Verdict]:
        """Note that the device was heard, by a late reading that it had not sent before.

        A device that starts again may send its history again: before there is an alert, that counts once.
        """
        reading = observation.reading
        if not observation.own or not state.heard_at:
            return ()
        if isinstance(reading, Status):
            return self._note_late_shutdown(observation, state)
        return self._heard(observation, state) if self._proves_life(observation, state) else ()

    def judged_again(self, observation: Observation, state: SilenceState) -> Sequence[Verdict]:
        """Take the load that a truck has as is known now; what it uploaded may have been its last word."""
        if not state.heard_at:
            return ()
        onset, had_alert = state.newest, state.stage > 1
        verdicts = self._note_load(observation, state)
        if had_alert and state.resting:
            verdicts = [self._retraction(observation, state.said_at, onset, wording.WAS_NOT_LOADED), *verdicts]
        return [*verdicts, *self._retractions(observation, state)] if state.silences else verdicts

    def judge_retained(self, observation: Observation, state: SilenceState) -> Sequence[Verdict]:
        """Believe the broker's copy that a device shut down by itself, and nothing else."""
        reading = observation.reading
        if not self._shuts_down(reading, state) or reading.ts < state.newest or state.stage > 1 or state.loaded:
            return ()
        state.resting, state.said_at = True, max(reading.ts, state.said_at)
        return (Verdict(observation.device.id, Level.UNKNOWN, state.said_at, state.said_at),)

    def note_alive(self, state: SilenceState, now: int) -> None:
        """Count silence from `now`, unless there is an alert, which a reading that is judged ends."""
        if state.heard_at and state.stage <= 1:
            state.heard_at = max(state.heard_at, now)

    def refuse(self, state: SilenceState) -> None:
        """Count a message of which nothing was accepted."""
        state.refused += 1

    def missed_at(self, device: Device, since: int) -> int | None:
        """A device that never sent anything is missed a day after it is awaited: somebody has to mount it first."""
        return (
            since + max(self.parameters.never_heard_s, self.parameters.silent_after_s(device.report_interval_s)) * 1000
        )

    def await_first(self, device: Device, state: SilenceState, since: int, *, was_heard: bool) -> None:
        """Count the silence of a device from here."""
        state.awaited_since, state.interval_s, state.was_heard = since, device.report_interval_s, was_heard

    def time_was_set(self, state: SilenceState, now: int, by_ms: int) -> None:
        """Count silence as if fleet time had been right before."""
        if by_ms > 0:
            state.heard_at += by_ms if state.heard_at else 0
            state.awaited_since += by_ms if state.awaited_since else 0
            return
        state.heard_at, state.awaited_since = min(state.heard_at, now), min(state.awaited_since, now)
        for silence in state.silences:
            silence.back_at = min(silence.back_at, now)

    def due(self, state: SilenceState) -> int | None:
        """Device time, ms, of the next step if nothing is heard until then; None where no step is left."""
        if state.resting:
            return None
        if not state.heard_at:
            return self._unheard_due(state)
        if not state.stage:
            return state.heard_at + self._overdue_s(state) * 1000
        step = self._step(state)
        return None if step is None else state.heard_at + step[0] * 1000

    def expire(self, silence: Silence, state: SilenceState) -> Sequence[Verdict]:
        """Take the step that is due; a device retired by then is no longer awaited."""
        device = silence.device
        due = self.due(state)
        if due is None:
            return ()
        if device.validity.covers(due):
            return (self._next_step(device, silence.city, state, due),)
        at = state.newest + due - state.heard_at if state.heard_at else due
        state.resting, state.said_at = True, max(at, state.said_at)
        return (Verdict(device.id, Level.UNKNOWN, state.said_at, state.newest),)

    def compare(self, verdict: Verdict, memory: FleetSilence, city: City) -> Iterable[Verdict]:
        """Join many silences at once into one outage; miss devices that were never heard once most others were."""
        if verdict.shared in {UNHEARD, REFUSED}:
            return (verdict,) if self._is_missed(verdict, memory, city) else ()
        if verdict.level is Level.CLEAR:
            memory.heard.add(verdict.subject)
            memory.missed.discard(verdict.subject)
        return self._outages.compare(verdict, memory, city)

    def _is_missed(self, verdict: Verdict, memory: FleetSilence, city: City) -> bool:
        """Report a device that was never heard once: when it sends what is refused, or few others were never heard."""
        memory.heard |= memory.awaited  # of rows that a former version wrote
        unheard = len(city.devices) - len(memory.heard)
        few = unheard < self.parameters.outage_devices and unheard < len(memory.heard)
        share_pct = 100.0 * unheard / max(len(city.devices), 1)
        if verdict.subject in memory.missed or not (
            verdict.shared == REFUSED or few or share_pct <= self.parameters.outage_share_pct
        ):
            return False
        memory.missed.add(verdict.subject)
        return True

    def _unheard_due(self, state: SilenceState) -> int | None:
        if not state.awaited_since:
            return None
        step = min(state.stage, _DAILY_FROM_STEP)
        later_ms = _ASK_AGAIN_MS * ((1 << step) - 1) + _DAY_MS * (state.stage - step)
        limit_s = self.parameters.silent_after_s(state.interval_s)
        if not state.refused:
            limit_s = max(limit_s, self.parameters.never_heard_s)
        return state.awaited_since + limit_s * 1000 + later_ms

    def _overdue_s(self, state: SilenceState) -> int:
        overdue_s = max(self._overdue[0] * state.interval_s, self._overdue[1])
        return min(self._overdue[2], overdue_s) if state.loaded else overdue_s

    def _step(self, state: SilenceState) -> tuple[int, Severity | None] | None:
        """Seconds of silence until the next step, and its severity: None for overdue, which is no alert."""
        limits = self.parameters
        match state.stage:
            case 0:
                return self._overdue_s(state), None
            case stage if not state.loaded:
                again_s = (stage - 1) * limits.outage_again_s
                longest_s = limits.outage_until_s + limits.outage_within_s + limits.outage_again_s
                return (limits.silent_after_s(state.interval_s) + again_s, Severity.P4) if again_s < longest_s else None
            case 1:
                return limits.loaded_warn_s, Severity.P3
            case 2:
                return limits.loaded_alert_s, Severity.P2
            case stage:
                again_s = limits.loaded_urgent_s + (stage - 3) * limits.loaded_again_s
                return (again_s, Severity.P1) if stage == 3 or again_s <= limits.loaded_until_s else None

    def _heard(self, observation: Observation, state: SilenceState) -> list[Verdict]:
        """Take the steps that fell due before, end the silence, and retract those whose holes are full."""
        verdicts: list[Verdict] = []
        device_id = observation.device.id
        heard_at = max(state.heard_at, observation.heard_at)
        while (due := self.due(state)) is not None and due < heard_at:
            verdicts.append(self._next_step(observation.device, observation.city, state, due))
        at = max(observation.ts, state.said_at)
        if not state.heard_at or state.resting or state.stage:
            verdicts.append(Verdict(device_id, Level.CLEAR, at, state.newest or at))
        if state.stage > 1 and state.heard_at:
            state.silences = (
                *state.silences[1 - _KEPT_SILENCES :],
                PastSilence(state.newest, at, heard_at, loaded=state.loaded),
            )
        if state.stage:
            state.stage, state.said_at = 0, at
        if state.silences:
            self._fill(observation.reading, state)
        self._remember(observation, state, heard_at)
        if state.silences:
            verdicts += self._retractions(observation, state)
        if state.resting:
            verdicts.append(Verdict(device_id, Level.UNKNOWN, at, at))
        return verdicts

    def _note_load(self, observation: Observation, state: SilenceState) -> list[Verdict]:
        """Note whether the truck is loaded; one that shut down and is not loaded is not missed."""
        track = observation.track
        if not state.heard_at or track is None:
            return []
        state.loaded = track.load.state is _LOADED
        if state.loaded or state.resting or not state.shut_down:
            return []
        state.resting, state.said_at = True, max(state.said_at, state.newest)
        device_id, at, stage, state.stage = observation.device.id, state.said_at, state.stage, 0
        rests = Verdict(device_id, Level.UNKNOWN, at, at)
        return [Verdict(device_id, Level.CLEAR, at, state.newest), rests] if stage else [rests]

    def _note_late_shutdown(self, observation: Observation, state: SilenceState) -> list[Verdict]:
        """End holes at a shutdown that comes late, but not those of a truck that was loaded when it fell silent."""
        ts = observation.reading.ts
        if not goes_offline(observation.reading, "shutdown") or not state.silences:
            return []
        allowed_ms = self._overdue_s(state) * 1000
        for silence in state.silences:
            if not silence.loaded:
                holes = [(start, ts if start < ts < end else end) for start, end in silence.holes]
                silence.holes = [hole for hole in holes if hole[1] - hole[0] > allowed_ms]
        return list(self._retractions(observation, state))

    def _fill(self, reading: Reading, state: SilenceState) -> None:
        """Note the hole before a reading that is the newest, and split the hole that a measurement falls into.

        A status measures nothing: it fills no hole, and the hole goes on behind it. Behind a shutdown there is none.
        """
        ts, measures = reading.ts, not isinstance(reading, Status)
        allowed_ms = self._overdue_s(state) * 1000
        for silence in state.silences:
            holes = silence.holes
            if state.newest < silence.back_at and ts > state.newest and not state.resting:
                goes_on = state.kind == Kind.STATUS and holes and holes[-1][1] == state.newest
                start = holes.pop()[0] if goes_on else state.newest
                holes.append((start, ts))
            if measures:
                holes = [piece for hole in holes for piece in split(*hole, ts)]
            silence.holes = [hole for hole in holes if hole[1] - hole[0] > allowed_ms]

    def _retractions(self, observation: Observation, state: SilenceState) -> Iterator[Verdict]:
        """Retract silences without holes left: only the connection was gone. Forget those too old for an upload."""
        allowed_ms = self._overdue_s(state) * 1000
        remaining = []
        for silence in state.silences:
            if not silence.holes and (state.resting or state.newest >= silence.back_at - allowed_ms):
                yield self._retraction(observation, silence.closed_at, silence.onset, wording.ALL_UPLOADED)
            elif state.heard_at - silence.onset <= _BACKFILL_MS:
                remaining.append(silence)
        state.silences = tuple(remaining)

    def _retraction(self, observation: Observation, at: int, onset: int, reason: Text) -> Verdict:
        """A retraction dated by the end of the silence, whenever the last reading was uploaded."""
        evidence = Evidence(parameters=self.parameters.model_dump(), findings=(reason,))
        return Verdict(observation.device.id, Level.RETRACTED, at, onset, evidence=evidence)

    def _remember(self, observation: Observation, state: SilenceState, heard_at: int) -> None:
        reading, position, track, ts = observation.reading, observation.position, observation.track, observation.ts
        state.heard_at, state.refused = heard_at, 0
        state.interval_s = observation.device.report_interval_s
        since_ms = ts - state.newest
        if not 0 < since_ms <= self._never_overdue_ms:
            note_gap(ts, state, self._overdue_s(state) * 1000)
        if since_ms < 0:
            return
        state.kind_before, state.newest_before = state.kind, state.newest
        state.kind, state.newest = reading.kind, ts
        state.loaded = track is not None and track.load.state is _LOADED
        state.shut_down = self._shuts_down(reading, state)
        state.resting = state.shut_down and not state.loaded
        if position is not None and position.located:
            datum = observation.device.datum
            place = position if datum is _WGS84 else place_in_wgs84(position, datum)
            state.placed, state.lat, state.lon = True, place.lat, place.lon
        elif isinstance(reading, Status):
            state.session = reading.session

    def _proves_life(self, observation: Observation, state: SilenceState) -> bool:
        """True if the device had not sent this before, and once for what it sends again."""
        ts = observation.ts
        another_kind = ts == state.newest and observation.reading.kind != state.kind
        if another_kind or is_news(ts, state) or (self._shuts_down(observation.reading, state) and not state.resting):
            state.repeated = False
            return True
        if state.repeated or state.stage > 1 or ts == state.newest:
            return False
        state.repeated = True
        return True

    def _shuts_down(self, reading: Reading, state: SilenceState) -> bool:
        """True if the device reports that it shuts down, and has not connected again since."""
        return goes_offline(reading, "shutdown") and isinstance(reading, Status) and reading.session >= state.session

    def _next_step(self, device: Device, city: City, state: SilenceState, due: int) -> Verdict:
        if not state.heard_at:
            return self._unheard_step(device, city, state, due)
        step = self._step(state)
        severity = None if step is None else step[1]
        state.stage += 1
        silent_ms = due - state.heard_at
        state.said_at = at = max(state.newest + silent_ms, state.said_at)
        if severity is None:
            return Verdict(device.id, Level.CANDIDATE, at, state.newest)
        return Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=at,
            onset=state.newest,
            severity=severity,
            place=_last_place(device, city, state),
            title=wording.title(who(device, city, state.said_at), silent_ms, loaded=state.loaded),
            evidence=self._evidence(device, state, silent_ms),
        )

    def _unheard_step(self, device: Device, city: City, state: SilenceState, due: int) -> Verdict:
        state.stage += 1
        state.said_at = max(due, state.said_at)
        waited_ms = due - state.awaited_since
        findings = (wording.never_heard(device.id, waited_ms, state.interval_s),)
        return Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=state.said_at,
            onset=state.awaited_since,
            severity=Severity.P4,
            place=_last_place(device, city, state),
            title=wording.awaited_title(who(device, city, state.said_at), waited_ms, was_heard=state.was_heard),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=findings + ((wording.all_refused(state.refused),) if state.refused else ()),
                measures={
                    "silent_s": whole_seconds(waited_ms),
                    "interval_s": state.interval_s,
                    "refused": state.refused,
                },
            ),
            shared=REFUSED if state.refused else UNHEARD,
        )

    def _evidence(self, device: Device, state: SilenceState, silent_ms: int) -> Evidence:
        newest_two = ((state.kind_before, state.newest_before), (state.kind, state.newest))
        refused = (wording.all_refused(state.refused),) if state.refused else ()
        return Evidence(
            parameters=self.parameters.model_dump(),
            findings=(wording.no_reading(device.id, silent_ms, state.interval_s), *refused),
            ruled_out=(wording.NOT_SHUT_DOWN, wording.no_outage(self.parameters)),
            readings=tuple(
                ReadingRef(device_id=device.id, kind=kind, ts=ts, values={}) for kind, ts in newest_two if ts
            ),
            measures={"silent_s": whole_seconds(silent_ms), "loaded": state.loaded, "interval_s": state.interval_s},
        )


def _last_place(device: Device, city: City, state: SilenceState) -> LatLon | None:
    """Last position reported, or else the centre of the site it stands on."""
    if state.placed:
        return LatLon(state.lat, state.lon)
    return city.site_centre(device, state.said_at)
