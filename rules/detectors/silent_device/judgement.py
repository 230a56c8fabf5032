"""Nothing is heard of a device 离线.

Judged by silence alone: a loaded truck soon and ever more urgently, others by their own reporting interval. What a
device buffered and uploads later fills the hole; when it is full, the alert is retracted. When many fall silent at once
it is the network or the platform, and one alert says so.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from devices.city.model import City, Device, DeviceRole
from devices.geo.geometry import LatLon
from devices.readings.models import Position, Reading, Status
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation, Silence
from rules.contract.rule import FleetRule, Parameters
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import duration, who
from rules.detectors.silent_device.outage import Outage, settle_outage
from rules.tracking import LoadState

_KEPT_SILENCES: Final = 4
_BACKFILL_MS: Final = 24 * 3_600_000
"""Later than this nothing is put right any more."""


class SilentDeviceParameters(Parameters):
    """As the field plans ask; where they are silent the reason is given."""

    loaded_warn_s: int = 180
    loaded_alert_s: int = 600
    loaded_urgent_s: int = 1_200
    loaded_again_s: int = 1_800
    """After the last step people are told again this often."""
    loaded_until_s: int = 43_200
    """But no longer than it is to be believed that the load is still on: one shift."""
    intervals: int = 3
    """Missed reports of a device that carries no load: two may be lost on the air."""
    at_least_s: int = 180
    """Devices that report every few seconds still have this long: a tunnel, a restart."""
    overdue_intervals: int = 2
    """Overdue, not yet silent: what counts when many fall silent at once, one interval before the first alert."""
    overdue_at_least_s: int = 60
    outage_share_pct: float = 20.0
    outage_devices: int = 5
    """Fewer are never an outage, however small the city."""
    outage_over_share_pct: float = 10.0
    """Half of what began it, so that it does not flap."""


@dataclass(slots=True)
class PastSilence:
    """A silence people were told of that is over. Device time, ms."""

    onset: int
    closed_at: int
    back_at: int
    """Fleet time when it was heard again: until its readings reach this it is still uploading."""
    holes: list[tuple[int, int]] = field(default_factory=list)
    """Stretches without readings."""


@dataclass(slots=True)
class SilenceState:
    """Of one device. Times are device time, ms."""

    heard_at: int = 0
    """When the fleet heard it last; 0 before the first reading. Whether it is silent is judged by this: a device whose
    clock lags, or which is busy uploading old readings, is not silent."""
    newest: int = 0
    """Its newest reading. What is said of a silence is dated by this: it does not depend on when that was heard."""
    said_at: int = 0
    """Date of what was said last."""
    loaded: bool = False
    resting: bool = False
    """It said that it shuts down."""
    interval_s: int = 60
    stage: int = 0
    """How many of the steps have been said: overdue, then one or more alerts."""
    placed: bool = False
    """It has said where it is."""
    lat: float = 0.0
    """Of its last position."""
    lon: float = 0.0
    kind: str = ""
    """Of its newest reading."""
    kind_before: str = ""
    newest_before: int = 0
    """Kind and device time of the newest reading until then; 0 if that was the first."""
    silences: tuple[PastSilence, ...] = ()


class SilentDevice(FleetRule[SilenceState, Outage]):
    """See the module."""

    name: ClassVar = "silent_device"
    version: ClassVar = 1
    roles: ClassVar = frozenset(DeviceRole)
    state = SilenceState
    memory = Outage

    def __init__(self, parameters: SilentDeviceParameters | None = None) -> None:
        self.parameters: SilentDeviceParameters = parameters or SilentDeviceParameters()

    def judge(self, step: Observation, state: SilenceState) -> Sequence[Verdict]:
        """See Rule."""
        if not step.own or _says(step.reading, "will"):  # that is the broker, not the device
            return ()
        return self._heard(step, state)

    def judge_late(self, step: Observation, state: SilenceState) -> Sequence[Verdict]:
        """See Rule. A late status may be one the broker retained: it proves nothing."""
        if not step.own or isinstance(step.reading, Status) or not state.heard_at:
            return ()
        return self._heard(step, state)

    def due(self, state: SilenceState) -> int | None:
        """See Rule."""
        if not state.heard_at or state.resting:
            return None
        if not state.stage:
            return state.heard_at + self._overdue_s(state) * 1000
        step = self._step(state)
        return None if step is None else state.heard_at + step[0] * 1000

    def expire(self, quiet: Silence, state: SilenceState) -> Sequence[Verdict]:
        """See Rule."""
        device = quiet.device
        due = self.due(state)
        if due is None:
            return ()
        if device.validity.covers(due):
            return (self._next_step(device, quiet.city, state, due),)
        state.resting, state.said_at = True, max(state.newest + due - state.heard_at, state.said_at)
        return (Verdict(device.id, Level.UNKNOWN, state.said_at, state.newest),)  # retired: nobody waits for it

    def compare(self, verdict: Verdict, memory: Outage, city: City) -> Iterable[Verdict]:
        """See FleetRule: many at once are one."""
        return settle_outage(
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
        """Seconds of silence and severity of what is to be said next; nothing is said of a device only overdue."""
        limits = self.parameters
        match state.stage:
            case 0:
                return self._overdue_s(state), None
            case stage if not state.loaded:
                silent_s = max(limits.intervals * state.interval_s, limits.at_least_s)
                return (silent_s, Severity.P4) if stage == 1 else None
            case 1:
                return limits.loaded_warn_s, Severity.P3
            case 2:
                return limits.loaded_alert_s, Severity.P2
            case stage:
                again_s = limits.loaded_urgent_s + (stage - 3) * limits.loaded_again_s
                return (again_s, Severity.P1) if stage == 3 or again_s <= limits.loaded_until_s else None

    def _heard(self, step: Observation, state: SilenceState) -> list[Verdict]:
        said: list[Verdict] = []
        device_id = step.device.id
        heard_at = max(state.heard_at, step.heard_at)
        while (due := self.due(state)) is not None and due < heard_at:
            said.append(self._next_step(step.device, step.city, state, due))
        at = max(step.reading.ts, state.said_at)
        if not state.heard_at or state.resting or state.stage:
            said.append(Verdict(device_id, Level.CLEAR, at, state.newest or at))
        if state.stage > 1:
            state.silences = (*state.silences[1 - _KEPT_SILENCES :], PastSilence(state.newest, at, heard_at))
        if state.stage:
            state.stage, state.said_at = 0, at
        if state.silences:
            self._fill(step.reading.ts, state)
        self._remember(step, state, heard_at)
        if state.silences:
            said += self._retractions(step, state)
        if state.resting:
            said.append(Verdict(device_id, Level.UNKNOWN, at, at))
        return said

    def _fill(self, ts: int, state: SilenceState) -> None:
        """Note the holes a reading leaves behind it, and put it into those that are known."""
        allowed_ms = self._overdue_s(state) * 1000
        for silence in state.silences:
            if state.newest < silence.back_at and ts > state.newest:
                silence.holes.append((state.newest, ts))
            silence.holes = [
                piece for hole in silence.holes for piece in _split(*hole, ts) if piece[1] - piece[0] > allowed_ms
            ]

    def _retractions(self, step: Observation, state: SilenceState) -> Iterator[Verdict]:
        """A silence of which everything was uploaded was only one of the line."""
        allowed_ms = self._overdue_s(state) * 1000
        left = []
        for silence in state.silences:
            if not silence.holes and state.newest >= silence.back_at - allowed_ms:
                yield self._retraction(step, silence)
            elif state.heard_at - silence.onset <= _BACKFILL_MS:
                left.append(silence)
        state.silences = tuple(left)

    def _retraction(self, step: Observation, silence: PastSilence) -> Verdict:
        """Dated by the end of the silence, whenever the last of it was uploaded."""
        reason = Text(
            en="Everything measured in the meantime has been uploaded: only the connection was gone",
            zh="期间数据已全部补传，仅为通信中断",
        )
        evidence = Evidence(parameters=self.parameters.model_dump(), findings=(reason,))
        return Verdict(step.device.id, Level.RETRACTED, silence.closed_at, silence.onset, evidence=evidence)

    def _remember(self, step: Observation, state: SilenceState, heard_at: int) -> None:
        reading, track = step.reading, step.track
        state.heard_at = heard_at
        state.interval_s = step.device.report_interval_s
        if reading.ts < state.newest:
            return
        state.kind_before, state.newest_before = state.kind, state.newest
        state.kind, state.newest = reading.kind, reading.ts
        state.loaded = track is not None and track.load.state is LoadState.LOADED
        state.resting = _says(reading, "shutdown") and not state.loaded
        if isinstance(reading, Position):
            state.placed, state.lat, state.lon = True, reading.lat, reading.lon

    def _next_step(self, device: Device, city: City, state: SilenceState, due: int) -> Verdict:
        limits, said = self.parameters, self._step(state)
        severity = None if said is None else said[1]
        state.stage += 1
        silent_ms = due - state.heard_at
        state.said_at = at = max(state.newest + silent_ms, state.said_at)
        if severity is None:
            return Verdict(device.id, Level.CANDIDATE, at, state.newest)
        name = who(device, city)
        load_en, load_zh = (", loaded,", "载货，") if state.loaded else ("", "")
        return Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=at,
            onset=state.newest,
            severity=severity,
            place=_place(device, city, state),
            title=Text(
                en=f"{name.en}{load_en} has not been heard for {duration(silent_ms)}",
                zh=f"{name.zh}{load_zh}已离线{duration(silent_ms, zh=True)}",
            ),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(
                    Text(
                        en=f"No reading of device {device.id} for {duration(silent_ms)}; it reports every"
                        f" {state.interval_s} s at the latest",
                        zh=f"设备{device.id}已{duration(silent_ms, zh=True)}无数据，"
                        f"其上报间隔不超过{state.interval_s}秒",
                    ),
                ),
                ruled_out=(
                    Text(en="The device did not say that it shuts down", zh="设备未报告正常关机"),
                    Text(
                        en=f"No wider outage: not more than {limits.outage_share_pct:g} % of the devices, or fewer than"
                        f" {limits.outage_devices}, are overdue at once",
                        zh=f"非大范围离线：同时逾期的设备不超过{limits.outage_share_pct:g}%或少于{limits.outage_devices}台",
                    ),
                ),
                readings=tuple(
                    ReadingRef(device_id=device.id, kind=kind, ts=ts, values={})
                    for kind, ts in ((state.kind_before, state.newest_before), (state.kind, state.newest))
                    if ts
                ),
                measures={"silent_s": silent_ms // 1000, "loaded": state.loaded, "interval_s": state.interval_s},
            ),
        )


def _place(device: Device, city: City, state: SilenceState) -> LatLon | None:
    """Where it was last, or stands."""
    if state.placed:
        return LatLon(state.lat, state.lon)
    site = city.sites.get(device.site_id) if device.site_id is not None else None
    if site is None:
        return None
    middle = site.area.representative_point()
    return LatLon(lat=middle.y, lon=middle.x)


def _says(reading: Reading, cause: str) -> bool:
    """Whether a reading says that its device goes off, for this cause."""
    if isinstance(reading, Position):  # asked first: a model takes long to say what it is not
        return False
    return isinstance(reading, Status) and not reading.online and reading.cause == cause


def _split(start: int, end: int, ts: int) -> tuple[tuple[int, int], ...]:
    return ((start, ts), (ts, end)) if start < ts < end else ((start, end),)
