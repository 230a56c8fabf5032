"""What honest drivers do, and what is easily taken for an incident. Nobody should say anything."""

from typing import Final

from simulators.trials.behaviours.behaviour import Behaviour
from simulators.trials.behaviours.roads import before_gate, side_road
from simulators.trials.truck_day import TruckDay
from simulators.vehicles.work import Standing, Switched


def look_at_the_load(day: TruckDay) -> bool:
    """Loaded, stop for 1 to 4 min; every second time open the cover and close it again."""
    at_m = day.out.length_m * day.rng.uniform(0.25, 0.7)
    day.load()
    day.drive(day.out.part(0.0, at_m))
    arrived_ms, seconds = day.now_ms, day.rng.uniform(60.0, 240.0)
    day.stand(seconds, cover_s=(10.0, seconds - 15.0) if day.rng.random() < 0.5 else None)
    day.unusual("look_at_the_load", arrived_ms)
    day.finish_round(at_m)
    return True


def take_a_break(day: TruckDay) -> bool:
    """Empty, stand at the roadside for 15 to 40 min."""
    at_m = day.out.length_m * day.rng.uniform(0.25, 0.7)
    day.load()
    day.drive(day.out)
    day.tip()
    day.drive(day.out.part(at_m, day.out.length_m).reverse())
    day.stand(day.rng.uniform(900.0, 2_400.0), ignition_on=day.rng.random() < 0.4)
    day.go_home(at_m)
    return True


def queue_at_the_gate(day: TruckDay) -> bool:
    """Loaded, stand 30 to 400 m before the gate for 5 to 20 min."""
    at_m = before_gate(day, day.rng.uniform(30.0, 400.0))
    if at_m is None:
        return False
    day.load()
    day.drive(day.out.part(0.0, at_m))
    arrived_ms = day.now_ms
    day.stand(day.rng.uniform(300.0, 1_200.0))
    day.unusual("queue_at_the_gate", arrived_ms)
    day.finish_round(at_m)
    return True


def clean_the_bed(day: TruckDay) -> bool:
    """Raise the empty bed at the source for 15 to 60 s, before loading."""
    rises_s, up_s = day.rng.uniform(10.0, 30.0), day.rng.uniform(15.0, 60.0)
    standing = Standing(day.haul.source, rises_s + up_s + 20.0, day.load_kg)
    day.add(Switched(standing, lift_s=(rises_s, rises_s + up_s)))
    day.plain_round()
    return True


def pass_a_tunnel(day: TruckDay) -> bool:
    """No fix for 30 to 150 s while driving."""
    day.load()
    driven = day.drive(day.out)
    began_ms = driven[0] + round(day.rng.uniform(0.2, 0.7) * (driven[1] - driven[0]))
    day.upsets.no_fix.append((began_ms, began_ms + round(day.rng.uniform(30.0, 150.0) * 1000)))
    day.tip()
    day.go_home()
    return True


def turn_in_a_yard(day: TruckDay) -> bool:
    """Turn off the route for 40 to 90 m and come back at once."""
    found = side_road(day, (40.0, 90.0))
    if found is None:
        return False
    at_m, road = found
    day.load()
    started_ms = day.now_ms
    day.drive(day.out.part(0.0, at_m).then(road).rounded())
    day.drive(road.reverse().then(day.out.part(at_m, day.out.length_m)).rounded())
    day.unusual("turn_in_a_yard", started_ms)
    day.tip()
    day.go_home()
    return True


def close_the_cover_late(day: TruckDay) -> bool:
    """Roll off from the source with the cover open for 8 to 20 s."""
    day.load()
    started_ms = day.now_ms
    day.drive(day.out, cover_s=(0.0, day.rng.uniform(8.0, 20.0)))
    day.unusual("close_the_cover_late", started_ms)
    day.tip()
    day.go_home()
    return True


def restart_the_terminal(day: TruckDay) -> bool:
    """The terminal is off for 40 to 100 s on the way."""
    day.load()
    driven = day.drive(day.out)
    began_ms = driven[0] + round(day.rng.uniform(0.1, 0.8) * (driven[1] - driven[0]))
    day.upsets.unpowered.append((began_ms, began_ms + round(day.rng.uniform(40.0, 100.0) * 1000)))
    day.tip()
    day.go_home()
    return True


BEHAVIOURS: Final = (
    Behaviour(look_at_the_load, share=1.5),
    Behaviour(take_a_break),
    Behaviour(queue_at_the_gate),
    Behaviour(clean_the_bed),
    Behaviour(pass_a_tunnel),
    Behaviour(turn_in_a_yard),
    Behaviour(close_the_cover_late),
    Behaviour(restart_the_terminal, share=0.5),
)
