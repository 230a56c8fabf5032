"""The visits of one truck, of the last tickets about it: who judges a truck knows of no others. Pure."""

from collections.abc import Iterable

from devices.city.model import City
from devices.readings.models import Weighing
from rules.weighing.session import MatchedBy, WeighingSession
from rules.weighing.sessions import sessions_of
from rules.weighing.site_weighing import SiteWeighing, way_of
from rules.weighing.truck_match import TruckMatch


def visits_of(tickets: Iterable[Weighing], vehicle_id: str | None, device_id: str, city: City) -> list[WeighingSession]:
    """The sessions of tickets of a truck, in order of time; tickets of no site are left out. Each is to be believed."""
    truck = TruckMatch(vehicle_id, device_id, MatchedBy.PLATE, 1.0)
    placed: dict[tuple[str, int], SiteWeighing] = {}
    for ticket in tickets:
        bridge = city.devices.get(ticket.device_id)
        site = city.site_of(bridge, ticket.ts) if bridge is not None else None
        if site is not None:
            placed[ticket.device_id, ticket.ts] = SiteWeighing(ticket, site.id, way_of(site.kind), truck)
    return sessions_of(placed.values())
