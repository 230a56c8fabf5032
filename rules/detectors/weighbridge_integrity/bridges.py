"""What the tickets of one bridge say about it: too many typed by hand, a truck that was never weighed at rest, or a
plate and an RFID tag of two trucks.
"""

from collections.abc import Iterator
from typing import Final

from devices.readings.models import Weighing
from devices.readings.plates import comparable_plate
from devices.readings.tickets import REPEATED_WITHIN_MS, ticket_number
from rules.alerts.model import Evidence, Severity
from rules.contract.observation import Observation
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import MAX_REFS, bounded, ref, who, whole_seconds
from rules.detectors.weighbridge_integrity import wording
from rules.detectors.weighbridge_integrity.findings import bridge_place, cite, for_people
from rules.detectors.weighbridge_integrity.parameters import WeighbridgeIntegrityParameters
from rules.detectors.weighbridge_integrity.state import BridgeState, Counted, Frames
from rules.weighing.truck_match import matcher_of

MANUAL: Final = "manual"
UNSETTLED: Final = "unsettled"
TAG: Final = "tag"
_MAX_FRAMES: Final = 32
"""Trucks that wait for a weight at rest: more than stand before any bridge."""
_SLOT_MS: Final = 10_000
_SLOTS: Final = 64
"""A truck that was never weighed, or has the tag of another, is a part of its own, named by the 10 s of its first
frame or ticket, of the last 10 min."""


def judge_bridge(
    ticket: Weighing, observation: Observation, state: BridgeState, limits: WeighbridgeIntegrityParameters
) -> Iterator[Verdict]:
    """Judge a weighing of the bridge itself, in order."""
    yield from _never_settled(ticket, observation, state, limits)
    _note_frame(ticket, state)
    if ticket.stable:
        yield from _judge_share(ticket, observation, state, limits)
        yield from _judge_tag(ticket, observation, state, limits)


def _note_frame(ticket: Weighing, state: BridgeState) -> None:
    """Note a weight of a moving scale, or forget those of a truck whose weight came to rest."""
    plate = comparable_plate(ticket.plate) if ticket.plate is not None else ""
    key = plate or ticket_number(ticket.ticket)
    if ticket.stable:
        number = ticket_number(ticket.ticket)
        state.frames = {
            one: frames for one, frames in state.frames.items() if one != key and ticket_number(frames.ticket) != number
        }
        return
    frames = state.frames.get(key)
    if frames is None:
        if len(state.frames) >= _MAX_FRAMES:
            return
        frames = state.frames[key] = Frames(
            ticket.plate or "", ticket.ticket, ticket.ts, ticket.ts, 0, ticket.gross_kg, ticket.gross_kg, []
        )
    frames.count += 1
    frames.until = ticket.ts
    frames.lowest_kg = min(frames.lowest_kg, ticket.gross_kg)
    frames.highest_kg = max(frames.highest_kg, ticket.gross_kg)
    frames.cited = bounded(frames.cited, cite(ticket))


def _never_settled(
    ticket: Weighing, observation: Observation, state: BridgeState, limits: WeighbridgeIntegrityParameters
) -> Iterator[Verdict]:
    """Trucks whose weight did not come to rest, and will not any more."""
    bridge, city = observation.device, observation.city
    over = [key for key, frames in state.frames.items() if ticket.ts - frames.until > limits.settle_s * 1000]
    for key in over:
        frames = state.frames.pop(key)
        finding = Verdict(
            subject=bridge.id,
            level=Level.CONFIRMED,
            at=ticket.ts,
            onset=frames.since,
            severity=Severity.P4,
            place=bridge_place(bridge.id, city, observation.calendar_ts),
            title=wording.unsettled_title(who(bridge, city, observation.calendar_ts), frames.plate, frames.ticket),
            evidence=Evidence(
                parameters=limits.model_dump(),
                findings=(wording.unsettled(frames.count, frames.lowest_kg, frames.highest_kg),),
                ruled_out=(wording.none_at_rest(limits.settle_s),),
                readings=tuple(frames.cited),
                measures={
                    "reason": UNSETTLED,
                    "frames": frames.count,
                    "lowest_kg": round(frames.lowest_kg, 1),
                    "highest_kg": round(frames.highest_kg, 1),
                    "lasted_s": whole_seconds(frames.until - frames.since),
                },
            ),
            part=f"{UNSETTLED} {frames.since // _SLOT_MS % _SLOTS}",
        )
        yield from for_people(finding)


def _judge_share(
    ticket: Weighing, observation: Observation, state: BridgeState, limits: WeighbridgeIntegrityParameters
) -> Iterator[Verdict]:
    """Count a settled ticket once, and judge how many were typed."""
    number, counted = ticket_number(ticket.ticket), state.counted
    slip = counted.get(number)
    if slip is None or ticket.ts - slip.ts > REPEATED_WITHIN_MS:
        counted.pop(number, None)
        slip = counted[number] = Counted(ticket.ts)
    is_new = ticket.manual_entry and slip.manual is None
    if is_new:
        slip.manual = cite(ticket)
    while len(counted) > limits.of_tickets:
        del counted[next(iter(counted))]
    manual = [one.manual for one in counted.values() if one.manual is not None]
    share_pct = 100.0 * len(manual) / len(counted)
    bridge, city, onset = observation.device, observation.city, state.manual_since
    if onset and share_pct < limits.manual_pct / 2:
        state.manual_since = 0
        yield Verdict(bridge.id, Level.CLEAR, ticket.ts, onset, part=MANUAL)
    elif is_new and (onset or (share_pct > limits.manual_pct and len(manual) >= limits.manual_tickets)):
        cited = sorted(manual, key=lambda one: one.ts)[-MAX_REFS:]
        state.manual_since = onset = onset or cited[0].ts
        yield Verdict(
            subject=bridge.id,
            level=Level.CONFIRMED,
            at=ticket.ts,
            onset=onset,
            severity=Severity.P3,
            place=bridge_place(bridge.id, city, observation.calendar_ts),
            title=wording.manual_title(who(bridge, city, observation.calendar_ts), len(manual), len(counted)),
            evidence=Evidence(
                parameters=limits.model_dump(),
                findings=(wording.manual_share(share_pct, limits.manual_pct),),
                readings=tuple(cited),
                measures={
                    "reason": MANUAL,
                    "manual_tickets": len(manual),
                    "tickets": len(counted),
                    "share_pct": round(share_pct, 1),
                },
            ),
            part=MANUAL,
        )


def _judge_tag(
    ticket: Weighing, observation: Observation, state: BridgeState, limits: WeighbridgeIntegrityParameters
) -> Iterator[Verdict]:
    """Find a tag that is of another vehicle than the plate, once for each ticket that is counted."""
    bridge, city, at = observation.device, observation.city, observation.calendar_ts
    slip = state.counted.get(ticket_number(ticket.ticket))
    if ticket.rfid is None or ticket.plate is None or slip is None or slip.is_tag_reported:
        return
    holder = matcher_of(city).contradicting(ticket.plate, at, ticket.rfid)
    if holder is None:
        return
    slip.is_tag_reported = True
    yield from for_people(
        Verdict(
            subject=bridge.id,
            level=Level.CONFIRMED,
            at=ticket.ts,
            onset=ticket.ts,
            severity=Severity.P3,
            place=bridge_place(bridge.id, city, at),
            title=wording.tag_title(who(bridge, city, at), ticket.plate, holder.plate),
            evidence=Evidence(
                parameters=limits.model_dump(),
                findings=(wording.tag_of_another(ticket.ticket, ticket.plate, ticket.rfid, holder.plate),),
                ruled_out=(wording.NOT_MISREAD,),
                readings=(ref(ticket, "ticket", "plate", "rfid", "gross_kg", "tare_kg", "net_kg", "direction"),),
                measures={"reason": TAG, "plate": ticket.plate, "rfid": ticket.rfid, "tag_vehicle": holder.id},
            ),
            part=f"{TAG} {ticket.ts // _SLOT_MS % _SLOTS}",
        )
    )
