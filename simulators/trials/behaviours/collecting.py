"""Trucks that collect beside their route: another stream, outside their area, and what is allowed but looks like it."""

from typing import Final

from simulators.trials.behaviours.behaviour import Behaviour, concerns
from simulators.trials.sources import Beside, Roadside, roadside, vehicle_of
from simulators.trials.truck_day import TruckDay
from simulators.vehicles.work import Loading

_COLLECTS_S: Final = (140.0, 420.0)
_PART_LOAD: Final = (0.4, 0.6)
_COLLECTED: Final = (0.03, 0.36)
"""Shares of the permitted load; what is less than a twentieth need not be noticed."""
_PAUSE_S: Final = (20.0, 300.0)


def collect_another_stream(day: TruckDay) -> bool:
    """Take a part load at the source, and on top of it a stream that may not be mixed with it."""
    if vehicle_of(day.city, day.haul).compartments > 1:
        return False
    return _collect(day, "collect_another_stream", roadside(day.city, day.haul, Beside.OTHER))


def collect_outside_its_area(day: TruckDay) -> bool:
    """Fill up with the same stream at a source outside the area of its permits."""
    source = roadside(day.city, day.haul, Beside.SAME)
    if not _is_outside(day, source):
        return False
    return _collect(day, "collect_outside_its_area", source)


def collect_apart(day: TruckDay) -> bool:
    """Take another stream in the second compartment."""
    if vehicle_of(day.city, day.haul).compartments == 1:
        return False
    return _collect(day, "collect_apart", roadside(day.city, day.haul, Beside.OTHER))


def collect_more_of_the_same(day: TruckDay) -> bool:
    """Fill up with the same stream where the permits allow it."""
    source = roadside(day.city, day.haul, Beside.SAME)
    if _is_outside(day, source):
        return False
    return _collect(day, "collect_more_of_the_same", source)


def pause_beside_a_source(day: TruckDay) -> bool:
    """Loaded, stand beside another source for 20 s to 5 min, at a light or for a call, and take nothing."""
    source = roadside(day.city, day.haul, day.rng.choice(list(Beside)))
    started_ms = day.now_ms
    day.load()
    day.drive(day.out.part(0.0, source.at_m))
    day.stand(day.rng.uniform(*_PAUSE_S))
    day.finish_round(source.at_m)
    day.unusual("pause_beside_a_source", started_ms)
    return True


def _collect(day: TruckDay, name: str, source: Roadside) -> bool:
    started_ms = day.now_ms
    day.load(_PART_LOAD)
    day.drive(day.out.part(0.0, source.at_m))
    more_kg = day.haul.payload_kg * day.rng.uniform(*_COLLECTED)
    day.add(Loading(day.place, day.rng.uniform(*_COLLECTS_S), day.load_kg, day.load_kg + more_kg))
    day.finish_round(source.at_m)
    day.unusual(name, started_ms)
    return True


def _is_outside(day: TruckDay, source: Roadside) -> bool:
    """True if the truck's permits do not let it collect where it stands to collect there."""
    areas = day.city.areas_of(vehicle_of(day.city, day.haul).id, day.now_ms)
    found = day.city.zone_geometry.permitted_at(day.out.at(source.at_m), day.now_ms, areas) if areas else None
    return found is not None and found.depth_m < 0


BEHAVIOURS: Final = (
    Behaviour(collect_another_stream, concerns("mixed_haulage")),
    Behaviour(collect_outside_its_area, concerns("outside_permitted_area"), 2.0),
)
LOOK_ALIKES: Final = (
    Behaviour(collect_apart),
    Behaviour(collect_more_of_the_same),
    Behaviour(pause_beside_a_source, share=0.7),
)
