"""Trials of one kind: trucks that leave their route by a set distance in every round, for the power of a rule."""

from dataclasses import replace
from random import Random
from typing import Final

from devices.city.model import City, DeviceRole, Permit
from simulators.staging.terrain import Terrain
from simulators.trials.behaviours.roads import bypass
from simulators.trials.incidents import Incident
from simulators.trials.network import Link, arrivals
from simulators.trials.terminals import reports
from simulators.trials.tiers import Tier
from simulators.trials.town import town
from simulators.trials.trial import FIRST_DAY_MS, Trial, haul_of
from simulators.trials.truck_day import TruckDay

TRUCKS: Final = 6
"""One on each route: three that leave one road together are a closed road."""
_ROUNDS: Final = 10
_ALONG_M: Final = (600.0, 2_000.0)


def stage_detours(aside_m: float, interval_s: int, seed: str) -> Trial:
    """Each round of each truck takes a road `aside_m` beside 0.6 to 2 km of the route; every detour is an incident.

    Terminals are those of the clean tier, but report each `interval_s`. The same detours for every interval.
    """
    rng = Random(f"{seed}|detours|{aside_m:g}")  # noqa: S311 - repeatable on purpose
    city = _one_truck_a_route(town(rng, interval_s))
    terrain = Terrain(city, FIRST_DAY_MS)
    tier = Tier("detours", "detours of one distance", interval_s=interval_s)
    incidents: list[Incident] = []
    received = []
    for device in city.devices.values():
        day = TruckDay(haul_of(terrain, city, device.id), terrain, city, FIRST_DAY_MS, Random(rng.random()))  # noqa: S311
        day.stand(300.0, ignition_on=False)
        for _ in range(_ROUNDS):
            incidents += _round(day, aside_m)
        day.stand(1_200.0, ignition_on=False)
        noise = Random(f"{seed}|{device.id}|{interval_s}")  # noqa: S311
        received += list(arrivals(reports(day, city.plane, tier, None, noise), Link(), (), 0, noise))
    in_order = sorted(received, key=lambda one: one.received_ms)
    return Trial(city, in_order, incidents, {}, {DeviceRole.TRUCK: len(city.devices)})


def _round(day: TruckDay, aside_m: float) -> list[Incident]:
    found = bypass(day, aside_m, day.rng.uniform(*_ALONG_M))
    if found is None:
        day.plain_round()
        return []
    from_m, to_m, road = found
    day.load()
    day.drive(day.out.part(0.0, from_m))
    there = day.drive(road.rounded())
    day.drive(day.out.part(to_m, day.out.length_m))
    day.tip()
    day.go_home()
    return [Incident("route_deviation", day.haul.device_id, "detour", *there, there[0])]


def _one_truck_a_route(city: City) -> City:
    devices = [device for device in city.devices.values() if device.role is DeviceRole.TRUCK][:TRUCKS]
    permits: list[Permit] = [replace(permit, hours=()) for permit in city.permits]
    return replace(city, devices={device.id: device for device in devices}, permits=tuple(permits))
