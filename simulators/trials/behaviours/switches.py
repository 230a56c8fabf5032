"""Beds that are up, loads that are not covered, speed, and hours."""

from typing import Final

from simulators.trials.behaviours.behaviour import Behaviour, concerns
from simulators.trials.behaviours.roads import haul_to_a_lonely_place
from simulators.trials.truck_day import TruckDay


def raise_the_bed_empty(day: TruckDay) -> bool:
    """On the way home, stand at the roadside and shake out the empty bed for 12 to 120 s."""
    at_m = day.terrain.lonely_place(day.haul, day.rng)
    if at_m is None:
        return False
    day.load()
    day.drive(day.out)
    day.tip()
    day.drive(day.out.part(at_m, day.out.length_m).reverse())
    arrived_ms = day.now_ms
    _stand_with_bed_up(day)
    day.unusual("raise_the_bed_empty", arrived_ms - 60_000)
    day.go_home(at_m)
    return True


def raise_the_bed_loaded(day: TruckDay) -> bool:
    """On the loaded way, raise the bed a little at the roadside to shift the load; nothing falls."""
    at_m = haul_to_a_lonely_place(day)
    if at_m is None:
        return False
    arrived_ms = day.now_ms
    _stand_with_bed_up(day)
    day.unusual("raise_the_bed_loaded", arrived_ms - 60_000)
    day.finish_round(at_m)
    return True


def drive_with_the_bed_up(day: TruckDay) -> bool:
    """Drive home from the site with the bed up, and lower it on the road after 40 to 180 s."""
    day.load()
    day.drive(day.out)
    day.tip()
    started_ms = day.now_ms
    day.drive(day.out.reverse(), lift_s=(0.0, day.rng.uniform(40.0, 180.0)))
    day.unusual("drive_with_the_bed_up", started_ms)
    return True


def drive_uncovered(day: TruckDay) -> bool:
    """Leave the source loaded with the cover open, for a part of the way or all of it."""
    day.load()
    started_ms = day.now_ms
    share = day.rng.uniform(0.4, 1.0)
    way = day.out
    seconds = day.driver.drive(way, day.load_kg).duration_s
    day.drive(way, cover_s=(0.0, share * seconds))
    day.unusual("drive_uncovered", started_ms)
    day.tip()
    day.go_home()
    return True


def drive_too_fast(day: TruckDay) -> bool:
    """Race over 0.5 to 3 km of the route at 115 to 170 % of its limit, as far as its bends allow."""
    loaded = day.rng.random() < 0.5
    way = day.out if loaded else day.out.reverse()
    from_m = way.length_m * day.rng.uniform(0.15, 0.5)
    to_m = from_m + day.rng.uniform(500.0, 3_000.0)
    day.load()
    if not loaded:
        day.drive(day.out)
        day.tip()
    started_ms = day.now_ms
    day.race(way, from_m, to_m, 50.0 * day.rng.uniform(1.15, 1.7))
    day.unusual("drive_too_fast", started_ms)
    if loaded:
        day.tip()
        day.go_home()
    return True


def haul_before_hours(day: TruckDay) -> bool:
    """Haul the first load of the day before the permitted hours begin, then wait for them."""
    day.load()
    started_ms = day.now_ms
    day.drive(day.out)
    day.unusual("haul_before_hours", started_ms)
    day.tip()
    day.go_home()
    return True


def _stand_with_bed_up(day: TruckDay) -> None:
    rises_s, up_s = day.rng.uniform(8.0, 40.0), day.rng.uniform(12.0, 120.0)
    day.stand(rises_s + up_s + day.rng.uniform(10.0, 60.0), lift_s=(rises_s, rises_s + up_s))


BEHAVIOURS: Final = (
    Behaviour(raise_the_bed_empty, concerns("bed_raised_outside")),
    Behaviour(raise_the_bed_loaded, concerns("bed_raised_outside"), 0.5),
    Behaviour(drive_with_the_bed_up, concerns("bed_raised_outside"), 0.7),
    Behaviour(drive_uncovered, concerns("uncovered_load")),
    Behaviour(drive_too_fast, concerns("speeding")),
    Behaviour(haul_before_hours, concerns("restricted_hours"), before_hours=True),
)
