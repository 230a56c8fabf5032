"""A load tipped where it may not be 非法倾倒.

Every stop of a truck outside the sites where it may tip or load is scored (`rules.detectors.illegal_dumping.score`).
Not scored yet,
because nothing reports them: known hot spots, manifests overdue or short.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from devices.city.model import City, Device, DeviceRole, approved_at
from devices.city.sites import SiteKind
from devices.readings.models import Load, Position, Weighing
from rules.alerts.model import Evidence, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, where, who
from rules.detectors.illegal_dumping.score import (
    IllegalDumpingParameters,
    Stop,
    Term,
    families_of,
    finding,
    not_found,
    terms_of,
)
from rules.tracking import Fix, LoadState, Track
from rules.tracking.load import ticket_net_kg

_NEUTRAL: Final = frozenset({SiteKind.CONSTRUCTION_SITE, SiteKind.RECYCLING_POINT})
"""Where trucks load and clean their beds: what happens there is not dumping."""
_NEVER_TIPPED_AT: Final = frozenset({SiteKind.DEPOT, SiteKind.WASH_BAY})
_KEPT_ALLEGED: Final = 4


@dataclass(frozen=True, slots=True)
class Alleged:
    """A stop people were told of; a ticket may still clear it."""

    onset: int
    before_kg: float | None


@dataclass(slots=True)
class DumpingState:
    """Of one truck."""

    stop: Stop | None = None
    alleged: tuple[Alleged, ...] = ()


class IllegalDumping(Rule[DumpingState]):
    """See the module."""

    name: ClassVar = "illegal_dumping"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    state = DumpingState

    def __init__(self, parameters: IllegalDumpingParameters | None = None) -> None:
        self.parameters: IllegalDumpingParameters = parameters or IllegalDumpingParameters()

    def judge(self, step: Observation, state: DumpingState) -> Sequence[Verdict]:
        """See Rule."""
        reading, fix, track = step.reading, step.fix, step.track
        if fix is None or track is None or not isinstance(reading, Position):
            return self.judge_late(step, state)
        if state.stop is None and not (fix.usable and _may_begin(fix, track)):
            return ()
        return tuple(self._judge_fix(step, reading, fix, track, state))

    def judge_late(self, step: Observation, state: DumpingState) -> Sequence[Verdict]:
        """See Rule. A ticket clears, however late it comes."""
        return tuple(self._cleared_by(step.reading, step, state)) if isinstance(step.reading, Weighing) else ()

    def _judge_fix(
        self, step: Observation, position: Position, fix: Fix, track: Track, state: DumpingState
    ) -> Iterator[Verdict]:
        if not fix.usable:
            borne_out = state.stop is not None and track.motion.ts > state.stop.onset  # by a second usable fix
            if state.stop is not None and borne_out and not fix.blind and not state.stop.left_at:
                self._sense(step, position, fix, track, state.stop)
                yield from self._say(step, state.stop)
            return
        outside = self._outside(fix, step.device, step.city)
        if state.stop is not None and (not outside or self._is_over(fix, track, state.stop)):
            yield from self._finish(step, state)
        if state.stop is None:
            if not outside or not _may_begin(fix, track):
                return
            state.stop = self._begin(step, fix, track)
        if not state.stop.left_at and state.stop.place.distance_m(fix.xy) > self.parameters.away_m:
            state.stop.left_at = fix.ts
        self._sense(step, position, fix, track, state.stop)
        yield from self._say(step, state.stop)

    def _outside(self, fix: Fix, device: Device, city: City) -> bool:
        """Clearly beyond the fence of every site where this truck may tip or loads."""
        beyond_m = self.parameters.fence_m + fix.outside_m()
        return not any(
            distance_m <= beyond_m
            and (
                site.kind in _NEUTRAL
                or (device.vehicle_id is not None and city.may_tip(device.vehicle_id, site, fix.ts))
            )
            for site, distance_m in fix.sites
        )

    def _is_over(self, fix: Fix, track: Track, stop: Stop) -> bool:
        """Left long ago; or left, and something new begins elsewhere."""
        if not stop.left_at:
            return False
        raised_anew = track.lift.is_on(fix.ts) and track.lift.since > stop.left_at
        if raised_anew or fix.ts - stop.left_at > self.parameters.linger_s * 1000:
            return True
        return track.motion.anchor is not None and not stop.suspected

    def _begin(self, step: Observation, fix: Fix, track: Track) -> Stop:
        place = where(fix.xy, step.city, fix.ts)
        load = track.load
        fresh = (
            load.steady_ts > load.site_left and fix.ts - load.steady_ts <= self.parameters.weight_drop_within_s * 1000
        )
        kinds = {site.kind for site, distance_m in fix.sites if distance_m <= self.parameters.fence_m}
        return Stop(
            onset=fix.ts,
            place=fix.xy,
            place_en=place.en,
            place_zh=place.zh,
            load=load.state,
            before_kg=load.steady_kg if fresh else None,
            terminal_loaded=load.terminal is LoadState.LOADED,
            depot_or_wash=not kinds.isdisjoint(_NEVER_TIPPED_AT),
            off_corridor=self._off_corridor(fix, step),
            data_gap=self._is_gap(fix),
        )

    def _sense(self, step: Observation, position: Position, fix: Fix, track: Track, stop: Stop) -> None:
        """Take this reading into the stop; once the truck has left, only what its load says."""
        ts = fix.ts
        if not stop.left_at:
            self._sense_stop(fix, track, stop)
            stop.refs = bounded(
                stop.refs, ref(step.reading, "lat", "lon", "speed_kmh", "lift_up", "cover_open", "load", "load_kg")
            )
        load = track.load
        in_time = ts - stop.onset <= self.parameters.weight_drop_within_s * 1000
        if load.steady_ts > stop.onset and in_time:
            stop.after_kg = load.steady_kg
            if stop.lift_down_at and load.steady_ts - stop.lift_down_at >= self.parameters.settle_s * 1000:
                stop.after_down_kg = load.steady_kg
        if position.load is not None and in_time:
            stop.terminal_empty = position.load is Load.EMPTY

    def _sense_stop(self, fix: Fix, track: Track, stop: Stop) -> None:
        ts, standing_ms = fix.ts, track.standing_ms(fix.ts)
        stop.stay_ms = max(stop.stay_ms, standing_ms)
        stop.data_gap |= self._is_gap(fix) and ts > stop.onset
        up_ms = track.lift.on_for_ms(ts)
        if up_ms:
            stop.lift_ms = max(stop.lift_ms, up_ms)
            stop.lift_standing_ms = max(stop.lift_standing_ms, min(up_ms, standing_ms))
            stop.lift_at = stop.lift_at or fix.xy
            stop.lift_down_at = 0
            stop.crept_m = max(stop.crept_m, stop.lift_at.distance_m(fix.xy))
        elif stop.lift_ms and track.lift.on is False and not stop.lift_down_at:
            stop.lift_down_at = track.lift.since
        opened_here = track.cover.is_on(ts) and track.cover.since >= stop.onset
        stop.cover_opened |= opened_here and standing_ms > 0

    def _is_gap(self, fix: Fix) -> bool:
        return fix.gap_ms >= self.parameters.data_gap_s * 1000

    def _off_corridor(self, fix: Fix, step: Observation) -> bool:
        """False where no route is approved: then nobody knows."""
        geometry = step.city.geometry
        offsets = [geometry.route_offset(route, fix.xy) for route in approved_at(step.approvals, fix.ts)]
        return bool(offsets) and min(offsets).distance_m - fix.outside_m() > self.parameters.off_corridor_m

    def _say(self, step: Observation, stop: Stop) -> Iterator[Verdict]:
        limits = self.parameters
        terms = terms_of(stop, limits)
        score = limits.start_score + sum(terms.values())
        if score >= limits.confirmed_score and len(families_of(terms)) >= limits.families:
            stop.suspected = stop.confirmed = True
            yield self._verdict(step, stop, terms, score)
        elif score >= limits.suspected_score:
            stop.suspected = True
            yield self._verdict(step, stop, terms, score)
        elif stop.suspected and not stop.confirmed:
            stop.suspected = False
            yield Verdict(step.device.id, Level.CLEAR, step.reading.ts, stop.onset)
        elif stop.confirmed:
            stop.suspected = stop.confirmed = False
            evidence = self._evidence(step, stop, terms, score)
            yield Verdict(step.device.id, Level.RETRACTED, step.reading.ts, stop.onset, evidence=evidence)

    def _finish(self, step: Observation, state: DumpingState) -> Iterator[Verdict]:
        """A confirmed dump waits for people; a suspicion that was not borne out ends with its stop."""
        stop, state.stop = state.stop, None
        if stop is None or not stop.suspected:
            return
        state.alleged = (*state.alleged[1 - _KEPT_ALLEGED :], Alleged(stop.onset, stop.before_kg))
        level = Level.LEFT_OPEN if stop.confirmed else Level.CLEAR
        yield Verdict(step.device.id, level, step.reading.ts, stop.onset)

    def _cleared_by(self, ticket: Weighing, step: Observation, state: DumpingState) -> Iterator[Verdict]:
        """A disposal site weighed the load in afterwards: it was not tipped before."""
        vehicle_id, city = step.device.vehicle_id, step.city
        bridge = city.devices.get(ticket.device_id)
        site = city.sites.get(bridge.site_id) if bridge is not None and bridge.site_id is not None else None
        if vehicle_id is None or site is None or not city.may_tip(vehicle_id, site, ticket.ts):
            return
        if ticket.direction != "in" or not ticket.stable or ticket.manual_entry:
            return
        net_kg = ticket_net_kg(ticket, step.vehicle)
        loaded_at = _loaded_at(step.track)
        alleged = state.alleged
        if state.stop is not None and state.stop.suspected:
            alleged = (*alleged, Alleged(state.stop.onset, state.stop.before_kg))
        for claim in alleged:
            in_time = 0 <= ticket.ts - claim.onset <= self.parameters.ticket_within_s * 1000
            loaded_again = claim.onset < loaded_at <= ticket.ts
            if net_kg is not None and in_time and not loaded_again and net_kg >= self._enough_kg(claim):
                yield self._retraction(step, ticket, claim, net_kg)
                state.alleged = tuple(known for known in state.alleged if known != claim)
                if state.stop is not None and state.stop.onset == claim.onset:
                    state.stop = None

    def _enough_kg(self, claim: Alleged) -> float:
        if claim.before_kg is None:
            return self.parameters.ticket_min_kg
        return claim.before_kg * self.parameters.ticket_load_pct / 100

    def _retraction(self, step: Observation, ticket: Weighing, claim: Alleged, net_kg: float) -> Verdict:
        reason = Text(
            en=f"Ticket {ticket.ticket} of a permitted site shows {net_kg / 1000:.1f} t net afterwards:"
            " the load was still on the truck",
            zh=f"许可消纳场磅单{ticket.ticket}显示此后净重{net_kg / 1000:.1f}吨，货物仍在车上",
        )
        evidence = Evidence(
            parameters=self.parameters.model_dump(),
            findings=(reason,),
            readings=(ref(ticket, "ticket", "gross_kg", "tare_kg", "net_kg", "direction", "plate"),),
            measures={"net_kg": net_kg},
        )
        return Verdict(step.device.id, Level.RETRACTED, step.reading.ts, claim.onset, evidence=evidence)

    def _verdict(self, step: Observation, stop: Stop, terms: dict[Term, float], score: float) -> Verdict:
        truck = who(step.device, step.city)
        told_en, told_zh = (
            ("tipped its load", "非法倾倒") if stop.confirmed else ("may be tipping its load", "疑似非法倾倒")
        )
        return Verdict(
            subject=step.device.id,
            level=Level.CONFIRMED if stop.confirmed else Level.SUSPECTED,
            at=step.reading.ts,
            onset=stop.onset,
            severity=Severity.P1 if stop.confirmed else Severity.P2,
            place=step.city.plane.latlon(stop.place),
            title=Text(
                en=f"{truck.en} {told_en} outside permitted sites, {stop.place_en}",
                zh=f"{truck.zh}{told_zh}，{stop.place_zh}",
            ),
            evidence=self._evidence(step, stop, terms, score),
        )

    def _evidence(self, step: Observation, stop: Stop, terms: dict[Term, float], score: float) -> Evidence:
        return Evidence(
            parameters=self.parameters.model_dump(),
            findings=tuple(finding(term, weight, stop) for term, weight in terms.items()),
            ruled_out=(
                Text(
                    en="No site where this truck may tip or load is nearer than its fence margin",
                    zh="围栏容差范围内无该车可倾倒或装载的场地",
                ),
                *not_found(terms, _measured(step.track, stop, step.reading.ts)),
            ),
            readings=tuple(stop.refs),
            measures={
                "score": round(score, 2),
                "sensor_families": ",".join(sorted(families_of(terms))),
                "lift_s": stop.lift_ms // 1000,
                "stay_s": stop.stay_ms // 1000,
                **_weights(stop),
            },
        )


def _may_begin(fix: Fix, track: Track) -> bool:
    """A stop begins with a truck that stands, or with its bed up."""
    return track.motion.anchor is not None or track.standing_ms(fix.ts) > 0 or track.lift.is_on(fix.ts)


def _measured(track: Track | None, stop: Stop, ts: int) -> set[Term]:
    """What the truck's sensors could show: one that is missing, silent or chattering shows nothing."""
    if track is None:
        return set()
    works = {
        Term.LIFT_STANDING: track.lift.on is not None and not track.lift.faulty(ts),
        Term.WEIGHT_DROP: stop.before_kg is not None,
        Term.LOADED_TO_EMPTY: track.load.terminal_ts > 0,
        Term.COVER_OPENED: track.cover.on is not None and not track.cover.faulty(ts),
    }
    return {term for term, so in works.items() if so}


def _weights(stop: Stop) -> dict[str, float | int | str | bool]:
    known = {"before_kg": stop.before_kg, "after_kg": stop.after_kg}
    return {name: kg for name, kg in known.items() if kg is not None}


def _loaded_at(track: Track | None) -> int:
    """When the truck last left a place where it loads, device time in ms; 0 when never."""
    if track is None:
        return 0
    load = track.load
    return load.site_ts if load.site is LoadState.LOADED else 0
