"""Drivers who know that they are watched."""

from typing import Final

from simulators.trials.behaviours.behaviour import Behaviour, concerns
from simulators.trials.behaviours.roads import before_gate, haul_to_a_lonely_place, side_road
from simulators.trials.behaviours.terminals import SILENT_LOADED_S, silence
from simulators.trials.truck_day import TruckDay

_RULES: Final = concerns("illegal_dumping")
_HERE_M: Final = 1.0
"""A stretch so short is a place."""


def dump_without_power(day: TruckDay) -> bool:
    """Cut the terminal's power 1 to 4 min before a dump down a side road, and mend it afterwards."""
    found = side_road(day, (150.0, 900.0))
    if found is None:
        return False
    at_m, road = found
    day.load()
    started_ms = day.now_ms
    day.drive(day.out.part(0.0, at_m).then(road).rounded())
    arrived_ms = day.now_ms
    _tip(day, lift_up_s=day.rng.uniform(30.0, 80.0))
    day.drive(road.reverse().then(day.out.part(0.0, at_m).reverse()).rounded())
    cut_ms = max(started_ms, arrived_ms - round(day.rng.uniform(60.0, 240.0) * 1000))
    mended_ms = min(day.now_ms, arrived_ms + round(day.rng.uniform(240.0, 600.0) * 1000))
    day.upsets.unpowered.append((cut_ms, mended_ms))
    day.incidents.append(
        silence(day.haul.device_id, "dump_without_power", cut_ms, mended_ms, 60, hold_s=SILENT_LOADED_S)
    )
    day.unusual("dump_without_power", started_ms)
    return True


def dump_while_jamming(day: TruckDay) -> bool:
    """Jam the receiver around a dump at the roadside; switches and scale go on."""
    at_m = day.terrain.lonely_place(day.haul, day.rng)
    if at_m is None:
        return False
    day.load()
    started_ms = day.now_ms
    day.drive(day.out.part(0.0, at_m))
    arrived_ms = day.now_ms
    _tip(day, lift_up_s=day.rng.uniform(30.0, 80.0))
    day.unusual("dump_while_jamming", arrived_ms - 60_000)
    day.go_home(at_m)
    before_ms, after_ms = (round(day.rng.uniform(60.0, 240.0) * 1000) for _ in range(2))
    jammed = max(started_ms, arrived_ms - before_ms), min(day.now_ms, arrived_ms + 180_000 + after_ms)
    day.upsets.no_fix.append(jammed)
    return True


def tip_in_a_hurry(day: TruckDay) -> bool:
    """Tip all with the bed up for 20 to 44 s, and drive off at once."""
    at_m = haul_to_a_lonely_place(day)
    if at_m is None:
        return False
    arrived_ms = day.now_ms
    _tip(day, lift_up_s=day.rng.uniform(20.0, 44.0), rises_s=day.rng.uniform(4.0, 10.0), opens_s=2.0)
    day.unusual("tip_in_a_hurry", arrived_ms - 60_000)
    day.go_home(at_m)
    return True


def tip_outside_the_gate(day: TruckDay) -> bool:
    """Tip 60 to 120 m outside the fence of the site that the load was meant for."""
    at_m = before_gate(day, day.rng.uniform(60.0, 120.0))
    if at_m is None:
        return False
    day.load()
    day.drive(day.out.part(0.0, at_m))
    arrived_ms = day.now_ms
    _tip(day, lift_up_s=day.rng.uniform(30.0, 80.0))
    day.unusual("tip_outside_the_gate", arrived_ms - 60_000)
    day.go_home(at_m)
    return True


def tip_in_two_halves(day: TruckDay) -> bool:
    """Tip half of the load at one place, and the rest 0.9 to 1.6 km on, both far from every site."""
    at_m = day.terrain.lonely_place(day.haul, day.rng)
    if at_m is None:
        return False
    on_m = min(at_m + day.rng.uniform(900.0, 1_600.0), 0.85 * day.out.length_m)
    if not day.terrain.is_clear(day.out.part(on_m - _HERE_M, on_m)):
        return False
    day.load()
    day.drive(day.out.part(0.0, at_m))
    arrived_ms = day.now_ms
    _tip(day, lift_up_s=day.rng.uniform(20.0, 44.0), share=day.rng.uniform(0.4, 0.6))
    day.drive(day.out.part(at_m, on_m))
    _tip(day, lift_up_s=day.rng.uniform(20.0, 44.0))
    day.unusual("tip_in_two_halves", arrived_ms - 60_000)
    day.go_home(on_m)
    return True


def scan_early_and_dump(day: TruckDay) -> bool:
    """Close the manifest on the way, as if the load had been delivered, and tip at the roadside minutes later."""
    at_m = day.terrain.lonely_place(day.haul, day.rng)
    if at_m is None:
        return False
    day.load()
    day.drive(day.out.part(0.0, 0.6 * at_m))
    day.close_manifest()
    day.drive(day.out.part(0.6 * at_m, at_m))
    arrived_ms = day.now_ms
    _tip(day, lift_up_s=day.rng.uniform(30.0, 80.0))
    day.unusual("scan_early_and_dump", arrived_ms - 60_000)
    day.go_home(at_m)
    return True


def _tip(
    day: TruckDay, *, lift_up_s: float, share: float = 1.0, rises_s: float | None = None, opens_s: float = 5.0
) -> None:
    rises = day.rng.uniform(10.0, 40.0) if rises_s is None else rises_s
    day.tip_here(lift_up_s=lift_up_s, share=share, opens_s=opens_s, rises_s=rises, stays_s=16.0)
    if share == 1.0:
        day.close_manifest()


BEHAVIOURS: Final = tuple(
    Behaviour(act, _RULES)
    for act in (
        dump_without_power,
        dump_while_jamming,
        tip_in_a_hurry,
        tip_outside_the_gate,
        tip_in_two_halves,
        scan_early_and_dump,
    )
)
