"""Judges whether the sensors of a truck can be believed: lift and cover switch, and on-board weight.

A switch that chatters, or a bed that is up at full speed, is found by tracking, where it loses its vote in every rule;
here people learn of it. That a sensor never moves, or does not return to zero, is seen by what others say: tickets and
stays at sites. Each finding is an incident of its own (`part`), given once and cleared when the sensor was healthy for
some time; one that returns within a shift is the same incident. Sensors of bins belong to `bin_overflow`, receivers to
`gnss_anomaly`. A negative weight never comes here: admission leaves it out.
"""

from collections.abc import Sequence
from statistics import median
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.readings.models import Position
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who, whole_seconds
from rules.detectors.sensor_fault import wording
from rules.detectors.sensor_fault.parameters import SensorFaultParameters
from rules.detectors.sensor_fault.state import COVER, LIFT, Fault, FormerFault, SensorState, SwitchLife, WeightLife
from rules.tracking import Fix, LoadState, Switch, Track
from rules.tracking.load import SENSOR_HOLDS_MS
from rules.tracking.switches import CHATTER_EDGES, CHATTER_WITHIN_MS

CHATTER: Final = "chatter"
STUCK: Final = "stuck"
WEIGHT_STUCK: Final = "weight_stuck"
DRIFT: Final = "weight_drift"
AT_SPEED: Final = "lift_at_speed"
TOO_HIGH: Final = "weight_too_high"
_LOADED: Final = LoadState.LOADED
_EMPTY: Final = LoadState.EMPTY
_KEPT_EDGES: Final = 12
_FIELDS: Final = {LIFT: ("lift_up", "speed_kmh"), COVER: ("cover_open", "speed_kmh")}

Measures = dict[str, float | int | str | bool]


class SensorFault(Rule[SensorState]):
    """CONFIRMED once for each finding, CLEAR when its sensor was healthy for `healthy_s`."""

    name: ClassVar = "sensor_fault"
    version: ClassVar = 2
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    state = SensorState

    def __init__(self, parameters: SensorFaultParameters | None = None) -> None:
        self.parameters: SensorFaultParameters = parameters or SensorFaultParameters()
        # A compiled field is read in a tenth of the time of a model's.
        self._most_kg: float = self.parameters.most_kg
        self._driving_kmh: float = self.parameters.driving_kmh

    def judge(self, observation: Observation, state: SensorState) -> Sequence[Verdict]:
        """Take a position that came in order. Nearly always it is only counted."""
        position, fix, track = observation.position, observation.fix, observation.track
        if position is None or fix is None or track is None:
            return ()
        looks = state.faults is not None
        lift_up, cover_open, load_kg = position.lift_up, position.cover_open, position.load_kg
        if lift_up is not None:
            lift = state.lift
            if lift is None:
                lift = state.lift = SwitchLife()
            looks |= lift.report(lift_up) or track.lift.drives_since > 0 or bool(state.driven)
        if cover_open is not None:
            cover = state.cover
            if cover is None:
                cover = state.cover = SwitchLife()
            looks |= cover.report(cover_open)
        if load_kg is not None:
            weight = state.weight
            if weight is None:
                weight = state.weight = WeightLife()
            weight.report(load_kg)
            looks |= load_kg > self._most_kg or weight.heavy_since > 0 or weight.awaited_since > 0
        if state.lift is None and state.cover is None and state.weight is None:
            return ()
        looks |= track.load.ticket_ts != state.ticket_ts or track.load.site_ts != state.site_ts
        verdicts = self._look(position, fix, track, observation, state) if looks else ()
        state.driving = fix.speed_kmh is not None and fix.speed_kmh >= self._driving_kmh
        return verdicts

    def _look(
        self, position: Position, fix: Fix, track: Track, observation: Observation, state: SensorState
    ) -> Sequence[Verdict]:
        """Look at everything that a position may show."""
        verdicts: list[Verdict] = []
        lift, cover, weight = state.lift, state.cover, state.weight
        if lift is not None and position.lift_up is not None:
            self._look_at_switch(LIFT, position.lift_up, track.lift, lift, observation, state, verdicts)
        if cover is not None and position.cover_open is not None:
            self._look_at_switch(COVER, position.cover_open, track.cover, cover, observation, state, verdicts)
        self._look_at_speed(track.lift, fix, observation, state, verdicts)
        if weight is not None and position.load_kg is not None:
            self._look_at_weight(position.load_kg, weight, observation, state, verdicts)
        self._look_at_load(track, observation, state, verdicts)
        if weight is not None:
            self._look_at_level(track, weight, observation, state, verdicts)
        self._clear(position, observation, state, verdicts)
        return verdicts

    def _look_at_switch(
        self,
        name: str,
        value: bool,
        switch: Switch,
        life: SwitchLife,
        observation: Observation,
        state: SensorState,
        verdicts: list[Verdict],
    ) -> None:
        """Note an edge; find a switch that has too many."""
        limits, ts, reason = self.parameters, observation.ts, f"{name}_{CHATTER}"
        fault, before = _fault(reason, state), life.value
        life.value = value
        if before is None or before is value:
            if fault is not None and not fault.good_since and life.edges:
                fault.good_since = life.edges[-1].ts
            return
        life.edges = (*life.edges[1 - _KEPT_EDGES :], ref(observation.reading, *_FIELDS[name]))
        _mend(f"{name}_{STUCK}", ts, state)
        if state.driving and _drives_on(observation.fix, limits):
            oldest = ts - limits.driving_within_s * 1000
            life.driving_edges = (*(edge for edge in life.driving_edges if edge >= oldest), ts)[-_KEPT_EDGES:]
        if fault is not None:
            fault.good_since = 0
            return
        fast = len(switch.edges) > CHATTER_EDGES
        if not fast and len(life.driving_edges) <= limits.driving_edges:
            return
        oldest = ts - CHATTER_WITHIN_MS if fast else life.driving_edges[0]
        edges = [edge for edge in life.edges if (edge.ts > oldest if fast else edge.ts >= oldest)]
        over_ms, driving = ts - edges[0].ts, sum(edge >= edges[0].ts for edge in life.driving_edges)
        findings = [wording.chatters(name, len(edges), over_ms)]
        measures: Measures = {"edges": len(edges), "over_s": whole_seconds(over_ms)}
        if not fast:
            findings.append(wording.while_driving(driving, limits.driving_kmh))
            measures["driving_edges"] = driving
        else:
            findings.append(wording.NO_VOTE)
        verdicts.append(self._found(reason, edges[0].ts, observation, state, findings, edges, measures))

    def _look_at_speed(
        self, lift: Switch, fix: Fix, observation: Observation, state: SensorState, verdicts: list[Verdict]
    ) -> None:
        """Find a bed that is up where no bed can be."""
        if not lift.drives_since:
            state.driven, state.peak_kmh = (), 0.0
            if lift.raw is False:
                _mend(AT_SPEED, fix.ts, state)
            return
        if lift.drove_ts != fix.ts:
            return
        state.driven = tuple(bounded(state.driven, ref(observation.reading, *_FIELDS[LIFT])))
        state.peak_kmh = max(state.peak_kmh, fix.speed_kmh or 0.0)
        fault = _fault(AT_SPEED, state)
        if fault is not None:
            fault.good_since = 0
        elif lift.is_impossible:
            peak_kmh = round(state.peak_kmh, 1)
            findings = [wording.up_at_speed(lift.drove_ms, peak_kmh), wording.NO_VOTE]
            measures: Measures = {"up_s": whole_seconds(lift.drove_ms), "peak_kmh": peak_kmh}
            cited = state.driven
            verdicts.append(self._found(AT_SPEED, lift.drives_since, observation, state, findings, cited, measures))

    def _look_at_weight(
        self, kg: float, weight: WeightLife, observation: Observation, state: SensorState, verdicts: list[Verdict]
    ) -> None:
        """Find a weight that no truck carries."""
        limits, ts = self.parameters, observation.ts
        if kg <= limits.most_kg:
            weight.heavy, weight.heavy_since = (), 0
            _mend(TOO_HIGH, ts, state)
            return
        weight.heavy_since = weight.heavy_since or ts
        weight.heavy = tuple(bounded(weight.heavy, ref(observation.reading, "load_kg")))
        fault = _fault(TOO_HIGH, state)
        if fault is not None:
            fault.good_since = 0
            return
        if len(weight.heavy) >= limits.most_readings and ts - weight.heavy_since >= limits.most_s * 1000:
            measures: Measures = {"weight_kg": round(kg, 1)}
            findings = [wording.too_heavy(round(kg, 1), limits.most_kg)]
            verdicts.append(
                self._found(TOO_HIGH, weight.heavy_since, observation, state, findings, weight.heavy, measures)
            )

    def _look_at_load(
        self, track: Track, observation: Observation, state: SensorState, verdicts: list[Verdict]
    ) -> None:
        """Note what tickets and sites show of the load; at an emptying, ask what the sensors showed of this load."""
        load = track.load
        if load.ticket_ts == state.ticket_ts and load.site_ts == state.site_ts:
            return
        state.ticket_ts, state.site_ts = load.ticket_ts, load.site_ts
        newest = load.ticket if load.ticket_ts >= load.site_ts else load.site
        if newest is _LOADED:
            state.loaded = True
            if state.weight is not None:
                state.weight.awaited_since = 0
        if newest is not _EMPTY or not state.loaded:
            return
        state.loaded = False
        reading = observation.reading
        state.emptyings = tuple(bounded(state.emptyings, ref(reading, "lift_up", "cover_open", "load_kg")))
        if state.lift is not None:
            self._ask_switch(LIFT, state.lift, observation, state, verdicts)
        if state.cover is not None:
            self._ask_switch(COVER, state.cover, observation, state, verdicts)
        if state.weight is not None:
            self._ask_weight(state.weight, observation, state, verdicts)

    def _ask_switch(
        self, name: str, life: SwitchLife, observation: Observation, state: SensorState, verdicts: list[Verdict]
    ) -> None:
        """Find a switch that never showed bed or cover move."""
        limits, reports = self.parameters, life.off
        if life.on:
            life.still_loads = 0
        elif reports >= limits.stuck_readings:
            life.still_loads += 1
        life.on = life.off = 0
        reason = f"{name}_{STUCK}"
        if life.still_loads < limits.stuck_loads or _fault(reason, state) is not None:
            return
        cited = state.emptyings[-life.still_loads :]
        findings = [wording.never_moved(name, life.still_loads, reports)]
        measures: Measures = {"loads": life.still_loads, "reports": reports}
        verdicts.append(self._found(reason, cited[0].ts, observation, state, findings, cited, measures))

    def _ask_weight(
        self, weight: WeightLife, observation: Observation, state: SensorState, verdicts: list[Verdict]
    ) -> None:
        """Find a weight that stayed the same; await the level of the empty truck of one that moved."""
        limits, reports = self.parameters, weight.reports
        low, high = round(weight.lowest_kg, 1), round(weight.highest_kg, 1)
        weight.reports = 0
        if reports < limits.stuck_readings:
            return
        if high - low >= limits.stuck_kg:
            weight.still_loads, weight.awaited_since, weight.full_kg = 0, observation.ts, high
            _mend(WEIGHT_STUCK, observation.ts, state)
            return
        weight.still_loads += 1
        if weight.still_loads < limits.stuck_loads or _fault(WEIGHT_STUCK, state) is not None:
            return
        cited = state.emptyings[-weight.still_loads :]
        findings = [wording.same_weight(weight.still_loads, low, high)]
        measures: Measures = {"loads": weight.still_loads, "lowest_kg": low, "highest_kg": high}
        verdicts.append(self._found(WEIGHT_STUCK, cited[0].ts, observation, state, findings, cited, measures))

    def _look_at_level(
        self, track: Track, weight: WeightLife, observation: Observation, state: SensorState, verdicts: list[Verdict]
    ) -> None:
        """Take the steady weight of an emptied truck; find one that does not return to zero."""
        limits, load, ts = self.parameters, track.load, observation.ts
        if not weight.awaited_since or load.steady_ts != ts:
            return
        emptied_at, weight.awaited_since = weight.awaited_since, 0
        is_full = load.steady_kg > weight.full_kg / 2  # it was not emptied, whatever its positions say
        if is_full or ts - emptied_at > SENSOR_HOLDS_MS:  # or it may be loaded again
            return
        if load.steady_kg < limits.drift_kg:
            weight.empty_levels = ()
            _mend(DRIFT, ts, state)
            return
        cited = weight.empty_levels = tuple(bounded(weight.empty_levels, ref(observation.reading, "load_kg")))
        if len(cited) < limits.drift_loads or _fault(DRIFT, state) is not None:
            return
        median_kg = round(median([float(one.values["load_kg"]) for one in cited]), 1)
        measures: Measures = {"loads": len(cited), "level_kg": median_kg}
        findings = [wording.drifted(len(cited), median_kg)]
        verdicts.append(self._found(DRIFT, cited[0].ts, observation, state, findings, cited, measures))

    def _clear(self, position: Position, observation: Observation, state: SensorState, verdicts: list[Verdict]) -> None:
        """End the findings whose sensors were healthy long enough; one that reports nothing is not healthy."""
        if state.faults is None:
            return
        for reason, fault in [*state.faults.items()]:
            healthy_ms = observation.ts - fault.good_since
            if not fault.good_since or healthy_ms < self.parameters.healthy_s * 1000 or not _reports(reason, position):
                continue
            del state.faults[reason]
            state.former = {**(state.former or {}), reason: FormerFault(fault.since, observation.ts)}
            evidence = Evidence(
                parameters=self.parameters.model_dump(),
                findings=(wording.healthy(healthy_ms),),
                readings=(ref(observation.reading, "lift_up", "cover_open", "load_kg"),),
                measures={"reason": reason, "healthy_s": whole_seconds(healthy_ms)},
            )
            subject = observation.device.id
            verdicts.append(Verdict(subject, Level.CLEAR, observation.ts, fault.since, evidence=evidence, part=reason))
        if not state.faults:
            state.faults = None

    def _found(
        self,
        reason: str,
        since: int,
        observation: Observation,
        state: SensorState,
        findings: Sequence[Text],
        cited: Sequence[ReadingRef],
        measures: Measures,
    ) -> Verdict:
        if state.faults is None:
            state.faults = {}
        former = state.former.get(reason) if state.former is not None else None
        returns = former is not None and observation.ts - former.ended <= self.parameters.same_fault_s * 1000
        onset = former.since if former is not None and returns else since
        state.faults[reason] = Fault(onset)
        device, city, fix = observation.device, observation.city, observation.fix
        by_load = reason.endswith(STUCK) or reason == DRIFT
        return Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=observation.ts,
            onset=onset,
            severity=Severity.P3,
            place=city.plane.latlon(fix.xy) if fix is not None and not returns else None,
            title=wording.title(who(device, city, observation.calendar_ts), reason),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=tuple(findings),
                ruled_out=(wording.NOT_ITS_LOAD if by_load else wording.NOT_ONE_READING,),
                readings=tuple(cited),
                measures={"reason": reason} | measures,
            ),
            part=reason,
        )


def _fault(reason: str, state: SensorState) -> Fault | None:
    return state.faults.get(reason) if state.faults is not None else None


def _drives_on(fix: Fix | None, limits: SensorFaultParameters) -> bool:
    """True if it drives, and reported so lately that it did not stop since."""
    if fix is None or fix.speed_kmh is None:
        return False
    return fix.speed_kmh >= limits.driving_kmh and fix.gap_ms <= limits.driving_gap_s * 1000


def _reports(reason: str, position: Position) -> bool:
    """True if the position has a value of the sensor that a finding is about."""
    if reason.startswith(LIFT):
        return position.lift_up is not None
    return position.cover_open is not None if reason.startswith(COVER) else position.load_kg is not None


def _mend(reason: str, ts: int, state: SensorState) -> None:
    """Note that the sensor of a finding is healthy."""
    fault = _fault(reason, state)
    if fault is not None:
        fault.good_since = fault.good_since or ts
