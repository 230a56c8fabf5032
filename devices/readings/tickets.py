"""Which weighings count: a settled, consistent weighing with a net weight, once for each ticket. Pure.

A weighbridge sends frames before the scale is at rest, halves of tickets, the same ticket again, and corrections. All
are stored. The recorder marks which of them count (`devices.readings.series.TICKET_FIELDS`), and boards sum the marks.
Judgement believes weighings without a `fault_of`.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple
from unicodedata import normalize

from devices.readings.models import Weighing
from devices.readings.plates import comparable_plate

TOLERANCE_KG: Final = 40.0
"""Net, gross and tare are rounded and settled one by one: the error in service of a class III scale with e = 20 kg."""
TOLERANCE_SHARE: Final = 0.005
"""Or this share of the gross weight, for scales with coarser divisions."""
REPEATED_WITHIN_MS: Final = 24 * 3_600_000
"""A ticket of one bridge with the same number and weights is sent again within this time after its first weighing."""
CORRECTED_WITHIN_MS: Final = 12 * 3_600_000
"""One with other weights is a correction within this time. Not longer: numbers that begin anew every day meet again
after about a day, and there the number stands for another load."""


class TicketState(StrEnum):
    """What a weighing is to the sums. The values are in the store and stay."""

    COUNTED = "counted"
    UNSETTLED = "unsettled"
    """The scale was not at rest."""
    NO_NET = "no_net"
    """One half of a ticket: there is no net weight yet."""
    TARE_ABOVE_GROSS = "tare_above_gross"
    NET_DIFFERS = "net_differs"
    """Net is not gross less tare, within the tolerance."""
    REPEATED = "repeated"
    """An earlier weighing of the same ticket counts."""
    REPLACED = "replaced"
    """A later weighing of the same ticket counts."""
    OVERUSED = "overused"
    """The bridge gives this number to too many weighings: it names no ticket."""


def net_kg(weighing: Weighing) -> float | None:
    """Net weight as sent, else gross less tare; None where there is none. A tare of 0 kg was not weighed."""
    net, tare = weighing.net_kg, weighing.tare_kg
    if tare is None:
        return net if net and net < weighing.gross_kg else None
    if not tare:
        return None
    return net if net is not None else weighing.gross_kg - tare


def fault_of(weighing: Weighing) -> TicketState | None:
    """Return why a weighing is not to be believed; None if it is. A half of a ticket may be believed."""
    gross, tare, net = weighing.gross_kg, weighing.tare_kg, weighing.net_kg
    if not weighing.stable:
        return TicketState.UNSETTLED
    if tare is not None and tare > gross:
        return TicketState.TARE_ABOVE_GROSS
    tolerance_kg = max(TOLERANCE_KG, TOLERANCE_SHARE * gross)
    if net is not None and (net > gross + tolerance_kg or (tare and abs(gross - tare - net) > tolerance_kg)):
        return TicketState.NET_DIFFERS
    return None


def state_alone(weighing: Weighing) -> TicketState:
    """State of a weighing of a weighbridge as if no other had the same ticket."""
    return fault_of(weighing) or (TicketState.COUNTED if net_kg(weighing) is not None else TicketState.NO_NET)


def ticket_number(ticket: str) -> str:
    """The number of a ticket as it is compared: width, case and spaces do not count."""
    return "".join(normalize("NFKC", ticket).upper().split()) or ticket


def weights_of(weighing: Weighing) -> str:
    """The weights of a weighing as one text; equal texts are equal weights."""
    return f"{float(weighing.gross_kg)}/{float(weighing.tare_kg or 0)}/{float(net_kg(weighing) or 0)}"


class TicketWeighing(NamedTuple):
    """What of a weighing says which ticket it belongs to. It has a net weight and no fault."""

    ts: int
    """Device time, ms."""
    plate: str
    """In comparable form, empty if unknown."""
    weights: str
    about: str
    """Direction, material and manifest."""
    corrects: bool
    """It says itself that it replaces another."""


def ticket_weighing(weighing: Weighing) -> TicketWeighing:
    return TicketWeighing(
        weighing.ts,
        comparable_plate(weighing.plate) if weighing.plate is not None else "",
        weights_of(weighing),
        "/".join((weighing.direction, weighing.material or "", weighing.manifest or "")),
        weighing.corrects is not None,
    )


def count_once(weighings: Sequence[TicketWeighing]) -> list[TicketState]:
    """Return which weighings of one bridge and number count, oldest first: one for each ticket.

    The last weights hold. They count where they came first, so that a ticket stays where it was weighed when it is sent
    again. A function of the set: whatever order they arrive in, the same ones count in the end.
    """
    states = [TicketState.REPLACED] * len(weighings)
    for ticket in _tickets(weighings):
        members = ticket.members
        last = weighings[members[-1]]
        first = len(members) - 1
        while first and _says_the_same(weighings[members[first - 1]], last):
            first -= 1
        states[members[first]] = TicketState.COUNTED
        for index in members[first + 1 :]:
            states[index] = TicketState.REPEATED
    return states


def by_ticket(weighings: Sequence[TicketWeighing]) -> list[list[int]]:
    """Return the indexes of the weighings of each ticket, of one bridge and number, oldest first."""
    return [ticket.members for ticket in _tickets(weighings)]


class _Ticket:
    """The weighings of one ticket, by their indexes."""

    __slots__ = ("began_at", "members", "plates", "weights")

    def __init__(self, began_at: int) -> None:
        self.began_at = began_at
        self.members: list[int] = []
        self.plates: set[str] = set()
        self.weights: set[str] = set()

    def has(self, weighing: TicketWeighing) -> bool:
        """True if a later weighing of the same number belongs to this ticket."""
        if weighing.corrects:
            return True
        age_ms = weighing.ts - self.began_at
        if weighing.weights in self.weights:
            return age_ms <= REPEATED_WITHIN_MS
        is_other_truck = weighing.plate and self.plates and weighing.plate not in self.plates
        return age_ms <= CORRECTED_WITHIN_MS and not is_other_truck

    def add(self, index: int, weighing: TicketWeighing) -> None:
        self.members.append(index)
        self.weights.add(weighing.weights)
        if weighing.plate:
            self.plates.add(weighing.plate)


def _tickets(weighings: Sequence[TicketWeighing]) -> list[_Ticket]:
    """The tickets of these weighings, which have one number: it is used again for another load."""
    tickets: list[_Ticket] = []
    for index, weighing in enumerate(weighings):
        ticket = next((ticket for ticket in reversed(tickets) if ticket.has(weighing)), None)
        if ticket is None:
            tickets.append(ticket := _Ticket(weighing.ts))
        ticket.add(index, weighing)
    return tickets


def _says_the_same(one: TicketWeighing, other: TicketWeighing) -> bool:
    return (one.plate, one.weights, one.about) == (other.plate, other.weights, other.about)
