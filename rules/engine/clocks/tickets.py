"""Tickets about a truck, by the clock of the truck.

A weighbridge dates a ticket by its own clock. Where the clock of the truck is known to be wrong, or that of the bridge,
the ticket would come hours before or after the positions among which it was weighed. So it is judged at the time that
the truck's clock showed then; alerts cite it as it is stored.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from msgspec.structs import replace as replace_fields

from devices.readings.models import Reading
from rules.alerts.model import ReadingRef
from rules.contract.verdicts import Verdict
from rules.engine.clocks.device_clock import DeviceClock
from rules.engine.device_state import DeviceState

_TRUE: Final = DeviceClock()
_KEPT: Final = 32
"""Tickets of a truck that alerts can still cite: a day's."""


def by_clock_of(truck: DeviceClock, bridge: DeviceClock, ticket: Reading) -> Reading:
    """The ticket at the time that the truck's clock showed when it was weighed, as far as both clocks are known."""
    shown = next((shown for shown, measured in truck.tickets if measured == ticket.ts), 0)  # sent again
    if not shown:
        if truck.off == bridge.off:
            return ticket
        shown = ticket.ts + truck.off - bridge.off
        truck.tickets = (*truck.tickets[1 - _KEPT :], (shown, ticket.ts))
    return replace_fields(ticket, ts=shown)


def in_its_place(action: Reading, truck: DeviceState) -> Reading:
    """What people did about a truck, at true time, as a reading of the truck: at the time that its clock showed.

    It is never too late: where its place is not kept any more, it comes after what was judged.
    """
    placed, late = by_clock_of(truck.clock, _TRUE, action), truck.late_readings
    open_from = truck.buffer.open_from
    if placed.ts < open_from and (late is None or placed.ts <= late.start):
        return replace_fields(placed, ts=open_from)
    return placed


def is_by_clock_of(truck: DeviceClock, ticket: Reading) -> bool:
    """True if its time is that of the truck's clock."""
    return any(shown == ticket.ts for shown, _ in truck.tickets)


def cited_as_stored(verdict: Verdict, device_id: str, clock: DeviceClock) -> Verdict:
    """The verdict on a truck with its tickets cited by the time of their bridges."""
    evidence = verdict.evidence
    if evidence is None:
        return verdict
    stored = _as_stored(evidence.readings, device_id, dict(clock.tickets))
    return replace(verdict, evidence=evidence.model_copy(update={"readings": stored}))


def _as_stored(cited: Sequence[ReadingRef], device_id: str, measured: dict[int, int]) -> tuple[ReadingRef, ...]:
    return tuple(
        one if one.device_id == device_id else one.model_copy(update={"ts": measured.get(one.ts, one.ts)})
        for one in cited
    )
