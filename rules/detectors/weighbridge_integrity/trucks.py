"""What the tickets and positions of one truck say: weighed twice, or while elsewhere, too light, or an odd tare."""

from collections.abc import Iterator
from typing import Final

from devices.readings.models import Kind, Weighing
from devices.readings.tickets import CORRECTED_WITHIN_MS, ticket_number
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.observation import Observation
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who, whole_seconds
from rules.detectors.weighbridge_integrity import wording
from rules.detectors.weighbridge_integrity.findings import bridge_name, bridge_place, cite, for_people
from rules.detectors.weighbridge_integrity.parameters import WeighbridgeIntegrityParameters
from rules.detectors.weighbridge_integrity.state import Ghost, Slip, TicketState
from rules.tracking import Fix, Track
from rules.tracking.load import is_believed, ticket_net_kg
from rules.tracking.motion import STILL_WITHIN_M
from rules.weighing.bands import band

AWAY: Final = "away"
TWICE: Final = "twice"
PART_AXLE: Final = "part_axle"
TARE: Final = "tare"
_MAX_GHOSTS: Final = 8
_SLOW_GAP_MS: Final = 120_000
"""Up to such a gap a truck that stands at one place stood there all the time."""
_KMH_TO_M_PER_MS: Final = 1 / 3_600


class TruckTickets:
    """Judges tickets about a truck, and its positions while a ticket asks for them."""

    def __init__(self, limits: WeighbridgeIntegrityParameters) -> None:
        self._limits = limits
        self._unseen_ms: int = limits.unseen_s * 1000
        self._m_per_ms: float = limits.reach_kmh * _KMH_TO_M_PER_MS

    def judge_position(self, observation: Observation, fix: Fix, state: TicketState) -> Iterator[Verdict]:
        """Take a usable fix."""
        lost = fix.gap_ms > self._unseen_ms
        if state.watching:
            for slip in state.slips:
                slip.left |= lost or not _is_in(fix, slip.site_id, self._limits.left_m)
                slip.seen = True
            state.watching = not all(slip.left for slip in state.slips)
        if state.ghosts:
            ghosts, state.ghosts = state.ghosts, ()
            for ghost in () if lost else ghosts:
                yield from self._follow(ghost, fix, observation, state)

    def judge_ticket(self, ticket: Weighing, observation: Observation, state: TicketState) -> Iterator[Verdict]:
        """Judge a ticket about the truck. Of several findings the first is given: the others follow from it."""
        city, track = observation.city, observation.track
        if track is None or not is_believed(ticket, city) or track.load.is_repeated(ticket):
            return
        bridge = city.devices.get(ticket.device_id)
        site = city.site_of(bridge, observation.calendar_ts) if bridge is not None else None
        if bridge is None or site is None:
            return
        former = next((slip for slip in state.slips if slip.direction == ticket.direction), None)
        number = ticket_number(ticket.ticket)
        corrects = ticket.corrects is not None or (
            former is not None
            and (former.number, former.bridge_id) == (number, bridge.id)
            and ticket.ts - former.ts <= CORRECTED_WITHIN_MS
        )
        if not corrects:
            ghost = self._ghost(ticket, site.id, observation, track)
            if ghost is not None:
                state.ghosts = (*state.ghosts[1 - _MAX_GHOSTS :], ghost)
                return
        net_kg = ticket_net_kg(ticket, observation.vehicle)
        slip = Slip(
            ticket.ticket,
            number,
            ticket.direction,
            bridge.id,
            site.id,
            ticket.ts,
            round(net_kg or 0.0, 1),
            cite(ticket),
        )
        is_twice = not corrects and former is not None and self._is_twice(former, slip, track)
        if slip.net_kg >= self._limits.twice_load_kg:
            state.slips = (*(one for one in state.slips if one.direction != slip.direction), slip)
            state.watching = True
        if is_twice and former is not None:
            yield from self._twice(former, slip, observation)
        elif not ticket.manual_entry:
            yield from self._judge_weights(ticket, observation, state)

    def _ghost(self, ticket: Weighing, site_id: str, observation: Observation, track: Track) -> Ghost | None:
        """The ticket as one of a truck that is elsewhere, as far as is known now; None if it may be there."""
        limits, motion, ts = self._limits, track.motion, ticket.ts
        at = motion.held
        if at is None or ts - motion.ts > self._unseen_ms:
            return None
        away_m = observation.city.geometry.distance_to_site_m(site_id, at)
        beyond_m = away_m - limits.away_m - STILL_WITHIN_M
        since = ts - limits.clock_s * 1000
        left = track.load.site_left
        if ts - limits.printed_s * 1000 <= left <= ts:
            since = min(since, left)
        stood = 0 < motion.standing_since <= since
        if beyond_m <= 0 or (not stood and beyond_m <= self._m_per_ms * (motion.ts - since)):
            return None
        before = ReadingRef(device_id=observation.device.id, kind=Kind.POSITION, ts=motion.ts, values={})
        cited = sorted([before, cite(ticket)], key=lambda one: one.ts)
        return Ghost(ticket.ticket, ticket.device_id, site_id, ts, at, away_m, cited)

    def _follow(self, ghost: Ghost, fix: Fix, observation: Observation, state: TicketState) -> Iterator[Verdict]:
        """Take a fix after the ticket; decide once clocks cannot explain it."""
        limits = self._limits
        away_m = observation.city.geometry.distance_to_site_m(ghost.site_id, fix.xy)
        beyond_m = away_m - limits.away_m - fix.outside_m()
        stood = fix.gap_ms <= _SLOW_GAP_MS and ghost.at.distance_m(fix.xy) <= STILL_WITHIN_M
        way_m = beyond_m + ghost.away_m - limits.away_m
        if beyond_m <= 0 or (not stood and way_m <= self._m_per_ms * fix.gap_ms):
            return  # it was there, or may have been
        ghost.at = fix.xy
        ghost.away_m = min(ghost.away_m, away_m)
        ghost.cited = bounded(ghost.cited, ref(observation.reading, "lat", "lon", "speed_kmh"))
        if fix.ts - ghost.ts < limits.clock_s * 1000:
            state.ghosts = (*state.ghosts, ghost)
            return
        away_m = round(ghost.away_m, 1)
        device, city = observation.device, observation.city
        finding = Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=fix.ts,
            onset=ghost.ts,
            severity=Severity.P2,
            part=AWAY,
            place=city.plane.latlon(fix.xy),
            title=wording.away_title(
                who(device, city, observation.calendar_ts),
                ghost.ticket,
                bridge_name(ghost.bridge_id, city, observation.calendar_ts),
                away_m,
            ),
            evidence=Evidence(
                parameters=limits.model_dump(),
                findings=(wording.away(away_m, limits.clock_s),),
                ruled_out=wording.not_clocks(limits.clock_s, limits.printed_s),
                readings=tuple(ghost.cited),
                measures={"reason": AWAY, "ticket": ghost.ticket, "bridge": ghost.bridge_id, "away_m": away_m},
            ),
        )
        yield from for_people(finding)

    def _is_twice(self, former: Slip, slip: Slip, track: Track) -> bool:
        """True if both show a load at one site and the truck did not leave it between them."""
        limits, apart_ms = self._limits, slip.ts - former.ts
        if former.site_id != slip.site_id or min(former.net_kg, slip.net_kg) < limits.twice_load_kg:
            return False
        if apart_ms <= limits.twice_s * 1000:
            return True
        return former.seen and not former.left and slip.ts - track.motion.ts <= self._unseen_ms

    def _twice(self, former: Slip, slip: Slip, observation: Observation) -> Iterator[Verdict]:
        device, city, limits = observation.device, observation.city, self._limits
        apart_ms, soon = slip.ts - former.ts, slip.ts - former.ts <= limits.twice_s * 1000
        finding = Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=slip.ts,
            onset=slip.ts,
            severity=Severity.P2,
            part=TWICE,
            place=bridge_place(slip.bridge_id, city, observation.calendar_ts),
            title=wording.twice_title(
                who(device, city, observation.calendar_ts),
                former.ticket,
                slip.ticket,
                bridge_name(slip.bridge_id, city, observation.calendar_ts),
            ),
            evidence=Evidence(
                parameters=limits.model_dump(),
                findings=(
                    wording.twice(apart_ms, former.net_kg, slip.net_kg),
                    wording.too_soon(limits.twice_s) if soon else wording.stayed(limits.left_m),
                ),
                ruled_out=(wording.NOT_SENT_AGAIN,),
                readings=(former.cited, slip.cited),
                measures={
                    "reason": TWICE,
                    "ticket": slip.ticket,
                    "former_ticket": former.ticket,
                    "bridge": slip.bridge_id,
                    "apart_s": whole_seconds(apart_ms),
                    "former_net_kg": former.net_kg,
                    "net_kg": slip.net_kg,
                },
            ),
        )
        yield from for_people(finding)

    def _judge_weights(self, ticket: Weighing, observation: Observation, state: TicketState) -> Iterator[Verdict]:
        """Judge the weights of a ticket by what the truck weighed empty before."""
        limits, vehicle = self._limits, observation.vehicle
        known = len(state.tares) >= limits.least_tares
        usual, half_kg = band(state.tares, limits.tare_kg, limits.tare_mads) if known else (0.0, 0.0)
        if not known and vehicle is not None and vehicle.tare_kg is not None:
            usual = vehicle.tare_kg
        tare_kg = round(ticket.tare_kg or 0.0, 1)
        lightest_kg = round(min(tare_kg, ticket.gross_kg) if tare_kg else ticket.gross_kg, 1)
        if usual and lightest_kg < usual * limits.part_axle_pct / 100:
            yield from self._part_axle(ticket, lightest_kg, usual, observation)
            return
        if not tare_kg:
            return
        state.tares = (*state.tares[1 - limits.of_tares :], tare_kg)
        if known:
            yield from self._tare(ticket, tare_kg, usual, half_kg, observation, state)

    def _part_axle(
        self, ticket: Weighing, weight_kg: float, usual_kg: float, observation: Observation
    ) -> Iterator[Verdict]:
        device, city = observation.device, observation.city
        usual_kg = round(usual_kg, 1)
        share_pct = round(100 * weight_kg / usual_kg, 1)
        finding = Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=ticket.ts,
            onset=ticket.ts,
            severity=Severity.P3,
            part=PART_AXLE,
            place=bridge_place(ticket.device_id, city, observation.calendar_ts),
            title=wording.part_axle_title(
                who(device, city, observation.calendar_ts),
                ticket.ticket,
                bridge_name(ticket.device_id, city, observation.calendar_ts),
                weight_kg,
            ),
            evidence=Evidence(
                parameters=self._limits.model_dump(),
                findings=(wording.part_axle(weight_kg, usual_kg, share_pct),),
                ruled_out=(wording.AT_REST,),
                readings=(cite(ticket),),
                measures={
                    "reason": PART_AXLE,
                    "ticket": ticket.ticket,
                    "bridge": ticket.device_id,
                    "weight_kg": weight_kg,
                    "usual_tare_kg": usual_kg,
                    "share_pct": share_pct,
                },
            ),
        )
        yield from for_people(finding)

    def _tare(
        self,
        ticket: Weighing,
        tare_kg: float,
        usual_kg: float,
        half_kg: float,
        observation: Observation,
        state: TicketState,
    ) -> Iterator[Verdict]:
        """Give a tare off its band once; every tare is a CANDIDATE for a shift of the bridge."""
        device, city = observation.device, observation.city
        usual_kg, half_kg = round(usual_kg, 1), round(half_kg, 1)
        off_kg = round(tare_kg - usual_kg, 1)
        is_odd = abs(off_kg) > half_kg
        is_same = state.odd_kg > 0 and abs(tare_kg - state.odd_kg) <= half_kg
        state.odd_kg = (state.odd_kg if is_same else tare_kg) if is_odd else 0.0
        finding = Verdict(
            subject=device.id,
            level=Level.CONFIRMED if is_odd and not is_same else Level.CANDIDATE,
            at=ticket.ts,
            onset=ticket.ts,
            severity=Severity.P3,
            place=bridge_place(ticket.device_id, city, observation.calendar_ts),
            title=wording.tare_title(
                who(device, city, observation.calendar_ts),
                ticket.ticket,
                bridge_name(ticket.device_id, city, observation.calendar_ts),
                off_kg,
            ),
            evidence=Evidence(
                parameters=self._limits.model_dump(),
                findings=(wording.tare_off(tare_kg, usual_kg, half_kg),),
                ruled_out=(wording.AT_REST, wording.NOT_TYPED),
                readings=(cite(ticket),),
                measures={
                    "reason": TARE,
                    "ticket": ticket.ticket,
                    "bridge": ticket.device_id,
                    "tare_kg": tare_kg,
                    "usual_tare_kg": usual_kg,
                    "off_kg": off_kg,
                    "band_kg": half_kg,
                },
            ),
            part=TARE,
            shared=ticket.device_id,
        )
        if finding.level is Level.CONFIRMED:
            yield from for_people(finding)
        else:
            yield finding


def _is_in(fix: Fix, site_id: str, within_m: float) -> bool:
    """True if the fix may be inside the fence, or within so many metres of it."""
    return any(site.id == site_id and distance_m <= within_m + fix.outside_m() for site, distance_m in fix.sites)
