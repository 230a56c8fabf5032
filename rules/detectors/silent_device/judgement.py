"""Judges whether a device is silent.

Only silence counts: a loaded truck is missed soon and ever more urgently, other devices by their own reporting
interval. What a device buffered and uploads later fills the hole; an alert whose hole is full is retracted. When many
devices fall silent at once, the cause is the network or the platform, and one alert stands for all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from devices.city.model import City, Device, DeviceRole
from devices.geo.gcj02 import place_in_wgs84
from devices.geo.geometry import Datum, LatLon
from devices.readings.models import Position, Reading, Status
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.observation import Observation, Silence
from rules.contract.rule import FleetRule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import who
from rules.detectors.silent_device import wording
from rules.detectors.silent_device.outage import Outage, apply_outage
from rules.detectors.silent_device.parameters import SilentDeviceParameters
from rules.tracking import LoadState

_KEPT_SILENCES: Final = 4
_BACKFILL_MS: Final = 24 * 3_600_000
"""An upload later than this after the onset retracts nothing."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class PastSilence:
    """A silence that led to an alert and is over. Times are device time, ms."""

    onset: int
    closed_at: int
    back_at: int
    """Fleet time when it was heard again: until its readings reach this it is still uploading."""
    holes: list[tuple[int, int]] = field(default_factory=list)
    """Stretches without readings: (start, end)."""


@dataclass(slots=True)
class SilenceState:
    """State of one device. Times are device time, ms."""

    heard_at: int = 0
    """Fleet time at which it was last heard; 0 before the first reading. Silence is judged by this: a device whose
    clock lags, or which is busy uploading old readings, is not silent."""
    newest: int = 0
    """Its newest reading. Verdicts are dated by this: it does not depend on when the reading was heard."""
    said_at: int = 0
    """Date of the last verdict."""
    loaded: bool = False
    resting: bool = False
    """It reported that it shuts down, or was retired."""
    interval_s: int = 60
    stage: int = 0
    """Number of steps taken: 0 heard, 1 overdue, then one more with each alert."""
    placed: bool = False
    """It has reported a position."""
    lat: float = 0.0
    """Last position, with `lon`."""
    lon: float = 0.0
    kind: str = ""
    """Kind of its newest reading."""
    kind_before: str = ""
    newest_before: int = 0
    """Kind and device time of the newest reading before that; 0 without one."""
    silences: tuple[PastSilence, ...] = ()
    """Silences that an upload may still retract, oldest first."""


class SilentDevice(FleetRule[SilenceState, Outage]):
    """CANDIDATE when a device is overdue, CONFIRMED at each alert; its memory joins many silences into one outage."""

    name: ClassVar = "silent_device"
    version: ClassVar = 1
    roles: ClassVar = frozenset(DeviceRole)
    state = SilenceState
    memory = Outage

    def __init__(self, parameters: SilentDeviceParameters | None = None) -> None:
        self.parameters: SilentDeviceParameters = parameters or SilentDeviceParameters()

    def judge(self, observation: Observation, state: SilenceState) -> Sequence[Verdict]:
        """Note that the device was heard, by a reading in order."""
        if not observation.own or _goes_offline(observation.reading, "will"):  # a will comes from the broker
            return ()
        return self._heard(observation, state)

    def judge_late(self, observation: Observation, state: SilenceState) -> Sequence[Verdict]:
        """Note that the device was heard, by a late reading; the broker may have retained a late status."""
        if not observation.own or isinstance(observation.reading, Status) or not state.heard_at:
            return ()
        return self._heard(observation, state)

    def due(self, state: SilenceState) -> int | None:
        """Device time, ms, of the next step if nothing is heard until then; None where no step is left."""
        if not state.heard_at or state.resting:
            return None
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
        state.resting, state.said_at = True, max(state.newest + due - state.heard_at, state.said_at)
        return (Verdict(device.id, Level.UNKNOWN, state.said_at, state.newest),)

    def compare(self, verdict: Verdict, memory: Outage, city: City) -> Iterable[Verdict]:
        """Join many silences at once into one outage."""
        return apply_outage(
            verdict,
            memory,
            parameters=self.parameters,
            begins_pct=self.parameters.outage_share_pct,
            ends_pct=self.parameters.outage_over_share_pct,
            at_least=self.parameters.outage_devices,
        )

    def _overdue_s(self, state: SilenceState) -> int:
        limits = self.parameters
        overdue_s = max(limits.overdue_intervals * state.interval_s, limits.overdue_at_least_s)
        return limits.loaded_warn_s if state.loaded and limits.loaded_warn_s < overdue_s else overdue_s

    def _step(self, state: SilenceState) -> tuple[int, Severity | None] | None:
        """Seconds of silence until the next step, and its severity: None for overdue, which is no alert."""
        limits = self.parameters
        match state.stage:
            case 0:
                return self._overdue_s(state), None
            case stage if not state.loaded:
                return (limits.silent_after_s(state.interval_s), Severity.P4) if stage == 1 else None
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
        at = max(observation.reading.ts, state.said_at)
        if not state.heard_at or state.resting or state.stage:
            verdicts.append(Verdict(device_id, Level.CLEAR, at, state.newest or at))
        if state.stage > 1:
            state.silences = (*state.silences[1 - _KEPT_SILENCES :], PastSilence(state.newest, at, heard_at))
        if state.stage:
            state.stage, state.said_at = 0, at
        if state.silences:
            self._fill(observation.reading.ts, state)
        self._remember(observation, state, heard_at)
        if state.silences:
            verdicts += self._retractions(observation, state)
        if state.resting:
            verdicts.append(Verdict(device_id, Level.UNKNOWN, at, at))
        return verdicts

    def _fill(self, ts: int, state: SilenceState) -> None:
        """Note the hole before a reading that is the newest, and split the hole that the reading falls into."""
        allowed_ms = self._overdue_s(state) * 1000
        for silence in state.silences:
            if state.newest < silence.back_at and ts > state.newest:
                silence.holes.append((state.newest, ts))
            silence.holes = [
                piece for hole in silence.holes for piece in _split(*hole, ts) if piece[1] - piece[0] > allowed_ms
            ]

    def _retractions(self, observation: Observation, state: SilenceState) -> Iterator[Verdict]:
        """Retract silences without holes left: only the connection was gone. Forget those too old for an upload."""
        allowed_ms = self._overdue_s(state) * 1000
        remaining = []
        for silence in state.silences:
            if not silence.holes and state.newest >= silence.back_at - allowed_ms:
                yield self._retraction(observation, silence)
            elif state.heard_at - silence.onset <= _BACKFILL_MS:
                remaining.append(silence)
        state.silences = tuple(remaining)

    def _retraction(self, observation: Observation, silence: PastSilence) -> Verdict:
        """A retraction dated by the end of the silence, whenever the last reading was uploaded."""
        evidence = Evidence(parameters=self.parameters.model_dump(), findings=(wording.ALL_UPLOADED,))
        return Verdict(observation.device.id, Level.RETRACTED, silence.closed_at, silence.onset, evidence=evidence)

    def _remember(self, observation: Observation, state: SilenceState, heard_at: int) -> None:
        reading, track = observation.reading, observation.track
        state.heard_at = heard_at
        state.interval_s = observation.device.report_interval_s
        if reading.ts < state.newest:
            return
        state.kind_before, state.newest_before = state.kind, state.newest
        state.kind, state.newest = reading.kind, reading.ts
        state.loaded = track is not None and track.load.state is LoadState.LOADED
        state.resting = _goes_offline(reading, "shutdown") and not state.loaded
        if isinstance(reading, Position):
            lat, lon = reading.lat, reading.lon
            if not reading.located or not observation.city.region.covers(lat, lon):
                return
            if observation.device.datum is not Datum.WGS84:
                place = place_in_wgs84(reading, observation.device.datum)
                lat, lon = place.lat, place.lon
            state.placed, state.lat, state.lon = True, lat, lon

    def _next_step(self, device: Device, city: City, state: SilenceState, due: int) -> Verdict:
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
            title=wording.title(who(device, city), silent_ms, loaded=state.loaded),
            evidence=self._evidence(device, state, silent_ms),
        )

    def _evidence(self, device: Device, state: SilenceState, silent_ms: int) -> Evidence:
        newest_two = ((state.kind_before, state.newest_before), (state.kind, state.newest))
        return Evidence(
            parameters=self.parameters.model_dump(),
            findings=(wording.no_reading(device.id, silent_ms, state.interval_s),),
            ruled_out=wording.ruled_out(self.parameters),
            readings=tuple(
                ReadingRef(device_id=device.id, kind=kind, ts=ts, values={}) for kind, ts in newest_two if ts
            ),
            measures={"silent_s": silent_ms // 1000, "loaded": state.loaded, "interval_s": state.interval_s},
        )


def _last_place(device: Device, city: City, state: SilenceState) -> LatLon | None:
    """Last position reported, or else the centre of the site it stands on."""
    if state.placed:
        return LatLon(state.lat, state.lon)
    site = city.sites.get(device.site_id) if device.site_id is not None else None
    if site is None:
        return None
    centre = site.area.representative_point()
    return LatLon(lat=centre.y, lon=centre.x)


def _goes_offline(reading: Reading, cause: str) -> bool:
    """True if a reading reports that its device goes offline for this cause."""
    if isinstance(reading, Position):  # checked first, since most readings are positions
        return False
    return isinstance(reading, Status) and not reading.online and reading.cause == cause


def _split(start: int, end: int, ts: int) -> tuple[tuple[int, int], ...]:
    return ((start, ts), (ts, end)) if start < ts < end else ((start, end),)
