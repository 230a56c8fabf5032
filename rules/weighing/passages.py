"""Tickets as passages over a scale: one for each ticket, however often it was sent, halved or corrected. Pure.

The same weighings count as in the store (`devices.readings.tickets.count_once`). A half is a part of the whole ticket
with its number; one without a whole ticket stands alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from devices.readings.models import Weighing
from devices.readings.tickets import (
    REPEATED_WITHIN_MS,
    TicketState,
    by_ticket,
    count_once,
    net_kg,
    ticket_weighing,
)
from rules.weighing.related import groups_of, numbered
from rules.weighing.session import MAX_STAY_MS, Flow, MatchedBy
from rules.weighing.site_weighing import SiteWeighing
from rules.weighing.truck_match import TruckMatch

MAX_OF_A_TICKET: Final = 128
"""Weighings of one ticket; more say nothing new, and the first ones count."""


@dataclass(slots=True)
class Passage:
    """A ticket of a truck: whole, or a half of which the other half has another number, or is missing."""

    counted: SiteWeighing
    """The weighing that stands for the ticket."""
    members: list[SiteWeighing] = field(default_factory=list)
    """All weighings of the ticket, `counted` among them, in order of time."""
    truck: TruckMatch = field(init=False)
    at: int = field(init=False)
    """When the truck stood on the scale: the first weighing of the ticket, whenever it was corrected."""

    def __post_init__(self) -> None:
        self.truck = _truck_of(self.counted, self.members)
        self.at = min([self.counted.weighing.ts, *(one.weighing.ts for one in self.members)])

    @property
    def weighing(self) -> Weighing:
        return self.counted.weighing

    @property
    def is_whole(self) -> bool:
        return net_kg(self.counted.weighing) is not None

    @property
    def order(self) -> tuple[int, str, str]:
        return self.at, self.weighing.device_id, self.weighing.ticket

    def absorb(self, other: "Passage") -> None:
        """Take the weighings of another one into this ticket."""
        self.members = in_order([*self.members, *other.members])
        self.truck = _truck_of(self.counted, self.members)

    @property
    def seen_before(self) -> Flow | None:
        """Which way the load went, by the halves before the whole ticket: they weighed it full, or empty."""
        if not self.is_whole:
            return None
        whole, net = self.weighing, net_kg(self.weighing) or 0.0
        for member in self.members:
            if member.weighing.ts < self.at and net_kg(member.weighing) is None:
                is_full = abs(member.weighing.gross_kg - whole.gross_kg) <= net / 2
                return Flow.IN if is_full else Flow.OUT
        return None


def in_order(weighings: Iterable[SiteWeighing]) -> list[SiteWeighing]:
    return sorted(weighings, key=lambda one: (one.weighing.ts, one.weighing.device_id))


def passages_of(weighings: Iterable[SiteWeighing]) -> list[Passage]:
    """The passages of these weighings, in any order; in order of time. Weighings of one bridge have distinct times."""
    ordered = in_order(weighings)
    by_group: dict[int, list[SiteWeighing]] = {}
    groups = groups_of([numbered(one.weighing, one.truck.vehicle_id) for one in ordered])
    for one, group in zip(ordered, groups, strict=True):
        by_group.setdefault(group, []).append(one)
    found: list[Passage] = []
    for same_number in by_group.values():
        wholes = _tickets([one for one in same_number if net_kg(one.weighing) is not None])
        halves = [one for one in same_number if net_kg(one.weighing) is None]
        for direction in ("in", "out"):
            for half in _tickets([one for one in halves if one.weighing.direction == direction]):
                whole = _whole_of(half, wholes)
                if whole is None:
                    found.append(half)
                else:
                    whole.absorb(half)
        found += wholes
    return sorted(found, key=lambda one: one.order)


def _tickets(weighings: Sequence[SiteWeighing]) -> list[Passage]:
    """Weighings of one bridge, number and kind, in order, as tickets."""
    of_tickets = [ticket_weighing(one.weighing) for one in weighings]
    found = []
    for members in by_ticket(of_tickets):
        taken = members[:MAX_OF_A_TICKET]
        states = count_once([of_tickets[index] for index in taken])
        counted = max(place for place, state in enumerate(states) if state is TicketState.COUNTED)
        found.append(Passage(weighings[taken[counted]], [weighings[index] for index in taken]))
    return found


def _whole_of(half: Passage, wholes: Sequence[Passage]) -> Passage | None:
    """The whole ticket of a half: the next one with its number within a stay, else one that it was sent after."""
    same_truck = [one for one in wholes if is_same_truck(one.truck, half.truck, one.weighing, half.weighing)]
    after = [one for one in same_truck if 0 <= one.at - half.at <= MAX_STAY_MS]
    if after:
        return min(after, key=lambda one: one.order)
    before = [one for one in same_truck if 0 <= half.at - one.at <= REPEATED_WITHIN_MS]
    return max(before, key=lambda one: one.order, default=None)


def is_same_truck(one: TruckMatch, other: TruckMatch, weighing: Weighing, another: Weighing) -> bool:
    """True unless the two are of different trucks; a weighing without a plate may be of any."""
    if one.vehicle_id is not None and other.vehicle_id is not None:
        return one.vehicle_id == other.vehicle_id
    if weighing.plate is None or another.plate is None:
        return True
    plates = ticket_weighing(weighing).plate, ticket_weighing(another).plate
    return plates[0] == plates[1]


def _truck_of(counted: SiteWeighing, members: Sequence[SiteWeighing]) -> TruckMatch:
    """The truck of a ticket: whom a person named, else whom its last plate names, else another weighing of it."""
    named = [one.truck for one in members if one.truck.by is MatchedBy.PERSON]
    if named:
        return named[-1]
    if counted.truck.vehicle_id is not None:
        return counted.truck
    return max((one.truck for one in members), key=lambda truck: truck.confidence, default=counted.truck)
