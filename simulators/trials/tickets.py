"""Weighbridges of a trial: the tickets of every visit, and a few that are wrong."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Final

from msgspec.structs import replace

from devices.city.model import City, DeviceRole
from devices.readings.models import Reading, Weighing
from simulators.sites.weighbridge import Crossing, weighings
from simulators.trials.incidents import Incident
from simulators.trials.sites import heartbeats
from simulators.trials.truck_day import TruckDay
from simulators.vehicles.haul import WEIGHED_IN_AFTER_S, WEIGHED_OUT_AFTER_S
from simulators.vehicles.work import Loading, Tipping

_HEARTBEAT_MS: Final = 60_000
_WRONG_SHARE: Final = 0.5
"""Of bridges with visitors have a wrong ticket of each kind in a shift."""
_KNOWN_VISITS: Final = 6
"""Before a tare can be told to be odd."""
_AWAY_S: Final = 120.0
_QUIET_MS: Final = 9_000_000

Tickets = dict[str, list[Weighing]]
"""Of one bridge, by the device id of the truck, in order."""
Wrong = Callable[[str, Tickets, Mapping[str, TruckDay], Random], tuple[Weighing, Incident] | None]


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
        of_trucks = {
            name: [ticket for ticket in made if ticket.plate == day.haul.plate] for name, day in visitors.items()
        }
        for wrong in _WRONG if made else ():
            if rng.random() < _WRONG_SHARE and (found := wrong(bridge.id, of_trucks, visitors, rng)) is not None:
                made.append(found[0])
                incidents.append(found[1])
        by_ticket = {(ticket.ticket, ticket.direction): ticket for ticket in made}  # a changed one takes its place
        in_order = sorted(by_ticket.values(), key=lambda ticket: ticket.ts)
        readings[bridge.id] = [*in_order, *heartbeats(bridge.id, start_ms, end_ms, _HEARTBEAT_MS)]
    return readings, incidents


def _unregistered(
    bridge: str, of_trucks: Tickets, days: Mapping[str, TruckDay], rng: Random
) -> tuple[Weighing, Incident] | None:
    """A truck that nobody registered is weighed after another one."""
    like = rng.choice([ticket for made in of_trucks.values() for ticket in made])
    plate = f"晋E·X{rng.randint(1000, 9999)}"
    ticket = replace(like, plate=plate, ts=like.ts + 20_000, ticket=f"{bridge}-X{plate[-4:]}")
    return ticket, _at("unknown_plate", bridge, "weigh_unregistered", ticket.ts)


def _elsewhere(
    bridge: str, of_trucks: Tickets, days: Mapping[str, TruckDay], rng: Random
) -> tuple[Weighing, Incident] | None:
    """A ticket for a load that was never brought: the truck is being loaded at its source meanwhile.

    Not within hours of an incident, so that the one ticket is all that is wrong.
    """
    name = rng.choice(sorted(days))
    busy = [(span.start_ms, span.end_ms + _QUIET_MS) for span in days[name].spans]
    begun = [began for began, step in days[name].steps if isinstance(step, Loading)][2:]
    loadings = [began for began in begun if not any(start <= began <= end for start, end in busy)]
    like = next((ticket for ticket in of_trucks[name] if ticket.direction == "in"), None)
    if not loadings or like is None:
        return None
    ts = rng.choice(loadings) + 60_000
    ticket = replace(like, ts=ts, ticket=f"{bridge}-{name}-N{ts % 10_000:04}")
    return ticket, _at("weighbridge_integrity", name, "weigh_elsewhere", ts, _AWAY_S)


def _twice(
    bridge: str, of_trucks: Tickets, days: Mapping[str, TruckDay], rng: Random
) -> tuple[Weighing, Incident] | None:
    """One load is weighed in twice, under two numbers, without leaving."""
    name = rng.choice(sorted(days))
    loads = [ticket for ticket in of_trucks[name] if ticket.direction == "in"][1:]
    if not loads:
        return None
    first = rng.choice(loads)
    again = replace(first, ts=first.ts + rng.randint(50_000, 90_000), ticket=f"{first.ticket[:58]}-B")
    return again, _at("weighbridge_integrity", name, "weigh_twice", again.ts)


def _odd_tare(
    bridge: str, of_trucks: Tickets, days: Mapping[str, TruckDay], rng: Random
) -> tuple[Weighing, Incident] | None:
    """A truck is weighed empty with 0.6 to 1.5 t too much: people on it, or a part of the load still in."""
    name = rng.choice(sorted(days))
    empty = [ticket for ticket in of_trucks[name] if ticket.direction == "out"][_KNOWN_VISITS:]
    if not empty:
        return None
    true = rng.choice(empty)
    tare_kg = (true.tare_kg or 0.0) + round(rng.uniform(600.0, 1_500.0) / 20) * 20
    ticket = replace(true, tare_kg=tare_kg, net_kg=true.gross_kg - tare_kg)
    return ticket, _at("weighbridge_integrity", name, "weigh_odd_tare", ticket.ts)


_WRONG: Final[tuple[Wrong, ...]] = (_unregistered, _elsewhere, _twice, _odd_tare)


def _at(rule: str, subject: str, behaviour: str, ts: int, hold_s: float = 0.0) -> Incident:
    return Incident(rule, subject, behaviour, ts, ts + 1, ts, hold_s=hold_s)


def _crossings(day: TruckDay) -> Iterator[Crossing]:
    visit = 0
    for began_ms, step in day.steps:
        if isinstance(step, Tipping) and step.xy == day.haul.tip:
            visit += 1
            entered_ms = began_ms + round(WEIGHED_IN_AFTER_S * 1000)
            left_ms = began_ms + round(WEIGHED_OUT_AFTER_S * 1000)
            yield Crossing(entered_ms, day.haul, visit, False, step.before_kg)
            yield Crossing(left_ms, day.haul, visit, True, step.after_kg)
