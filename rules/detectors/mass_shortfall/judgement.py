"""Judges whether a truck brought what it had loaded: two net weights of one trip, each of a visit to a weighbridge.

A trip is a visit at which a load left a site, and the next visit of the truck, at another site, at which one came in.
Tickets that come late, and corrections, are judged in their place: a finding that they refute is retracted.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, NamedTuple

from devices.city.model import City, DeviceRole
from devices.geo.geometry import LatLon
from devices.readings.models import Weighing
from devices.readings.tickets import ticket_number
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import MAX_REFS, ref, who, whole_seconds
from rules.detectors.mass_shortfall import wording
from rules.detectors.mass_shortfall.parameters import MassShortfallParameters
from rules.detectors.mass_shortfall.state import ReportedTrip, ShortfallState
from rules.tracking import Track
from rules.tracking.load import LoadTrack, is_believed
from rules.tracking.reach import may_have_been_at
from rules.weighing.session import Flow, WeighingSession
from rules.weighing.truck_visits import visits_of

SHORTFALL: Final = "shortfall"
GAIN: Final = "gain"
WEIGHINGS: Final = 4
"""Gross and tare at both ends."""
_VISITS: Final = 6
"""Visits of a truck that are remembered: three trips, so that a correction finds the trip that it changes."""
_MAX_TICKETS: Final = 24
_LOADINGS: Final = 12
"""Departures from places where it loads, of a truck, that are remembered: at least those of the trips above."""
_DEPARTURES: Final = 24
"""From any site: two for each of the loadings."""
_STAYS_MS: Final = 60_000
"""Who is inside a fence for less drives by."""
_SLOT_MS: Final = 10_000
_SLOTS: Final = 64
"""A trip is a part of its truck, named by the 10 s of its first weighing, of the last 10 min."""


class Trip(NamedTuple):
    """A load that left one site and came to another."""

    source: WeighingSession
    destination: WeighingSession
    source_kg: float
    destination_kg: float

    @property
    def onset(self) -> int:
        return self.source.entered_at

    @property
    def lost_kg(self) -> float:
        """Negative: it gained."""
        return round(self.source_kg - self.destination_kg, 1)

    @property
    def lost_pct(self) -> float:
        return round(100 * self.lost_kg / self.source_kg, 1)

    @property
    def basis(self) -> str:
        return f"{self.source_kg} {self.destination_kg}"


class MassShortfall(Rule[ShortfallState]):
    """CONFIRMED and LEFT_OPEN at the ticket that completes a trip; RETRACTED when later tickets refute it."""

    name: ClassVar = "mass_shortfall"
    version: ClassVar = 3
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    state = ShortfallState

    def __init__(self, parameters: MassShortfallParameters | None = None) -> None:
        self.parameters: MassShortfallParameters = parameters or MassShortfallParameters()

    def judge(self, observation: Observation, state: ShortfallState) -> Sequence[Verdict]:
        """Judge a ticket about the truck. Positions show when it loaded; other readings mean nothing here."""
        ticket, track = observation.reading, observation.track
        if observation.position is not None:
            if track is not None:
                _note_departures(state, track.load, observation.ts)
            return ()
        if not isinstance(ticket, Weighing) or track is None:
            return ()
        if not is_believed(ticket, observation.city) or track.load.is_repeated(ticket):
            return ()
        if not _continues(ticket, state.tickets) and self._is_elsewhere(ticket, track, observation):
            return ()
        device = observation.device
        visits = visits_of((*state.tickets, ticket), device.vehicle_id, device.id, observation.city)
        kept = visits[-_VISITS:]
        while kept and sum(len(visit.weighings) for visit in kept) > _MAX_TICKETS:
            kept = kept[1:]
        ids = {one for visit in kept for one in visit.weighings}
        state.tickets = tuple([one for one in (*state.tickets, ticket) if (one.device_id, one.ts) in ids])
        return [*self._judge_trips(kept, ticket.ts, observation, state)]

    def _is_elsewhere(self, ticket: Weighing, track: Track, observation: Observation) -> bool:
        """The truck was seen too far away just before: the ticket is of another one, under a copy of its plate."""
        city, seen = observation.city, track.motion.held
        bridge = city.devices.get(ticket.device_id)
        site = city.site_of(bridge, observation.calendar_ts) if bridge is not None else None
        if site is None or seen is None:
            return False
        return not may_have_been_at(site.id, ticket.ts, seen, track.motion.ts, city)

    def _judge_trips(
        self, visits: Sequence[WeighingSession], at: int, observation: Observation, state: ShortfallState
    ) -> Iterator[Verdict]:
        found = {trip.onset: trip for trip in self._trips(visits, state)}
        remembered = {visit.entered_at for visit in visits}
        reported = {one.onset: one for one in state.trips if one.onset in remembered}
        for onset, trip in found.items():
            severity, former = self._severity(trip), reported.get(onset)
            if severity is not None and (former is None or former.basis != trip.basis):
                reported[onset] = ReportedTrip(onset, trip.basis, at)
                yield from self._finding(trip, severity, at, observation, state)
            elif severity is None and former is not None:
                del reported[onset]
                yield self._withdrawal(trip, at, observation)
        state.trips = tuple(reported.values())

    def _trips(self, visits: Sequence[WeighingSession], state: ShortfallState) -> Iterator[Trip]:
        for index in range(len(visits) - 1):
            source, destination = visits[index], visits[index + 1]
            if source.flow is not Flow.OUT or destination.flow is not Flow.IN or source.site == destination.site:
                continue
            if not (source.is_weighed and destination.is_weighed):
                continue
            numbers = {ticket_number(one) for one in (source.manifest, destination.manifest) if one is not None}
            if len(numbers) > 1:
                continue
            took_ms = destination.entered_at - source.weighed_at
            source_kg = round(source.net_kg or 0.0, 1)
            departures = [at for at in state.loaded_at if source.weighed_at <= at <= destination.entered_at]
            if len(departures) > 1 or _came_before(source, destination, state.left):  # it loaded again, unweighed
                continue
            longest_ms = (self.parameters.trip_h if departures else self.parameters.unseen_trip_h) * 3_600_000
            if 0 <= took_ms <= longest_ms and source_kg >= max(self.parameters.least_load_kg, 1.0):
                yield Trip(source, destination, source_kg, round(destination.net_kg or 0.0, 1))

    def _severity(self, trip: Trip) -> Severity | None:
        limits, lost_kg = self.parameters, trip.lost_kg
        if lost_kg > 0:
            lost_kg = max(lost_kg - self._water_kg(trip), 0.0)
        share = lost_kg / trip.source_kg * 100
        if lost_kg > limits.warn_kg and share > limits.severe_pct:
            return Severity.P2
        if lost_kg > limits.alert_kg and share > limits.alert_pct:
            return Severity.P3
        if lost_kg > limits.warn_kg and share > limits.warn_pct:
            return Severity.P4
        if -lost_kg > limits.gain_kg and -share > limits.gain_pct:
            return Severity.P4
        return None

    def _water_kg(self, trip: Trip) -> float:
        """What may have left the load as water, by the stream that its tickets name."""
        material = trip.source.material or trip.destination.material or ""
        return round(self.parameters.load_budget(material).loss_pct / 100 * trip.source_kg, 1)

    def _finding(
        self, trip: Trip, severity: Severity, at: int, observation: Observation, state: ShortfallState
    ) -> Iterator[Verdict]:
        device, city = observation.device, observation.city
        from_, to = wording.site(trip.source.site, city), wording.site(trip.destination.site, city)
        budget_kg = round(WEIGHINGS * self.parameters.weighing_error_kg, 1)
        took_ms = trip.destination.entered_at - trip.source.weighed_at
        measures: dict[str, str | float | int] = {
            "reason": SHORTFALL if trip.lost_kg > 0 else GAIN,
            "source": trip.source.site,
            "destination": trip.destination.site,
            "source_net_kg": trip.source_kg,
            "destination_net_kg": trip.destination_kg,
            "lost_kg": trip.lost_kg,
            "lost_pct": trip.lost_pct,
            "budget_kg": budget_kg,
            "trip_s": whole_seconds(took_ms),
        }
        water_kg = self._water_kg(trip) if trip.lost_kg > 0 else 0.0
        if water_kg:
            measures["water_kg"] = water_kg
        manifest = trip.source.manifest or trip.destination.manifest
        if manifest is not None:
            measures["manifest"] = manifest
        yield Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=at,
            onset=trip.onset,
            severity=severity,
            place=_place(trip.destination, city),
            title=wording.title(who(device, city, trip.onset), trip.lost_kg, trip.lost_pct, to),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(
                    wording.weights(trip.source_kg, from_, trip.destination_kg, to),
                    wording.budget(WEIGHINGS, self.parameters.weighing_error_kg, budget_kg),
                    *([wording.water(water_kg)] if water_kg else ()),
                ),
                ruled_out=(wording.no_other_visit(took_ms), wording.WEIGHED),
                readings=_cited(trip, state.tickets),
                measures=measures,
            ),
            part=_part(trip.onset),
            basis=trip.basis,
        )
        yield Verdict(device.id, Level.LEFT_OPEN, at, trip.onset, part=_part(trip.onset))

    def _withdrawal(self, trip: Trip, at: int, observation: Observation) -> Verdict:
        evidence = Evidence(
            parameters=self.parameters.model_dump(),
            findings=(wording.corrected(trip.source_kg, trip.destination_kg),),
            measures={
                "source_net_kg": trip.source_kg,
                "destination_net_kg": trip.destination_kg,
                "lost_kg": trip.lost_kg,
            },
        )
        return Verdict(
            observation.device.id, Level.RETRACTED, at, trip.onset, evidence=evidence, part=_part(trip.onset)
        )


def _continues(ticket: Weighing, tickets: Sequence[Weighing]) -> bool:
    """It corrects a ticket, or is one again: it is printed when the truck may be far away."""
    number = ticket_number(ticket.ticket)
    return ticket.corrects is not None or any(
        (one.device_id, ticket_number(one.ticket)) == (ticket.device_id, number) for one in tickets
    )


def _note_departures(state: ShortfallState, load: LoadTrack, ts: int) -> None:
    if load.loaded_at > (state.loaded_at[-1] if state.loaded_at else 0):
        state.loaded_at = (*state.loaded_at[1 - _LOADINGS :], load.loaded_at)
    here = load.site_id or ""
    if here == state.here:
        return
    if state.here and ts - state.here_since >= _STAYS_MS:
        state.left = (*state.left[1 - _DEPARTURES :], (state.here, ts))
    state.here, state.here_since = here, ts


def _came_before(source: WeighingSession, destination: WeighingSession, left: Sequence[tuple[str, int]]) -> bool:
    """It was at its destination between, and then at its source again: what was weighed there is another load."""
    between = [(site, at) for site, at in left if source.weighed_at <= at <= destination.entered_at]
    came_at = [at for site, at in between if site == destination.site]
    return bool(came_at) and any(site == source.site and at > came_at[0] for site, at in between)


def _part(onset: int) -> str:
    return str(onset // _SLOT_MS % _SLOTS)


def _place(visit: WeighingSession, city: City) -> LatLon | None:
    bridge = city.devices.get(visit.bridge)
    return city.site_centre(bridge, visit.weighed_at) if bridge is not None else None


def _cited(trip: Trip, tickets: Sequence[Weighing]) -> tuple[ReadingRef, ...]:
    """The tickets of both visits, in order of time."""
    ids = {*trip.source.weighings, *trip.destination.weighings}
    of_trip = sorted([one for one in tickets if (one.device_id, one.ts) in ids], key=_time_of)
    cited: dict[int, ReadingRef] = {}
    for one in of_trip[-MAX_REFS:]:
        cited[one.ts] = ref(one, "ticket", "plate", "gross_kg", "tare_kg", "net_kg", "direction", "manifest")
    return tuple(cited.values())


def _time_of(ticket: Weighing) -> int:
    return ticket.ts
