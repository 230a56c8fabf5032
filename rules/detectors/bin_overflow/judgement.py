"""A compartment of a recycling point overflows 满溢.

The subject is the device; each compartment is an incident of its own. Three of the last five readings at a level are
the same as a median of five at it, and are known after three.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.geo.geometry import LatLon
from devices.readings.models import Fill
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Parameters, Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, duration, ref, who

MAX_COMPARTMENTS: Final = 32
"""Of one device: more than any has. One whose firmware invents names must not fill the memory."""


class BinOverflowParameters(Parameters):
    """As the field plans ask; where they are silent the reason is given."""

    warn_pct: float = 80.0
    full_pct: float = 90.0
    readings: int = 3
    of_readings: int = 5
    lasting_s: int = 900
    leave_pct: float = 70.0
    leave_readings: int = 2
    emptied_points: float = 30.0
    blocked_points: float = 40.0
    gap_intervals: int = 2
    """Not heard for longer, and nobody knows what was deposited: a leap over that proves no covered sensor."""


@dataclass(slots=True)
class Compartment:
    """State of one compartment. Times are device time, ms."""

    levels: list[tuple[int, float]] = field(default_factory=list)
    """The last readings, oldest first."""
    fall_from: float | None = None
    """Level before a fall that one more reading must bear out."""
    blocked_at: float | None = None
    """Level at which the sensor is thought to be covered."""
    warn_since: int = 0
    full_since: int = 0
    low_readings: int = 0
    onset: int = 0
    """Of the running incident; 0 without one."""
    deposits_while_full: int = 0
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class BinState:
    """Of one recycling point."""

    compartments: dict[str, Compartment] = field(default_factory=dict)


class BinOverflow(Rule[BinState]):
    """See the module."""

    name: ClassVar = "bin_overflow"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.RECYCLING_POINT})
    state = BinState

    def __init__(self, parameters: BinOverflowParameters | None = None) -> None:
        self.parameters: BinOverflowParameters = parameters or BinOverflowParameters()

    def judge(self, step: Observation, state: BinState) -> Sequence[Verdict]:
        """See Rule."""
        reading = step.reading
        if not isinstance(reading, Fill):
            return ()
        compartment = _compartment(state, reading.compartment)
        verdict = None if compartment is None else self._judge_fill(step, reading, compartment)
        return () if verdict is None else (verdict,)

    def _judge_fill(self, step: Observation, fill: Fill, bin_: Compartment) -> Verdict | None:
        limits, pct = self.parameters, fill.fill_pct
        before = bin_.levels[-1][1] if bin_.levels else pct
        if bin_.blocked_at is not None:
            if pct > bin_.blocked_at - limits.emptied_points:
                return self._word(step, fill, Level.UNKNOWN, fill.ts)
            bin_.blocked_at = None
            before = pct
        if bin_.fall_from is not None:
            return self._after_a_fall(step, fill, bin_, bin_.fall_from)
        if before - pct >= limits.emptied_points:
            bin_.fall_from = before
            bin_.levels.append((fill.ts, pct))
            return None
        gap_ms = fill.ts - bin_.levels[-1][0] if bin_.levels else 0
        known = gap_ms <= limits.gap_intervals * step.device.report_interval_s * 1000
        if pct - before >= limits.blocked_points and fill.deposits == 0 and known:
            bin_.blocked_at = pct
            return self._word(step, fill, Level.UNKNOWN, fill.ts)
        return self._judge_level(step, fill, bin_)

    def _after_a_fall(self, step: Observation, fill: Fill, bin_: Compartment, fell_from: float) -> Verdict | None:
        """A second low reading bears the fall out: the compartment was emptied. Else the first one was a slip."""
        bin_.fall_from = None
        slip = bin_.levels.pop()
        if fell_from - fill.fill_pct < self.parameters.emptied_points:
            return self._judge_level(step, fill, bin_)
        onset = bin_.onset
        bin_.levels = [slip, (fill.ts, fill.fill_pct)]
        bin_.warn_since = bin_.full_since = bin_.low_readings = bin_.onset = bin_.deposits_while_full = 0
        bin_.refs = []
        return self._word(step, fill, Level.CLEAR, onset) if onset else None

    def _judge_level(self, step: Observation, fill: Fill, bin_: Compartment) -> Verdict | None:
        limits, pct, ts = self.parameters, fill.fill_pct, fill.ts
        bin_.levels = [*bin_.levels[1 - limits.of_readings :], (ts, pct)]
        bin_.warn_since = (bin_.warn_since or ts) if pct >= limits.warn_pct else 0
        bin_.full_since = (bin_.full_since or ts) if pct >= limits.full_pct else 0
        bin_.low_readings = bin_.low_readings + 1 if pct < limits.leave_pct else 0
        if bin_.low_readings >= limits.leave_readings and bin_.onset:
            onset, bin_.onset, bin_.deposits_while_full, bin_.refs = bin_.onset, 0, 0, []
            return self._word(step, fill, Level.CLEAR, onset)
        full = self._holds(bin_, bin_.full_since, limits.full_pct, ts)
        warn = full or self._holds(bin_, bin_.warn_since, limits.warn_pct, ts)
        if bin_.onset or warn:
            bin_.refs = bounded(bin_.refs, ref(fill, "compartment", "fill_pct", "deposits", "weight_kg"))
        if not warn:
            return None
        bin_.onset = bin_.onset or next(since for since, level in bin_.levels if level >= limits.warn_pct)
        if full:
            bin_.deposits_while_full += fill.deposits or 0
        return self._overflow(step, fill, bin_, full=full)

    def _holds(self, bin_: Compartment, since: int, limit_pct: float, ts: int) -> bool:
        at_it = sum(level >= limit_pct for _, level in bin_.levels)
        return at_it >= self.parameters.readings or (since > 0 and ts - since >= self.parameters.lasting_s * 1000)

    def _word(self, step: Observation, fill: Fill, level: Level, onset: int) -> Verdict:
        return Verdict(step.device.id, level, fill.ts, onset, part=fill.compartment)

    def _overflow(self, step: Observation, fill: Fill, bin_: Compartment, *, full: bool) -> Verdict:
        point = who(step.device, step.city)
        site = step.city.sites.get(step.device.site_id) if step.device.site_id is not None else None
        middle = site.area.representative_point() if site is not None else None
        used = full and bin_.deposits_while_full > 0
        severity = Severity.P2 if used else Severity.P3 if full else Severity.P4
        state_en, state_zh = ("is full", "已满溢") if full else ("is nearly full", "即将满溢")
        findings = [
            Text(
                en=f"At {self.parameters.full_pct if full else self.parameters.warn_pct:.0f} % or more in"
                f" {self.parameters.readings} of the last {self.parameters.of_readings} readings"
                f" or for {duration(self.parameters.lasting_s * 1000)}",
                zh=f"最近{self.parameters.of_readings}次读数中至少{self.parameters.readings}次"
                f"或持续{duration(self.parameters.lasting_s * 1000, zh=True)}"
                f"不低于{self.parameters.full_pct if full else self.parameters.warn_pct:.0f}%",
            )
        ]
        if used:
            findings.append(
                Text(
                    en=f"{bin_.deposits_while_full} deposits since it is full",
                    zh=f"满溢后仍有{bin_.deposits_while_full}次投放",
                )
            )
        return Verdict(
            subject=step.device.id,
            level=Level.CONFIRMED if full else Level.SUSPECTED,
            at=fill.ts,
            onset=bin_.onset,
            severity=severity,
            place=LatLon(lat=middle.y, lon=middle.x) if middle is not None else None,
            title=Text(
                en=f"{point.en}: compartment {fill.compartment} {state_en} ({fill.fill_pct:.0f} %)",
                zh=f"{point.zh}：{fill.compartment}箱{state_zh}（{fill.fill_pct:.0f}%）",
            ),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=tuple(findings),
                ruled_out=(
                    Text(
                        en="Not a covered sensor: the level did not leap while nothing was deposited",
                        zh="非传感器遮挡：无投放时满度未突变",
                    ),
                    Text(en="Not emptied since", zh="此后未清运"),
                ),
                readings=tuple(bin_.refs),
                measures={
                    "compartment": fill.compartment,
                    "fill_pct": fill.fill_pct,
                    "deposits_while_full": bin_.deposits_while_full,
                },
            ),
            part=fill.compartment,
        )


def _compartment(state: BinState, name: str) -> Compartment | None:
    """None for one too many. The longest unheard of without an incident makes room for a new one."""
    known = state.compartments.get(name)
    if known is None:
        if len(state.compartments) >= MAX_COMPARTMENTS:
            idle = [(bin_.levels[-1][0], other) for other, bin_ in state.compartments.items() if not bin_.onset]
            if not idle:
                return None
            del state.compartments[min(idle)[1]]
        known = state.compartments[name] = Compartment()
    return known
