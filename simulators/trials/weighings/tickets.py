"""The tickets of every visit, and a few that are wrong (`wrong_tickets`, `wrong_bridges`)."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

from devices.city.model import City, DeviceRole
from devices.readings.models import Reading
from simulators.sites.weighbridge import Crossing, weighings
from simulators.trials.incidents import Incident
from simulators.trials.sites import heartbeats
from simulators.trials.truck_day import TruckDay
from simulators.trials.weighings.ticket_book import TicketBook
from simulators.trials.weighings.wrong_bridges import OF_BRIDGES
from simulators.trials.weighings.wrong_tickets import OF_TRUCKS
from simulators.vehicles.haul import WEIGHED_IN_AFTER_S, WEIGHED_OUT_AFTER_S
from simulators.vehicles.work import Tipping

_HEARTBEAT_MS: Final = 60_000
_SHARE: Final = 0.5
"""Of bridges with visitors stage each thing that can be wrong, or look so, in a shift."""


def tickets(
    city: City, days: Mapping[str, TruckDay], start_ms: int, end_ms: int, rng: Random
) -> tuple[dict[str, list[Reading]], list[Incident]]:
    """Readings of each weighbridge, by its device id, and what is wrong with them."""
    readings: dict[str, list[Reading]] = {}
    incidents: list[Incident] = []
    for bridge in city.devices.values():
        if bridge.role is not DeviceRole.WEIGHBRIDGE:
            continue
        visitors = {name: day for name, day in days.items() if day.haul.destination_site_id == bridge.site_id}
        crossed = [_crossings(day) for day in visitors.values()]
        made = list(weighings(bridge.id, crossed, start_ms=start_ms, material="construction", rng=rng))
        book = TicketBook(bridge.id, made, visitors, city, rng)
        for act in (*OF_BRIDGES, *OF_TRUCKS) if made else ():
            if rng.random() < _SHARE:
                incidents += act(book)
        readings[bridge.id] = [*book.in_order(), *heartbeats(bridge.id, start_ms, end_ms, _HEARTBEAT_MS)]
    return readings, incidents


def _crossings(day: TruckDay) -> Iterator[Crossing]:
    visit = 0
    for began_ms, step in day.steps:
        if isinstance(step, Tipping) and step.xy == day.haul.tip:
            visit += 1
            entered_ms = began_ms + round(WEIGHED_IN_AFTER_S * 1000)
            left_ms = began_ms + round(WEIGHED_OUT_AFTER_S * 1000)
            yield Crossing(entered_ms, day.haul, visit, False, step.before_kg)
            yield Crossing(left_ms, day.haul, visit, True, step.after_kg)
