"""Judges whether a compartment of a recycling point overflows.

The subject is the device; each compartment is an incident of its own. Three of the last five readings at a level are
the same as a median of five at it, and are known after three.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from devices.city.model import Device, DeviceRole
from devices.readings.models import Fill, Kind
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who, whole_seconds, with_one_more
from rules.detectors.bin_overflow import wording
from rules.detectors.bin_overflow.parameters import BinOverflowParameters

MAX_COMPARTMENTS: Final = 32
"""Compartments judged of one device: more than any has. Firmware that invents names must not fill the memory."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Compartment:
    """State of one compartment. Times are device time, ms."""

    levels: list[tuple[int, float]] = field(default_factory=list)
    """Time and fill level (%) of the last readings, oldest first."""
    fall_from: float | None = None
    """Level before a fall that one more reading must bear out."""
    blocked_at: float | None = None
    """Level at which the sensor is thought to be covered."""
    warn_since: int = 0
    full_since: int = 0
    low_readings: int = 0
    onset: int = 0
    """Beginning of the running incident; 0 without one."""
    deposits_while_full: int = 0
    refs: list[ReadingRef] = field(default_factory=list)
    full_from: int = 0
    """When the running incident was full for the first time; 0 before."""
    leap_ts: int = 0
    """Time of a leap without a deposit, as long as it puts the sensor in doubt; 0 without one."""
    leap_from: float = 0.0
    leap_to: float = 0.0
    leap_deposits: int = 0
    """Deposits since the leap."""
    left_onset: int = 0
    """Beginning of an incident that ended without an emptying; 0 without one."""
    left_at: int = 0

    def end(self) -> None:
        """Forget the running incident."""
        self.onset = self.deposits_while_full = self.full_from = 0
        self.refs = []


@dataclass(slots=True)
class BinState:
    """State of one recycling point, by the name of each compartment."""

    compartments: dict[str, Compartment] = field(default_factory=dict)


class BinOverflow(Rule[BinState]):
    """SUSPECTED while a compartment is nearly full, CONFIRMED while it is full, UNKNOWN while its sensor is covered."""

    name: ClassVar = "bin_overflow"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.RECYCLING_POINT})
    state = BinState

    def __init__(self, parameters: BinOverflowParameters | None = None) -> None:
        self.parameters: BinOverflowParameters = parameters or BinOverflowParameters()
        self._own: dict[float, BinOverflowParameters] = {}
        """Those of devices that are full at another level, by this level."""

    def judge(self, observation: Observation, state: BinState) -> Sequence[Verdict]:
        """Judge a fill reading; other readings mean nothing here."""
        reading = observation.reading
        if not isinstance(reading, Fill):
            return ()
        compartment = _compartment(state, reading.compartment)
        verdict = None if compartment is None else self._judge_fill(observation, reading, compartment)
        return () if verdict is None else (verdict,)

    def _limits(self, device: Device) -> BinOverflowParameters:
        """The thresholds of a device: its own level, if it has one."""
        full_pct = device.overflow_at_pct
        if full_pct is None:
            return self.parameters
        own = self._own.get(full_pct)
        if own is None:
            own = self._own[full_pct] = self.parameters.full_at(full_pct)
        return own

    def _judge_fill(self, observation: Observation, fill: Fill, compartment: Compartment) -> Verdict | None:
        if compartment.leap_ts:
            compartment.leap_deposits += fill.deposits or 0
        emptied = observation.emptied()
        if emptied is not None and emptied.from_pct - fill.fill_pct >= self.parameters.emptied_points:
            return self._emptied(observation, fill, compartment, emptied.from_pct, emptied.ts)
        return self._judge_step(observation, fill, compartment)

    def _judge_step(self, observation: Observation, fill: Fill, compartment: Compartment) -> Verdict | None:
        """Judge a level by the one before it, unless it is that of a covered sensor."""
        limits, pct = self._limits(observation.device), fill.fill_pct
        before_pct = compartment.levels[-1][1] if compartment.levels else pct
        if compartment.blocked_at is not None:
            if self._is_still_blocked(fill, compartment, compartment.blocked_at):
                return _without_evidence(observation, fill, Level.UNKNOWN, fill.ts)
            compartment.blocked_at = None
            before_pct = pct
        if compartment.fall_from is not None:
            return self._after_fall(observation, fill, compartment, compartment.fall_from)
        if before_pct - pct >= limits.emptied_points:
            if _is_seldom(observation.device, limits):
                return self._emptied(observation, fill, compartment, before_pct, fill.ts)
            compartment.fall_from = before_pct
            compartment.levels.append((fill.ts, pct))
            return None
        gap_ms = fill.ts - compartment.levels[-1][0] if compartment.levels else 0
        no_gap = gap_ms <= limits.gap_intervals * observation.device.report_interval_s * 1000
        if pct - before_pct >= limits.blocked_points and fill.deposits == 0 and no_gap:
            compartment.blocked_at = pct
            compartment.leap_ts, compartment.leap_from, compartment.leap_to = fill.ts, before_pct, pct
            compartment.leap_deposits = 0
            return _without_evidence(observation, fill, Level.UNKNOWN, fill.ts)
        return self._judge_level(observation, fill, compartment)

    def _is_still_blocked(self, fill: Fill, compartment: Compartment, blocked_at: float) -> bool:
        """True while the level may be that of something on the sensor; false for good once it moved, or the leap is old
        or followed by many deposits.
        """
        limits = self.parameters
        if not compartment.leap_ts:  # blocked before leaps were kept
            compartment.leap_ts, compartment.leap_from, compartment.leap_to = fill.ts, 0.0, blocked_at
        fell = fill.fill_pct <= blocked_at - limits.emptied_points
        if fell or fill.fill_pct >= blocked_at + limits.believed_points:
            compartment.leap_ts = 0
            return False
        old = fill.ts - compartment.leap_ts >= limits.blocked_s * 1000
        return not old and compartment.leap_deposits < limits.blocked_deposits

    def _after_fall(
        self, observation: Observation, fill: Fill, compartment: Compartment, fell_from: float
    ) -> Verdict | None:
        """Judge the reading after a fall: a second low one is an emptying, a high one proves the first one wrong."""
        if fell_from - fill.fill_pct >= self.parameters.emptied_points:
            return self._emptied(observation, fill, compartment, fell_from, compartment.levels[-1][0])
        compartment.fall_from = None
        compartment.levels.pop()
        return self._judge_level(observation, fill, compartment)

    def _emptied(
        self, observation: Observation, fill: Fill, compartment: Compartment, fell_from: float, first_ts: int
    ) -> Verdict | None:
        """End the incident, if there is one. `first_ts`: the first low reading."""
        onset = compartment.onset or compartment.left_onset
        low_levels = [level for level in compartment.levels if first_ts <= level[0] < fill.ts]
        refs = tuple(compartment.refs)
        for level in low_levels:
            refs = with_one_more(refs, _level_ref(fill, *level))
        evidence = Evidence(
            parameters=self._limits(observation.device).model_dump(),
            findings=(wording.emptied(fell_from, fill.fill_pct),),
            readings=tuple(bounded(refs, _ref(fill))),
            measures=_measures(fill, compartment) | {"emptied_from_pct": fell_from},
        )
        compartment.levels = [*low_levels, (fill.ts, fill.fill_pct)]
        compartment.fall_from = compartment.blocked_at = None
        compartment.warn_since = compartment.full_since = compartment.low_readings = 0
        compartment.leap_ts = compartment.left_onset = 0
        compartment.end()
        title = wording.emptied_title(
            who(observation.device, observation.city, observation.calendar_ts), fill.compartment, fill.fill_pct
        )
        return _cleared(observation, fill, onset, title, evidence, over=True) if onset else None

    def _judge_level(self, observation: Observation, fill: Fill, compartment: Compartment) -> Verdict | None:
        limits, pct, ts = self._limits(observation.device), fill.fill_pct, fill.ts
        seldom = _is_seldom(observation.device, limits)
        was_full = compartment.full_since > 0
        compartment.levels = [*compartment.levels[1 - limits.of_readings :], (ts, pct)]
        compartment.warn_since = (compartment.warn_since or ts) if pct >= limits.warn_pct else 0
        compartment.full_since = (compartment.full_since or ts) if pct >= limits.full_pct else 0
        compartment.low_readings = compartment.low_readings + 1 if pct < limits.leave_pct else 0
        if pct < limits.warn_pct:
            compartment.leap_ts = 0  # what covered the sensor is gone
        if compartment.low_readings >= (1 if seldom else limits.leave_readings) and compartment.onset:
            return self._sunk(observation, fill, compartment, limits)
        full = self._holds(compartment, compartment.full_since, limits.full_pct, ts)
        warn = full or self._holds(compartment, compartment.warn_since, limits.warn_pct, ts)
        once = not warn and pct >= limits.warn_pct and seldom
        self._count_deposits(fill, compartment, was_full=was_full, full=full)
        if compartment.onset:
            compartment.refs = bounded(compartment.refs, _ref(fill))
        if not warn and not once:
            return None
        if not compartment.onset:
            self._begin(fill, compartment, limits)
        return self._overflow(observation, fill, compartment, limits, full=full, once=once)

    def _count_deposits(self, fill: Fill, compartment: Compartment, *, was_full: bool, full: bool) -> None:
        """Count deposits from the moment it was full: those of the first full reading came before."""
        if was_full or (full and compartment.full_from):
            compartment.deposits_while_full += fill.deposits or 0
        if full:
            compartment.full_from = compartment.full_from or compartment.full_since or fill.ts
        elif not compartment.full_from and not compartment.full_since:
            compartment.deposits_while_full = 0

    def _begin(self, fill: Fill, compartment: Compartment, limits: BinOverflowParameters) -> None:
        """Begin an incident with the readings that led to it, or go on with one that was not ended by an emptying."""
        high = [(since, pct) for since, pct in compartment.levels if pct >= limits.warn_pct]
        compartment.onset = high[0][0]
        compartment.refs = [*(_level_ref(fill, ts, pct) for ts, pct in high if ts < fill.ts), _ref(fill)]
        if compartment.left_onset and fill.ts - compartment.left_at <= limits.rejoin_s * 1000:
            compartment.onset = compartment.left_onset
        compartment.left_onset = 0

    def _sunk(
        self, observation: Observation, fill: Fill, compartment: Compartment, limits: BinOverflowParameters
    ) -> Verdict:
        """End the incident below `leave_pct`, without an emptying."""
        onset = compartment.left_onset = compartment.onset
        compartment.left_at = fill.ts
        evidence = Evidence(
            parameters=limits.model_dump(),
            findings=(wording.sunk(limits, compartment.low_readings),),
            readings=tuple(bounded(compartment.refs, _ref(fill))),
            measures=_measures(fill, compartment),
        )
        compartment.end()
        title = wording.sunk_title(
            who(observation.device, observation.city, observation.calendar_ts), fill.compartment, fill.fill_pct
        )
        return _cleared(observation, fill, onset, title, evidence)

    def _holds(self, compartment: Compartment, since: int, limit_pct: float, ts: int) -> bool:
        """True if enough of the last readings are at the limit, or all since `since` for long enough."""
        at_limit = sum(level_pct >= limit_pct for _, level_pct in compartment.levels)
        lasting = since > 0 and ts - since >= self.parameters.lasting_s * 1000
        return at_limit >= self.parameters.readings or lasting

    def _overflow(
        self,
        observation: Observation,
        fill: Fill,
        compartment: Compartment,
        limits: BinOverflowParameters,
        *,
        full: bool,
        once: bool,
    ) -> Verdict:
        """`once`: a device that reports seldom has one reading at the level."""
        deposits = compartment.deposits_while_full
        leap = self._leap(fill, compartment)
        doubtful = leap is not None and compartment.leap_deposits < limits.blocked_deposits
        confirmed = full and not doubtful
        findings = [
            wording.one_reading(limits, observation.device.report_interval_s)
            if once
            else wording.at_level(limits, full=full)
        ]
        if full and deposits:
            findings.append(wording.deposits(deposits))
        if leap is not None:
            findings.append(leap)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED if confirmed else Level.SUSPECTED,
            at=fill.ts,
            onset=compartment.onset,
            severity=Severity.P2 if confirmed and deposits else Severity.P3 if confirmed else Severity.P4,
            place=observation.city.site_centre(observation.device, observation.calendar_ts),
            title=wording.title(
                who(observation.device, observation.city, observation.calendar_ts),
                fill.compartment,
                fill.fill_pct,
                full=full,
                doubtful=doubtful,
            ),
            evidence=Evidence(
                parameters=limits.model_dump(),
                findings=tuple(findings),
                ruled_out=(wording.NOT_EMPTIED,) if leap is not None else (wording.NOT_COVERED, wording.NOT_EMPTIED),
                readings=tuple(compartment.refs),
                measures=_measures(fill, compartment),
            ),
            part=fill.compartment,
        )

    def _leap(self, fill: Fill, compartment: Compartment) -> Text | None:
        """The sentence about a leap that puts the sensor in doubt."""
        if not compartment.leap_ts:
            return None
        since_ms = fill.ts - compartment.leap_ts
        return wording.leap(compartment.leap_from, compartment.leap_to, compartment.leap_deposits, since_ms)


def _is_seldom(device: Device, limits: BinOverflowParameters) -> bool:
    return device.report_interval_s >= limits.seldom_s


def _ref(fill: Fill) -> ReadingRef:
    return ref(fill, "compartment", "fill_pct", "deposits", "weight_kg")


def _level_ref(fill: Fill, ts: int, fill_pct: float) -> ReadingRef:
    """Refer to an earlier reading of the same compartment, of which only the level was kept."""
    values = {"compartment": fill.compartment, "fill_pct": fill_pct}
    return ReadingRef(device_id=fill.device_id, kind=Kind.FILL, ts=ts, values=values)


def _measures(fill: Fill, compartment: Compartment) -> dict[str, float | int | str | bool]:
    measures: dict[str, float | int | str | bool] = {
        "compartment": fill.compartment,
        "fill_pct": fill.fill_pct,
        "deposits_while_full": compartment.deposits_while_full,
    }
    if compartment.leap_ts:
        measures |= {
            "leap_from_pct": compartment.leap_from,
            "leap_to_pct": compartment.leap_to,
            "leap_s": whole_seconds(fill.ts - compartment.leap_ts),
            "deposits_since_leap": compartment.leap_deposits,
        }
    return measures


def _cleared(
    observation: Observation, fill: Fill, onset: int, title: Text, evidence: Evidence, *, over: bool = False
) -> Verdict:
    return Verdict(
        subject=observation.device.id,
        level=Level.CLEAR,
        at=fill.ts,
        onset=onset,
        title=title,
        evidence=evidence,
        part=fill.compartment,
        over=over,
    )


def _without_evidence(observation: Observation, fill: Fill, level: Level, onset: int) -> Verdict:
    return Verdict(observation.device.id, level, fill.ts, onset, part=fill.compartment)


def _compartment(state: BinState, name: str) -> Compartment | None:
    """The compartment of this name, made if it is new; None if there are too many.

    A new one takes the place of the one without an incident that was heard least recently.
    """
    compartment = state.compartments.get(name)
    if compartment is None:
        if len(state.compartments) >= MAX_COMPARTMENTS:
            idle = [(other.levels[-1][0], key) for key, other in state.compartments.items() if not other.onset]
            if not idle:
                return None
            del state.compartments[min(idle)[1]]
        compartment = state.compartments[name] = Compartment()
    return compartment
