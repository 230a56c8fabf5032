"""Judges whether a compartment of a recycling point overflows.

The subject is the device; each compartment is an incident of its own. Three of the last five readings at a level are
the same as a median of five at it, and are known after three.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from devices.city.model import City, Device, DeviceRole
from devices.geo.geometry import LatLon
from devices.readings.models import Fill
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who
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

    def judge(self, observation: Observation, state: BinState) -> Sequence[Verdict]:
        """Judge a fill reading; other readings mean nothing here."""
        reading = observation.reading
        if not isinstance(reading, Fill):
            return ()
        compartment = _compartment(state, reading.compartment)
        verdict = None if compartment is None else self._judge_fill(observation, reading, compartment)
        return () if verdict is None else (verdict,)

    def _judge_fill(self, observation: Observation, fill: Fill, compartment: Compartment) -> Verdict | None:
        limits, pct = self.parameters, fill.fill_pct
        before_pct = compartment.levels[-1][1] if compartment.levels else pct
        if compartment.blocked_at is not None:
            if pct > compartment.blocked_at - limits.emptied_points:
                return _without_evidence(observation, fill, Level.UNKNOWN, fill.ts)
            compartment.blocked_at = None
            before_pct = pct
        if compartment.fall_from is not None:
            return self._after_fall(observation, fill, compartment, compartment.fall_from)
        if before_pct - pct >= limits.emptied_points:
            compartment.fall_from = before_pct
            compartment.levels.append((fill.ts, pct))
            return None
        gap_ms = fill.ts - compartment.levels[-1][0] if compartment.levels else 0
        no_gap = gap_ms <= limits.gap_intervals * observation.device.report_interval_s * 1000
        if pct - before_pct >= limits.blocked_points and fill.deposits == 0 and no_gap:
            compartment.blocked_at = pct
            return _without_evidence(observation, fill, Level.UNKNOWN, fill.ts)
        return self._judge_level(observation, fill, compartment)

    def _after_fall(
        self, observation: Observation, fill: Fill, compartment: Compartment, fell_from: float
    ) -> Verdict | None:
        """Judge the reading after a fall: a second low one is an emptying, a high one proves the first one wrong."""
        compartment.fall_from = None
        low_level = compartment.levels.pop()
        if fell_from - fill.fill_pct < self.parameters.emptied_points:
            return self._judge_level(observation, fill, compartment)
        onset = compartment.onset
        compartment.levels = [low_level, (fill.ts, fill.fill_pct)]
        compartment.warn_since = compartment.full_since = compartment.low_readings = 0
        compartment.onset = compartment.deposits_while_full = 0
        compartment.refs = []
        return _without_evidence(observation, fill, Level.CLEAR, onset) if onset else None

    def _judge_level(self, observation: Observation, fill: Fill, compartment: Compartment) -> Verdict | None:
        limits, pct, ts = self.parameters, fill.fill_pct, fill.ts
        compartment.levels = [*compartment.levels[1 - limits.of_readings :], (ts, pct)]
        compartment.warn_since = (compartment.warn_since or ts) if pct >= limits.warn_pct else 0
        compartment.full_since = (compartment.full_since or ts) if pct >= limits.full_pct else 0
        compartment.low_readings = compartment.low_readings + 1 if pct < limits.leave_pct else 0
        if compartment.low_readings >= limits.leave_readings and compartment.onset:
            onset = compartment.onset
            compartment.onset = compartment.deposits_while_full = 0
            compartment.refs = []
            return _without_evidence(observation, fill, Level.CLEAR, onset)
        full = self._holds(compartment, compartment.full_since, limits.full_pct, ts)
        warn = full or self._holds(compartment, compartment.warn_since, limits.warn_pct, ts)
        if compartment.onset or warn:
            new_ref = ref(fill, "compartment", "fill_pct", "deposits", "weight_kg")
            compartment.refs = bounded(compartment.refs, new_ref)
        if not warn:
            return None
        if not compartment.onset:
            compartment.onset = next(since for since, level in compartment.levels if level >= limits.warn_pct)
        if full:
            compartment.deposits_while_full += fill.deposits or 0
        return self._overflow(observation, fill, compartment, full=full)

    def _holds(self, compartment: Compartment, since: int, limit_pct: float, ts: int) -> bool:
        """True if enough of the last readings are at the limit, or all since `since` for long enough."""
        at_limit = sum(level_pct >= limit_pct for _, level_pct in compartment.levels)
        lasting = since > 0 and ts - since >= self.parameters.lasting_s * 1000
        return at_limit >= self.parameters.readings or lasting

    def _overflow(self, observation: Observation, fill: Fill, compartment: Compartment, *, full: bool) -> Verdict:
        deposits = compartment.deposits_while_full
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED if full else Level.SUSPECTED,
            at=fill.ts,
            onset=compartment.onset,
            severity=Severity.P2 if full and deposits else Severity.P3 if full else Severity.P4,
            place=_site_centre(observation.device, observation.city),
            title=wording.title(who(observation.device, observation.city), fill.compartment, fill.fill_pct, full=full),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=wording.findings(self.parameters, full=full, deposits_while_full=deposits),
                ruled_out=wording.RULED_OUT,
                readings=tuple(compartment.refs),
                measures={
                    "compartment": fill.compartment,
                    "fill_pct": fill.fill_pct,
                    "deposits_while_full": deposits,
                },
            ),
            part=fill.compartment,
        )


def _without_evidence(observation: Observation, fill: Fill, level: Level, onset: int) -> Verdict:
    return Verdict(observation.device.id, level, fill.ts, onset, part=fill.compartment)


def _site_centre(device: Device, city: City) -> LatLon | None:
    site = city.sites.get(device.site_id) if device.site_id is not None else None
    if site is None:
        return None
    centre = site.area.representative_point()
    return LatLon(lat=centre.y, lon=centre.x)


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
