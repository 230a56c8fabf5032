"""Judges whether a recycling point burns.

A fire is one incident of the point, whatever compartment it began in: people go to the point. A compartment without a
probe is judged by its smoke sensor, one without a smoke sensor by its probe, one with neither not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.readings.models import Fill
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who, whole_seconds
from rules.detectors.bin_fire import wording
from rules.detectors.bin_fire.parameters import BinFireParameters

MAX_COMPARTMENTS: Final = 32
"""Compartments judged of one device, as `bin_overflow` has it."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Probe:
    """Last readings of one compartment. Times are device time, ms."""

    warming: list[tuple[int, float]] = field(default_factory=list)
    """Time and temperature of the readings that rose fast one after another, oldest first."""
    hot_readings: int = 0
    """Readings in a row at `fire_c`, and whether all of them are exactly the same."""
    same: bool = True
    smoke_readings: int = 0
    peak_c: float = 0.0
    """Of these readings."""
    since: int = 0
    """When the first of them was; 0 without any."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class Fire:
    """A fire of the point. Times are device time, ms."""

    onset: int
    compartment: str
    confirmed: bool
    findings: list[tuple[str, str]]
    """In English and Chinese, with the measures, as they were at the last alarming reading."""
    measures: dict[str, float | int | str | bool]
    doubts: list[tuple[str, str]]
    burning: dict[str, int]
    """By compartment that gave alarm: since when it is calm; 0 while it is not."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class FireState:
    """State of one recycling point."""

    probes: dict[str, Probe] = field(default_factory=dict)
    """By compartment, those that are warm or smoke."""
    last: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Time and temperature of the last reading of each compartment."""
    fire: Fire | None = None


class BinFire(Rule[FireState]):
    """SUSPECTED at the first smoke, CONFIRMED once a second reading bears a fire out, CLEAR when all is calm."""

    name: ClassVar = "bin_fire"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.RECYCLING_POINT})
    state = FireState

    def __init__(self, parameters: BinFireParameters | None = None) -> None:
        self.parameters: BinFireParameters = parameters or BinFireParameters()

    def judge(self, observation: Observation, state: FireState) -> Sequence[Verdict]:
        """Judge a fill reading; other readings mean nothing here."""
        fill = observation.reading
        if not isinstance(fill, Fill) or (fill.temperature_c is None and fill.smoke is None):
            return ()
        if fill.compartment not in state.last and len(state.last) >= MAX_COMPARTMENTS:
            return ()
        probe = self._measure(fill, state)
        if probe is not None:
            self._alarm(fill, probe, state)
        fire = state.fire
        if fire is None:
            return ()
        if not fire.refs or fill.ts > fire.refs[-1].ts:
            fire.refs = bounded(fire.refs, _ref(fill))
        self._note_calm(fill, fire)
        calm = fire.burning.values()
        if min(calm) and fill.ts - max(calm) >= self.parameters.calm_s * 1000:
            state.fire = None
            return (self._cleared(observation, fire),)
        return (self._verdict(observation, fire),)

    def _measure(self, fill: Fill, state: FireState) -> Probe | None:
        """Add a reading to its compartment; return it while it is warm or smokes."""
        limits, temperature_c = self.parameters, fill.temperature_c
        before = state.last.get(fill.compartment)
        probe = state.probes.get(fill.compartment)
        if temperature_c is not None:
            state.last[fill.compartment] = fill.ts, temperature_c
        elif before is None:
            state.last[fill.compartment] = 0, 0.0
        rises = temperature_c is not None and before is not None and self._rises(before, fill.ts, temperature_c)
        hot = temperature_c is not None and temperature_c >= limits.fire_c
        if not (hot or rises or fill.smoke is True):
            state.probes.pop(fill.compartment, None)
            return None
        if probe is None:
            probe = state.probes[fill.compartment] = Probe(since=fill.ts)
        probe.smoke_readings = probe.smoke_readings + 1 if fill.smoke is True else 0
        if temperature_c is not None:
            probe.same = probe.same and (not probe.hot_readings or (before is not None and before[1] == temperature_c))
            probe.hot_readings = probe.hot_readings + 1 if hot else 0
            probe.peak_c = max(probe.peak_c, temperature_c)
            if not rises:
                probe.warming = []
            elif before is not None:
                start = [before] if not probe.warming else []
                probe.warming = [*probe.warming[:1], *probe.warming[-2:], *start, (fill.ts, temperature_c)]
        probe.refs = bounded(probe.refs, _ref(fill))
        return probe

    def _rises(self, before: tuple[int, float], ts: int, temperature_c: float) -> bool:
        """True if it rose fast since the last reading."""
        then, former_c = before
        risen_c, per_min = temperature_c - former_c, self.parameters.rise_c_per_min
        return then > 0 and ts > then and risen_c * 60_000 >= per_min * (ts - then)

    def _alarm(self, fill: Fill, probe: Probe, state: FireState) -> None:
        """Begin a fire, or add what this reading shows to it."""
        limits, temperature_c = self.parameters, fill.temperature_c
        hot = probe.hot_readings >= limits.fire_readings
        warm = temperature_c is not None and temperature_c > limits.warm_c
        first = probe.warming[0] if probe.warming else (fill.ts, 0.0)
        rising = warm and len(probe.warming) >= limits.rise_readings and fill.ts - first[0] >= limits.rise_s * 1000
        smokes = probe.smoke_readings > 0
        if not (hot or rising or smokes):
            return
        stuck = hot and probe.same
        confirmed = (hot and not stuck) or rising or probe.smoke_readings >= limits.smoke_readings or (smokes and warm)
        findings: list[Text] = []
        measures: dict[str, float | int | str | bool] = {"compartment": fill.compartment, "smoke": smokes}
        if temperature_c is not None:
            measures["temperature_c"] = temperature_c
        if hot:
            findings.append(wording.hot(limits, probe.peak_c))
            measures["peak_c"] = probe.peak_c
        if rising and temperature_c is not None:
            findings.append(wording.rising(first[1], temperature_c, fill.ts - first[0]))
            measures |= {"risen_from_c": first[1], "risen_s": whole_seconds(fill.ts - first[0])}
        if smokes:
            findings.append(wording.smoke(probe.smoke_readings))
            measures["smoke_readings"] = probe.smoke_readings
        doubt = wording.NOT_ONE if confirmed else wording.MAY_BE_STUCK if stuck else wording.FIRST_SMOKE
        fire = state.fire
        if fire is None:
            fire = state.fire = Fire(probe.since, fill.compartment, confirmed, [], {}, [], {}, probe.refs[:-1])
        elif fire.confirmed and not confirmed:
            fire.burning[fill.compartment] = 0
            return
        fire.compartment, fire.confirmed, fire.measures = fill.compartment, confirmed, measures
        fire.findings, fire.doubts = [(text.en, text.zh) for text in findings], [(doubt.en, doubt.zh)]
        fire.burning[fill.compartment] = 0

    def _note_calm(self, fill: Fill, fire: Fire) -> None:
        since = fire.burning.get(fill.compartment)
        if since is None:
            return
        cool = fill.temperature_c is None or fill.temperature_c < self.parameters.calm_c
        fire.burning[fill.compartment] = (since or fill.ts) if cool and fill.smoke is not True else 0

    def _verdict(self, observation: Observation, fire: Fire) -> Verdict:
        point = who(observation.device, observation.city, observation.calendar_ts)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED if fire.confirmed else Level.SUSPECTED,
            at=observation.reading.ts,
            onset=fire.onset,
            severity=Severity.P1,
            place=observation.city.site_centre(observation.device, observation.calendar_ts),
            title=wording.title(point, fire.compartment, confirmed=fire.confirmed),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=_texts(fire.findings),
                ruled_out=_texts(fire.doubts),
                readings=tuple(fire.refs),
                measures=fire.measures,
            ),
        )

    def _cleared(self, observation: Observation, fire: Fire) -> Verdict:
        last = self._verdict(observation, fire)
        assert last.evidence is not None  # noqa: S101 - made there
        findings = (*last.evidence.findings, wording.calm(self.parameters))
        return replace(
            last,
            level=Level.CLEAR,
            title=wording.over_title(who(observation.device, observation.city, observation.calendar_ts)),
            evidence=last.evidence.model_copy(update={"findings": findings}),
        )


def _texts(pairs: Sequence[tuple[str, str]]) -> tuple[Text, ...]:
    return tuple(Text(en=en, zh=zh) for en, zh in pairs)


def _ref(fill: Fill) -> ReadingRef:
    return ref(fill, "compartment", "temperature_c", "smoke", "fill_pct")
