"""Tickets at the sources of one bridge's trucks, one of which shows a load that was never there.

Labels are read off the tickets as they were printed: whatever the two net weights of a trip differ by, a person who
holds both tickets sees it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace as replaced
from random import Random
from typing import Final, NamedTuple

from msgspec.structs import replace

from devices.city.model import City, Device, DeviceRole
from devices.readings.models import Reading, Weighing
from simulators.trials.incidents import Incident
from simulators.trials.sites import heartbeats
from simulators.trials.truck_day import TruckDay
from simulators.trials.weighings.wrong_tickets import round_kg
from simulators.vehicles.work import Loading

_RULE: Final = "mass_shortfall"
_HEARTBEAT_MS: Final = 60_000
_LEAST_KG: Final = 3_000.0
"""A smaller load is none that a truck sets out with."""
_WEIGHED_AFTER_MS: Final = 20_000
_SIGMA_KG: Final = 8.0
_PHANTOM_SHARE: Final = (0.07, 0.16)
"""Of the load is added on the ticket by whoever is paid by the tonne."""
_LOST: Final = (300.0, 0.02)
_GAINED: Final = (500.0, 0.03)
"""What asks for an alert: kg, and share of the net weight at the source, whichever is more."""


class _Trip(NamedTuple):
    source: Weighing
    destination: Weighing
    is_plain: bool
    """Nothing but the two weighings of its visit was printed for the truck between this load and the next."""


def source_tickets(
    city: City,
    days: Mapping[str, TruckDay],
    weighed: Mapping[str, Sequence[Reading]],
    span: tuple[int, int],
    rng: Random,
) -> tuple[City, dict[str, list[Reading]], list[Incident]]:
    """The city with a weighbridge at one source, its readings, and the trips that lost or gained weight.

    `weighed`: tickets at the destinations, by bridge. Nothing where no bridge has visitors.
    """
    for bridge in city.devices.values():
        if bridge.role is not DeviceRole.WEIGHBRIDGE:
            continue
        found = _origin_of(bridge, city, days, span[0])
        if found is None:
            continue
        origin, trucks = found
        new = Device(
            f"{origin}-bridge",
            DeviceRole.WEIGHBRIDGE,
            site_id=origin,
            district=city.sites[origin].district,
            report_interval_s=_HEARTBEAT_MS // 1000,
        )
        arrived = [one for one in weighed.get(bridge.id, ()) if isinstance(one, Weighing) and one.stable]
        loads = {name: list(_loads(new.id, days[name], rng)) for name in trucks}
        _add_a_phantom(loads, arrived, rng)
        trips = [(name, trip) for name, made in loads.items() for trip in _trips(made, arrived)]
        readings = [ticket for made in loads.values() for ticket in made]
        return (
            replaced(city, devices={**city.devices, new.id: new}),
            {new.id: [*sorted(readings, key=_time_of), *heartbeats(new.id, *span, _HEARTBEAT_MS)]},
            [incident for name, trip in trips for incident in _incidents(name, trip)],
        )
    return city, {}, []


def _origin_of(bridge: Device, city: City, days: Mapping[str, TruckDay], ts: int) -> tuple[str, list[str]] | None:
    """The first origin of trucks that are weighed there, and these trucks."""
    by_origin: dict[str, list[str]] = {}
    for name, day in sorted(days.items()):
        if day.haul.destination_site_id != bridge.site_id:
            continue
        for route in city.routes_of(city.devices[name].vehicle_id or "", ts):
            if route.origin_site_id in city.sites:
                by_origin.setdefault(route.origin_site_id or "", []).append(name)
    return next(iter(sorted(by_origin.items())), None)


def _loads(bridge_id: str, day: TruckDay, rng: Random) -> Iterator[Weighing]:
    """A ticket for each load that the truck sets out with."""
    haul = day.haul
    for number, (began_ms, step) in enumerate(day.steps):
        if not isinstance(step, Loading) or step.xy != haul.source or step.after_kg - step.before_kg < _LEAST_KG:
            continue
        tare_kg = round_kg(haul.tare_kg + step.before_kg + rng.gauss(0, _SIGMA_KG))
        gross_kg = round_kg(haul.tare_kg + step.after_kg + rng.gauss(0, _SIGMA_KG))
        yield Weighing(
            device_id=bridge_id,
            ts=began_ms + round(step.duration_s * 1000) - _WEIGHED_AFTER_MS,
            gross_kg=gross_kg,
            tare_kg=tare_kg,
            net_kg=gross_kg - tare_kg,
            ticket=f"{bridge_id}-{haul.device_id}-{number:04d}"[-64:],
            direction="out",
            plate=haul.plate,
        )


def _add_a_phantom(loads: Mapping[str, list[Weighing]], arrived: Sequence[Weighing], rng: Random) -> None:
    """Make one ticket of a plain trip show more than was loaded."""
    plain = [(name, trip) for name, made in sorted(loads.items()) for trip in _trips(made, arrived) if trip.is_plain]
    if not plain:
        return
    name, trip = rng.choice(plain)
    true = trip.source
    more_kg = round_kg((true.net_kg or 0.0) * rng.uniform(*_PHANTOM_SHARE))
    false = replace(true, gross_kg=true.gross_kg + more_kg, net_kg=(true.net_kg or 0.0) + more_kg)
    loads[name][loads[name].index(true)] = false


def _trips(loads: Sequence[Weighing], arrived: Sequence[Weighing]) -> Iterator[_Trip]:
    """Loads of one truck with the whole ticket of the visit that follows, before the next load."""
    for index, source in enumerate(loads):
        until = loads[index + 1].ts if index + 1 < len(loads) else source.ts + 6 * 3_600_000
        between = [one for one in arrived if one.plate == source.plate and source.ts < one.ts < until]
        whole = [one for one in between if one.net_kg is not None]
        if whole:
            yield _Trip(source, whole[0], len(between) == 2 and len(whole) == 1)


def _incidents(name: str, trip: _Trip) -> Iterator[Incident]:
    source_kg = trip.source.net_kg or 0.0
    lost_kg = source_kg - (trip.destination.net_kg or 0.0)
    is_lost = lost_kg > max(_LOST[0], _LOST[1] * source_kg)
    if is_lost or -lost_kg > max(_GAINED[0], _GAINED[1] * source_kg):
        start_ms, end_ms = trip.source.ts, trip.destination.ts
        yield Incident(_RULE, name, "load_on_paper", start_ms, end_ms + 1, end_ms, required=trip.is_plain)


def _time_of(ticket: Weighing) -> int:
    return ticket.ts
