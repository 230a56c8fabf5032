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
    ticket_number,
    ticket_weighing,
)
from rules.weighing.session import MAX_STAY_MS, Flow, MatchedBy
from rules.weighing.site_weighing import SiteWeighing
from rules.weighing.truck_match import TruckMatch

MAX_SAME_NUMBER: Final = 128
"""Weighings of one bridge with one number; more, and the number names no ticket: the first ones count."""


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
    by_root: dict[tuple[str, str], list[SiteWeighing]] = {}
    ordered = in_order(weighings)
    roots = _roots(ordered)
    for one in ordered:
        key = one.weighing.device_id, ticket_number(one.weighing.ticket)
        by_root.setdefault((key[0], roots[key]), []).append(one)
    found: list[Passage] = []
    for same_number in by_root.values():
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


def _roots(weighings: Sequence[SiteWeighing]) -> dict[tuple[str, str], str]:
    """By bridge and number: the least number among those that corrections join with it."""
    root: dict[tuple[str, str], str] = {}

    def of(bridge: str, number: str) -> str:
        while (above := root.setdefault((bridge, number), number)) != number:
            number = above
        return number

    for one in weighings:
        bridge, number = one.weighing.device_id, ticket_number(one.weighing.ticket)
        found = of(bridge, number)
        if one.weighing.corrects is not None:
            corrected = of(bridge, ticket_number(one.weighing.corrects))
            root[bridge, max(found, corrected)] = min(found, corrected)
    return {(bridge, number): of(bridge, number) for bridge, number in list(root)}


def _tickets(weighings: Sequence[SiteWeighing]) -> list[Passage]:
    """Weighings of one bridge, number and kind, in order, as tickets."""
    taken = weighings[:MAX_SAME_NUMBER]
    of_tickets = [ticket_weighing(one.weighing) for one in taken]
    states = count_once(of_tickets)
    return [
        Passage(
            next(taken[index] for index in members if states[index] is TicketState.COUNTED),
            [taken[index] for index in members],
        )
        for members in by_ticket(of_tickets)
    ]


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
