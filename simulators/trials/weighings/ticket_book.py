"""Tickets of one bridge in one shift, while behaviours make some of them wrong."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, Literal

from devices.city.model import City
from devices.readings.models import Weighing
from simulators.trials.incidents import Incident
from simulators.trials.truck_day import TruckDay

_APART_MS: Final = 1_500_000
"""An alert about one wrong ticket of a truck must not be taken for one about another."""

Key = tuple[str, str]
"""Number of a ticket, and its direction."""


class TicketBook:
    """Tickets in the order of time; those of a truck, and those that nothing was done to."""

    def __init__(
        self, bridge_id: str, made: Sequence[Weighing], days: Mapping[str, TruckDay], city: City, rng: Random
    ) -> None:
        self.bridge_id, self.days, self.city, self.rng = bridge_id, days, city, rng
        self._tickets: dict[Key, Weighing] = {(one.ticket, one.direction): one for one in made}
        self._more: list[Weighing] = []
        self._wrong: dict[str, list[int]] = {}
        self.tares_wrong = False
        """Something was done to the tares of this bridge."""

    def in_order(self) -> list[Weighing]:
        return sorted([*self._tickets.values(), *self._more], key=lambda one: one.ts)

    def of(self, truck: str, direction: Literal["in", "out"]) -> list[Weighing]:
        """Tickets of a truck as they stand, in order."""
        plate = self.days[truck].haul.plate
        return [one for one in self.in_order() if (one.plate, one.direction) == (plate, direction) and one.stable]

    def free(self, truck: str, direction: Literal["in", "out"], after: int = 0) -> list[Weighing]:
        """Those of them that are `after` the first ones, not typed, and far from what is wrong with the truck."""
        made = [one for one in self.of(truck, direction)[after:] if not one.manual_entry]
        wrong = self._wrong.get(truck, ())
        return [one for one in made if all(abs(one.ts - ts) >= _APART_MS for ts in wrong)]

    def any_truck(self) -> str:
        return self.rng.choice(sorted(self.days))

    def change(self, ticket: Weighing) -> None:
        """Put a ticket in the place of the one with its number and direction."""
        self._tickets[ticket.ticket, ticket.direction] = ticket

    def add(self, *tickets: Weighing) -> None:
        self._more += tickets

    def drop(self, ticket: Weighing) -> None:
        del self._tickets[ticket.ticket, ticket.direction]

    def note(self, truck: str, ts: int) -> None:
        """Note that something is wrong with this truck then."""
        self._wrong.setdefault(truck, []).append(ts)


Wrong = Callable[[TicketBook], list[Incident]]
"""Makes tickets of a book wrong; returns what that is. None: it looks wrong and is not, or there was no room for it."""


def at(rule: str, subject: str, behaviour: str, ts: int, hold_s: float = 0.0, *, required: bool = True) -> Incident:
    """What is wrong at one instant."""
    return Incident(rule, subject, behaviour, ts, ts + 1, ts, required, hold_s)
