"""Loads tipped where they may not be, in the open."""

from typing import Final

from simulators.trials.behaviours.behaviour import Behaviour, concerns
from simulators.trials.behaviours.roads import haul_to_a_lonely_place, side_road
from simulators.trials.truck_day import TruckDay

_RULES: Final = concerns("illegal_dumping")
_OFF_ROUTE: Final = concerns("illegal_dumping", "route_deviation")


def dump_at_the_roadside(day: TruckDay) -> bool:
    """Stop on the route, far from every site, and tip all."""
    at_m = haul_to_a_lonely_place(day)
    if at_m is None:
        return False
    arrived_ms = day.now_ms
    _tip(day)
    day.unusual("dump_at_the_roadside", arrived_ms - 60_000)
    day.close_manifest()
    day.go_home(at_m)
    return True


def dump_down_a_side_road(day: TruckDay) -> bool:
    """Turn off the route for 150 to 900 m, tip all, and come back."""
    found = side_road(day, (150.0, 900.0))
    if found is None:
        return False
    at_m, road = found
    day.load()
    started_ms = day.now_ms
    day.drive(day.out.part(0.0, at_m).then(road).rounded())
    _tip(day)
    day.close_manifest()
    day.drive(road.reverse().then(day.out.part(0.0, at_m).reverse()).rounded())
    day.unusual("dump_down_a_side_road", started_ms)
    return True


def dump_a_part(day: TruckDay) -> bool:
    """Tip half of the load or more at the roadside, and take the rest to the site."""
    at_m = haul_to_a_lonely_place(day)
    if at_m is None:
        return False
    arrived_ms = day.now_ms
    _tip(day, share=day.rng.uniform(0.45, 0.8))
    day.unusual("dump_a_part", arrived_ms - 60_000)
    day.finish_round(at_m)
    return True


def _tip(day: TruckDay, share: float = 1.0) -> None:
    rng = day.rng
    day.tip_here(
        lift_up_s=rng.uniform(30.0, 95.0),
        share=share,
        opens_s=rng.uniform(3.0, 30.0),
        rises_s=rng.uniform(15.0, 90.0),
        stays_s=rng.uniform(16.0, 120.0),
    )


BEHAVIOURS: Final = (
    Behaviour(dump_at_the_roadside, _RULES, 1.0),
    Behaviour(dump_down_a_side_road, _OFF_ROUTE, 1.5),
    Behaviour(dump_a_part, _RULES, 0.5),
)
