"""Judges whether a sorting or transfer line cannot take the waste that arrives.

Its hopper stays full, or it stands still while trucks wait. A line that reports neither its hopper nor its queue is not
judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.readings.models import Throughput
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who, whole_seconds
from rules.detectors.station_backlog import wording
from rules.detectors.station_backlog.parameters import StationBacklogParameters

_FIELDS: Final = ("running", "rate_t_per_h", "hopper_pct", "queue_trucks")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Lasting:
    """One condition, while it lasts. Times are device time, ms."""

    since: int = 0
    """0 while it does not."""
    until: int = 0
    readings: int = 0
    most: float = 0.0
    """The fullest hopper in percent, or the longest queue in trucks."""

    def note(self, ts: int, value: float, *, holds: bool) -> None:
        """Take the next reading."""
        if not holds:
            self.since = self.until = self.readings = 0
            self.most = 0.0
            return
        self.since, self.until = self.since or ts, ts
        self.readings += 1
        self.most = max(self.most, value)

    @property
    def lasted_ms(self) -> int:
        return self.until - self.since


@dataclass(slots=True)
class BacklogState:
    """State of one line."""

    ts: int = 0
    """Of its newest reading; device time, ms."""
    full: Lasting = field(default_factory=Lasting)
    stopped: Lasting = field(default_factory=Lasting)
    onset: int = 0
    """Of the backlog that people were notified of; 0 while there is none."""
    by_stop: bool = False
    """The line stood still."""
    long_queue: bool = False
    clear_readings: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)
    """In English and Chinese: what was last found."""
    measures: dict[str, float | int | str | bool] = field(default_factory=dict)
    refs: list[ReadingRef] = field(default_factory=list)


class StationBacklog(Rule[BacklogState]):
    """CONFIRMED while a line is full, or stands still with trucks waiting; CLEAR once it takes waste again."""

    name: ClassVar = "station_backlog"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.STATION_LINE})
    state = BacklogState

    def __init__(self, parameters: StationBacklogParameters | None = None) -> None:
        self.parameters: StationBacklogParameters = parameters or StationBacklogParameters()

    def judge(self, observation: Observation, state: BacklogState) -> Sequence[Verdict]:
        """Judge a throughput reading; other readings mean nothing here."""
        line, limits = observation.reading, self.parameters
        if not isinstance(line, Throughput) or (line.hopper_pct is None and line.queue_trucks is None):
            return ()
        if state.ts and line.ts - state.ts > limits.gap_s * 1000:
            state.full, state.stopped = Lasting(), Lasting()
        state.ts = line.ts
        hopper_pct, queue = line.hopper_pct or 0.0, line.queue_trucks or 0
        is_full, waits = hopper_pct >= limits.full_pct, queue >= limits.queue_trucks
        state.full.note(line.ts, hopper_pct, holds=is_full)
        state.stopped.note(line.ts, queue, holds=waits and not line.running)
        if is_full or (waits and not line.running) or state.onset:
            state.refs = bounded(state.refs, ref(line, *_FIELDS))
        else:
            state.refs = []
        self._decide(state)
        if not state.onset:
            return ()
        takes = hopper_pct < limits.clear_pct and (line.running or not waits)
        state.clear_readings = state.clear_readings + 1 if takes else 0
        if state.clear_readings < limits.clear_readings:
            return (self._verdict(observation, state),)
        cleared = self._cleared(observation, state)
        state.onset, state.by_stop, state.long_queue, state.clear_readings, state.refs = 0, False, False, 0, []
        return (cleared,)

    def _decide(self, state: BacklogState) -> None:
        """Begin a backlog, or note what this reading shows of it."""
        limits, full, stopped = self.parameters, state.full, state.stopped
        is_full = full.readings >= limits.readings and full.lasted_ms >= limits.full_s * 1000
        is_stopped = stopped.readings >= limits.readings and stopped.lasted_ms >= limits.stopped_s * 1000
        if not (is_full or is_stopped):
            return
        state.onset = state.onset or min(part.since for part in (full, stopped) if part.since)
        state.by_stop = state.by_stop or is_stopped
        findings: list[Text] = []
        state.measures = {}
        if is_full:
            findings.append(wording.full(limits, full.lasted_ms, full.most))
            state.measures |= {"full_s": whole_seconds(full.lasted_ms), "hopper_pct": full.most}
        if is_stopped:
            state.long_queue = state.long_queue or stopped.most >= limits.long_queue_trucks
            findings.append(wording.stopped(stopped.lasted_ms, round(stopped.most)))
            state.measures |= {"stopped_s": whole_seconds(stopped.lasted_ms), "queue_trucks": round(stopped.most)}
        state.findings = [(text.en, text.zh) for text in findings]

    def _verdict(self, observation: Observation, state: BacklogState) -> Verdict:
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=state.onset,
            severity=Severity.P2 if state.long_queue else Severity.P3,
            place=observation.city.site_centre(observation.device, observation.calendar_ts),
            title=wording.title(
                who(observation.device, observation.city, observation.calendar_ts), stopped=state.by_stop
            ),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=tuple(Text(en=en, zh=zh) for en, zh in state.findings),
                ruled_out=(wording.NOT_ONE,),
                readings=tuple(state.refs),
                measures=state.measures,
            ),
        )

    def _cleared(self, observation: Observation, state: BacklogState) -> Verdict:
        last = self._verdict(observation, state)
        assert last.evidence is not None  # noqa: S101 - made there
        findings = (*last.evidence.findings, wording.cleared(self.parameters))
        return replace(
            last,
            level=Level.CLEAR,
            title=wording.over_title(who(observation.device, observation.city, observation.calendar_ts)),
            evidence=last.evidence.model_copy(update={"findings": findings}),
        )
