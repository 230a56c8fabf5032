"""Judges whether a truck tips its load where it may not.

Each stop of a truck outside the sites where it may tip or load gets a score (`rules.detectors.illegal_dumping.score`).
Of a truck with neither lift nor load sensor it counts too what it does afterwards (`afterwards`). What the manifest of
the load says counts too (`short_loads`): that less arrived is known when the rest is weighed, and then counts for the
stops before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.city.sites import SiteKind
from devices.geo.geometry import XY
from devices.readings.models import Load, Position, Weighing
from rules.alerts.model import Evidence, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, where, who, whole_seconds
from rules.detectors.illegal_dumping import wording
from rules.detectors.illegal_dumping.afterwards import Afterwards, Haul, is_unsensed, measures_of
from rules.detectors.illegal_dumping.evidence import basis_of, cited_readings, measured_of, weights_of
from rules.detectors.illegal_dumping.parameters import IllegalDumpingParameters
from rules.detectors.illegal_dumping.score import (
    Stop,
    Term,
    families_of,
    is_suspected,
    shown_after_kg,
    terms_of,
    total,
)
from rules.detectors.illegal_dumping.short_loads import is_overdue, short_load
from rules.tracking import Fix, LoadState, Track
from rules.tracking.load import STEADY_KG, is_believed, ticket_net_kg

_NEUTRAL: Final = frozenset({SiteKind.CONSTRUCTION_SITE, SiteKind.RECYCLING_POINT})
"""Sites where trucks load and clean their beds: a lift there is no dumping."""
_NEVER_TIPPED_AT: Final = frozenset({SiteKind.DEPOT, SiteKind.WASH_BAY})
_NOWHERE: Final[frozenset[SiteKind]] = frozenset()
_KEPT_ALLEGED: Final = 4
_UNSEEN_M_PER_S: Final = 22.0
"""In a straight line no truck with a load comes farther: 80 km/h."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(frozen=True, slots=True)
class AllegedStop:
    """A stop with an alert, which a ticket may still retract."""

    onset: int
    """Device time, ms."""
    before_kg: float | None
    """Load before the stop; None where it is not known."""


@dataclass(slots=True)
class DumpingState:
    """State of one truck: its running stop, and the last few that led to an alert."""

    stop: Stop | None = None
    alleged: tuple[AllegedStop, ...] = ()
    haul: Haul = field(default_factory=Haul)
    weak: tuple[Stop, ...] = ()
    """Its last stops that would be suspected if of the load less arrives than was sent."""


class IllegalDumping(Rule[DumpingState]):
    """SUSPECTED or CONFIRMED by a stop's score, LEFT_OPEN after a confirmed one; a ticket or the scale may retract."""

    name: ClassVar = "illegal_dumping"
    version: ClassVar = 3
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = DumpingState

    def __init__(self, parameters: IllegalDumpingParameters | None = None) -> None:
        self.parameters: IllegalDumpingParameters = parameters or IllegalDumpingParameters()

    def judge(self, observation: Observation, state: DumpingState) -> Sequence[Verdict]:
        """Follow the truck's stop with a position; a ticket may retract earlier alerts."""
        position, fix, track = observation.position, observation.fix, observation.track
        if fix is None or track is None or position is None:
            found = self.judge_late(observation, state)
            return (*found, *self._of_short_load(observation, state)) if state.weak else found
        if not track.lift.seen:  # nobody asks for the haul of a truck with a sensor
            at_tip = fix.usable and bool(fix.sites) and observation.is_near_site(self.parameters.fence_m, _NOWHERE)
            state.haul.take(position, may_be_empty=at_tip or fix.regained)
        if state.stop is None and not (fix.usable and _may_begin(fix, track)):
            return ()
        return tuple(self._judge_fix(observation, position, fix, track, state))

    def judge_late(self, observation: Observation, state: DumpingState) -> Sequence[Verdict]:
        """Take a ticket, which retracts however late it comes."""
        reading = observation.reading
        return tuple(self._retractions(reading, observation, state)) if isinstance(reading, Weighing) else ()

    def _of_short_load(self, observation: Observation, state: DumpingState) -> Iterator[Verdict]:
        """Suspect the stops with a load of which less arrived than was sent. They are over."""
        load = short_load(observation)
        if load is None or load.short_pct <= self.parameters.manifest_short_pct:
            return
        for stop in state.weak:
            if not load.left_at <= observation.calendar_of(stop.onset) <= load.arrived_at:
                continue
            stop.manifest_short_pct = load.short_pct
            terms = terms_of(stop, self.parameters)
            if is_suspected(stop, terms, total(terms, self.parameters), self.parameters):
                found = self._verdict(observation, stop, terms, total(terms, self.parameters))
                yield from (found, replace(found, level=Level.CLEAR))
        state.weak = tuple(one for one in state.weak if observation.calendar_of(one.onset) > load.arrived_at)

    def _judge_fix(
        self, observation: Observation, position: Position, fix: Fix, track: Track, state: DumpingState
    ) -> Iterator[Verdict]:
        if not fix.usable:
            seen_twice = state.stop is not None and track.motion.ts > state.stop.onset  # by a second usable fix
            if state.stop is not None and seen_twice and not fix.blind and not state.stop.left_at:
                self._update(observation, position, fix, track, state.stop)
                yield from self._verdicts(observation, state.stop)
            return
        outside = self._outside(observation, fix)
        if state.stop is not None and state.stop.after.loaded and _is_at_source(fix):
            if track.motion.anchor is None:
                return  # it may only pass through
            state.stop.after.at_source = True
            yield from self._verdicts(observation, state.stop)
        if state.stop is not None and (not outside or self._is_over(observation, fix, track, state.stop)):
            yield from self._finish(observation, state)
        if state.stop is None:
            if not outside or not _may_begin(fix, track):
                return
            state.stop = self._begin(observation, fix, track, state)
        if not state.stop.left_at and state.stop.place.distance_m(fix.xy) > self.parameters.away_m:
            state.stop.left_at = fix.ts
        if state.stop.unsensed:
            state.stop.after.carry(position)
            state.stop.after.drive(observation, fix, state.haul, self.parameters)
        self._update(observation, position, fix, track, state.stop)
        yield from self._verdicts(observation, state.stop)

    def _outside(self, observation: Observation, fix: Fix) -> bool:
        """True if the fix is clearly beyond the fence of every site where this truck may tip or load."""
        return not observation.is_near_site(self.parameters.fence_m + fix.outside_m(), _NEUTRAL)

    def _is_over(self, observation: Observation, fix: Fix, track: Track, stop: Stop) -> bool:
        """True if the truck left long ago, or unseen by way of a tip, or left and begins something new elsewhere."""
        is_elsewhere = self._is_gap(fix) and stop.place.distance_m(fix.xy) > self.parameters.away_m
        if is_elsewhere and self._may_have_tipped(observation, fix, fix.gap_ms, stop.place):
            return True
        if not stop.left_at:
            return False
        raised_anew = track.lift.is_on(fix.ts) and track.lift.since > stop.left_at
        if raised_anew or fix.ts - stop.left_at > self.parameters.linger_s * 1000:
            return True
        drives_back = stop.after.back_m > self.parameters.away_m  # it turned here, and not where it stops next
        return track.motion.anchor is not None and not stop.suspected and not drives_back

    def _may_have_tipped(self, observation: Observation, fix: Fix, unseen_ms: int, start: XY) -> bool:
        """True if a site where the truck may tip lies on a way from `start` that it can have driven meanwhile."""
        vehicle_id, city, ts = observation.device.vehicle_id, observation.city, fix.ts
        reach_m = _UNSEEN_M_PER_S * unseen_ms / 1000
        before_m = {site.id: distance_m for site, distance_m in city.geometry.sites_near(start, reach_m, ts)}
        return vehicle_id is not None and any(
            distance_m + before_m.get(site.id, reach_m) <= reach_m and city.may_tip(vehicle_id, site, ts)
            for site, distance_m in city.geometry.sites_near(fix.xy, reach_m, ts)
        )

    def _begin(self, observation: Observation, fix: Fix, track: Track, state: DumpingState) -> Stop:
        place = where(fix.xy, observation.city, observation.calendar_ts)
        load = track.load
        weighed_ms_ago = fix.ts - load.steady_ts
        fresh = load.steady_ts > load.site_left and weighed_ms_ago <= self.parameters.weight_drop_within_s * 1000
        if fresh and weighed_ms_ago >= self.parameters.data_gap_s * 1000:
            fresh = not self._may_have_tipped(observation, fix, weighed_ms_ago, fix.xy)
        hotspot = observation.city.hotspot_at(fix.xy)
        kinds = {site.kind for site, distance_m in fix.sites if distance_m <= self.parameters.fence_m}
        return Stop(
            onset=fix.ts,
            place=fix.xy,
            place_en=place.en,
            place_zh=place.zh,
            load=load.state,
            before_kg=load.steady_kg if fresh else None,
            before_ts=load.steady_ts if fresh else 0,
            terminal_loaded=load.terminal is LoadState.LOADED,
            depot_or_wash=not kinds.isdisjoint(_NEVER_TIPPED_AT),
            off_corridor=observation.is_off_routes(self.parameters.off_corridor_m),
            data_gap=self._is_gap(fix),
            hotspot="" if hotspot is None else hotspot.id,
            unsensed=is_unsensed(track),
            after=state.haul.at_a_stop(load, fix.ts, self.parameters) if is_unsensed(track) else Afterwards(),
        )

    def _update(self, observation: Observation, position: Position, fix: Fix, track: Track, stop: Stop) -> None:
        """Add this reading to the stop; once the truck has left, only its load."""
        ts = fix.ts
        if not stop.left_at:
            stop.manifest_overdue |= is_overdue(observation)
            self._measure(fix, track, stop)
            self._cite(observation, stop)
        load = track.load
        in_time = ts - stop.onset <= self.parameters.weight_drop_within_s * 1000
        if position.load_kg is not None and in_time and not stop.left_at:
            stop.last_kg, stop.last_ts = position.load_kg, ts
        if load.steady_ts > stop.onset and in_time:
            moved = stop.after_kg is None or abs(load.steady_kg - stop.after_kg) > STEADY_KG
            if not stop.left_at or moved:
                stop.after_kg, stop.after_ts = load.steady_kg, load.steady_ts
            if stop.left_at and moved:
                stop.last_kg, stop.last_ts = stop.after_kg, stop.after_ts
                self._cite(observation, stop)
            if stop.lift_down_at and load.steady_ts - stop.lift_down_at >= self.parameters.settle_s * 1000:
                stop.after_down_kg = load.steady_kg
        if position.load is not None and in_time:
            stop.terminal_empty = position.load is Load.EMPTY

    def _cite(self, observation: Observation, stop: Stop) -> None:
        fields = ("lat", "lon", "speed_kmh", "lift_up", "cover_open", "load", "load_kg")
        stop.refs = bounded(stop.refs, ref(observation.reading, *fields))

    def _measure(self, fix: Fix, track: Track, stop: Stop) -> None:
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

    def _verdicts(self, observation: Observation, stop: Stop) -> Iterator[Verdict]:
        limits = self.parameters
        terms = terms_of(stop, limits)
        score = total(terms, limits)
        if score >= limits.confirmed_score and len(families_of(terms)) >= limits.families:
            stop.suspected = stop.confirmed = True
            yield self._verdict(observation, stop, terms, score)
        elif is_suspected(stop, terms, score, limits):
            stop.suspected = True
            yield self._verdict(observation, stop, terms, score)
        elif stop.suspected and not stop.confirmed:
            stop.suspected = False
            evidence = self._evidence(observation, stop, terms, score)
            yield Verdict(observation.device.id, Level.CLEAR, observation.reading.ts, stop.onset, evidence=evidence)
        elif stop.confirmed:
            stop.suspected = stop.confirmed = False
            evidence = self._evidence(observation, stop, terms, score)
            yield Verdict(observation.device.id, Level.RETRACTED, observation.reading.ts, stop.onset, evidence=evidence)

    def _finish(self, observation: Observation, state: DumpingState) -> Iterator[Verdict]:
        """End the stop: a confirmed dump waits for a person, a suspicion is cleared."""
        stop, state.stop = state.stop, None
        if stop is None or not stop.suspected:
            if stop is not None and observation.manifests is not None and observation.manifests.open:
                score = total(terms_of(stop, self.parameters), self.parameters)
                if score + self.parameters.manifest_short_score >= self.parameters.suspected_score:
                    state.weak = (*state.weak[1 - _KEPT_ALLEGED :], stop)
            return
        state.alleged = (*state.alleged[1 - _KEPT_ALLEGED :], AllegedStop(stop.onset, stop.before_kg))
        terms = terms_of(stop, self.parameters)
        last = self._verdict(observation, stop, terms, total(terms, self.parameters))
        yield replace(last, level=Level.LEFT_OPEN if stop.confirmed else Level.CLEAR)

    def _retractions(self, ticket: Weighing, observation: Observation, state: DumpingState) -> Iterator[Verdict]:
        """Retract alerts for a load that a disposal site weighed in afterwards."""
        vehicle_id, city = observation.device.vehicle_id, observation.city
        bridge = city.devices.get(ticket.device_id)
        site = city.site_of(bridge, observation.calendar_ts) if bridge is not None else None
        if vehicle_id is None or site is None or not city.may_tip(vehicle_id, site, observation.calendar_ts):
            return
        if ticket.direction != "in" or ticket.manual_entry or not is_believed(ticket, city):
            return
        if observation.track is not None and observation.track.load.is_repeated(ticket):
            return
        net_kg = ticket_net_kg(ticket, observation.vehicle)
        loaded_at = 0 if observation.track is None else observation.track.load.loaded_at
        alleged = state.alleged
        if state.stop is not None and state.stop.suspected:
            alleged = (*alleged, AllegedStop(state.stop.onset, state.stop.before_kg))
        for alleged_stop in alleged:
            in_time = 0 <= ticket.ts - alleged_stop.onset <= self.parameters.ticket_within_s * 1000
            loaded_again = alleged_stop.onset < loaded_at <= ticket.ts
            if net_kg is not None and in_time and not loaded_again and net_kg >= self._enough_kg(alleged_stop):
                yield self._retraction(observation, ticket, alleged_stop, net_kg)
                state.alleged = tuple(other for other in state.alleged if other != alleged_stop)
                if state.stop is not None and state.stop.onset == alleged_stop.onset:
                    state.stop = None

    def _enough_kg(self, alleged_stop: AllegedStop) -> float:
        if alleged_stop.before_kg is None:
            return self.parameters.ticket_min_kg
        return alleged_stop.before_kg * self.parameters.ticket_load_pct / 100

    def _retraction(
        self, observation: Observation, ticket: Weighing, alleged_stop: AllegedStop, net_kg: float
    ) -> Verdict:
        reason = wording.load_still_on(ticket.ticket, net_kg)
        evidence = Evidence(
            parameters=self.parameters.model_dump(),
            findings=(reason,),
            readings=(ref(ticket, "ticket", "gross_kg", "tare_kg", "net_kg", "direction", "plate"),),
            measures={"net_kg": net_kg},
        )
        return Verdict(
            observation.device.id, Level.RETRACTED, observation.reading.ts, alleged_stop.onset, evidence=evidence
        )

    def _verdict(self, observation: Observation, stop: Stop, terms: dict[Term, float], score: float) -> Verdict:
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED if stop.confirmed else Level.SUSPECTED,
            at=observation.reading.ts,
            onset=stop.onset,
            severity=self._severity(stop, score),
            place=observation.city.plane.latlon(stop.place),
            title=wording.title(
                who(observation.device, observation.city, observation.calendar_ts),
                Text(en=stop.place_en, zh=stop.place_zh),
                confirmed=stop.confirmed,
                unsensed=stop.unsensed,
            ),
            evidence=self._evidence(observation, stop, terms, score),
            basis=basis_of(stop, terms),
        )

    def _severity(self, stop: Stop, score: float) -> Severity:
        if stop.confirmed:
            return Severity.P1
        return Severity.P2 if score >= self.parameters.suspected_score else Severity.P3

    def _evidence(self, observation: Observation, stop: Stop, terms: dict[Term, float], score: float) -> Evidence:
        after_kg = shown_after_kg(stop, terms)
        findings = (wording.finding(term, term_score, stop, after_kg) for term, term_score in terms.items())
        unsettled = {Term.WEIGHT_DROP} if stop.after_kg is not None and after_kg is None else ()
        return Evidence(
            parameters=self.parameters.model_dump(),
            findings=(wording.start(self.parameters.start_score), *findings),
            ruled_out=wording.ruled_out(
                terms,
                measured_of(observation.track, stop, observation.reading.ts),
                frozenset(unsettled),
                unsensed=stop.unsensed,
            ),
            readings=cited_readings(observation.device.id, stop, after_kg),
            measures={
                "score": score,
                "sensor_families": ",".join(sorted(families_of(terms))),
                "lift_s": whole_seconds(stop.lift_ms),
                "lift_standing_s": whole_seconds(stop.lift_standing_ms),
                "stay_s": whole_seconds(stop.stay_ms),
                **({"hotspot": stop.hotspot} if stop.hotspot else {}),
                **(measures_of(stop.after) if stop.unsensed else {}),
                **weights_of(stop.before_kg, after_kg),
            },
        )


def _may_begin(fix: Fix, track: Track) -> bool:
    """True if a stop may begin: the truck stands, or its bed is up."""
    return track.motion.anchor is not None or track.standing_ms(fix.ts) > 0 or track.lift.is_on(fix.ts)


def _is_at_source(fix: Fix) -> bool:
    """True inside a site where trucks are loaded."""
    nearest = fix.sites[0] if fix.sites else None
    return nearest is not None and nearest.distance_m == 0 and nearest.site.kind is SiteKind.CONSTRUCTION_SITE
