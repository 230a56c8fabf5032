"""Terminals that fail or are made to fail on a haul, with nothing else to hide."""

from dataclasses import replace
from random import Random
from typing import Final

from devices.readings.models import Alarm
from simulators.trials.behaviours.behaviour import Behaviour, concerns
from simulators.trials.behaviours.receivers import LEAP_S, PLACE_RULES, anomaly, far_off
from simulators.trials.incidents import Incident
from simulators.trials.truck_day import TruckDay

SILENT_LOADED_S: Final = 180.0
_NO_FIX_S: Final = 600.0
_FROZEN_S: Final = 180.0
_ANTENNA_S: Final = 120.0


def lose_power_loaded(day: TruckDay) -> bool:
    """The terminal of a loaded truck is without power for 4 to 40 min; the truck waits for it at the roadside."""
    at_m = day.out.length_m * day.rng.uniform(0.2, 0.7)
    day.load()
    day.drive(day.out.part(0.0, at_m))
    dark_s = day.rng.uniform(240.0, 2_400.0)
    arrived_ms = day.now_ms
    day.stand(dark_s + 20.0)
    lost = arrived_ms + 5_000, arrived_ms + 5_000 + round(dark_s * 1000)
    day.upsets.unpowered.append(lost)
    day.incidents.append(silence(day.haul.device_id, "lose_power_loaded", *lost, 60, hold_s=SILENT_LOADED_S))
    day.unusual("lose_power_loaded", arrived_ms, excused=True)  # nothing shows that it stands
    day.finish_round(at_m)
    return True


def lose_the_antenna(day: TruckDay) -> bool:
    """No fix for 12 to 40 min of work, with the ignition on."""
    started_ms = day.now_ms
    day.plain_round()
    day.plain_round()
    began_ms = started_ms + round(day.rng.uniform(0.0, 300.0) * 1000)
    ended_ms = min(began_ms + round(day.rng.uniform(720.0, 2_400.0) * 1000), day.now_ms)
    day.upsets.no_fix.append((began_ms, ended_ms))
    device_id, name = day.haul.device_id, "lose_the_antenna"
    says_so = day.rng.random() < 0.5
    if says_so:
        day.upsets.receiver_alarms.append((began_ms, ended_ms, Alarm.ANTENNA_OPEN))
        day.incidents.append(Incident("gnss_anomaly", device_id, name, began_ms, ended_ms, began_ms, hold_s=_ANTENNA_S))
    day.incidents.append(
        Incident("cannot_be_judged", device_id, name, began_ms, ended_ms, began_ms, not says_so, hold_s=_NO_FIX_S)
    )
    return True


def freeze_the_fix(day: TruckDay) -> bool:
    """The receiver repeats one place for 4 to 9 min while the truck drives."""
    day.load()
    driven = day.drive(day.out)
    began_ms = driven[0] + round(day.rng.uniform(60.0, 120.0) * 1000)
    ended_ms = min(began_ms + round(day.rng.uniform(240.0, 540.0) * 1000), driven[1] - 20_000)
    day.upsets.frozen.append((began_ms, ended_ms))
    device_id, required = day.haul.device_id, _drives_s(day, began_ms, ended_ms) >= _FROZEN_S
    name = "freeze_the_fix"
    day.incidents += [
        Incident("gnss_anomaly", device_id, name, began_ms, ended_ms, began_ms, required, hold_s=_FROZEN_S),
        Incident("cannot_be_judged", device_id, name, began_ms, ended_ms, began_ms, required=False),
    ]
    day.tip()
    day.go_home()
    return True


def be_spoofed(day: TruckDay) -> bool:
    """Somebody feeds the receiver a place 2 to 9 km away for 3 to 10 min of a haul."""
    day.load()
    driven = day.drive(day.out)
    began_ms = driven[0] + round(day.rng.uniform(40.0, 150.0) * 1000)
    ended_ms = min(began_ms + round(day.rng.uniform(180.0, 600.0) * 1000), driven[1] - 20_000)
    day.upsets.spoofed.append((began_ms, ended_ms, far_off(day, 2_000.0, 9_000.0)))
    day.incidents += anomaly(day, "be_spoofed", (began_ms, ended_ms), LEAP_S, also=PLACE_RULES)
    day.tip()
    day.go_home()
    return True


def _drives_s(day: TruckDay, start_ms: int, end_ms: int) -> float:
    """The longest time in one piece that it drives faster than 10 km/h."""
    longest, since = 0, 0
    for began_ms, step in day.overlapping(start_ms, end_ms):
        for ts in range(start_ms, end_ms, 1_000):
            if step.at((ts - began_ms) / 1000).speed_mps * 3.6 > 10:
                since = since or ts
                longest = max(longest, ts - since)
            else:
                since = 0
    return longest / 1000


def silence(device_id: str, behaviour: str, lost_ms: int, back_ms: int, interval_s: int, *, hold_s: float) -> Incident:
    """A device that nobody hears. It was last heard up to one interval before it was lost."""
    required = back_ms - lost_ms > 1.1 * hold_s * 1000
    last_ms = lost_ms - interval_s * 1000
    return Incident("silent_device", device_id, behaviour, last_ms, back_ms, lost_ms, required, hold_s=hold_s)


def blind_zones(day: TruckDay, rng: Random) -> None:
    """One to three blind zones of 2 min to 3 h in a day. Their silence may be reported, and then taken back."""
    for _ in range(rng.randint(1, 3)):
        start_ms = rng.randint(day.start_ms, day.now_ms)
        end_ms = min(start_ms + round(120_000 * 90 ** rng.random()), day.now_ms)
        if any(start_ms <= end and begun <= end_ms for begun, end in day.upsets.blind):
            continue  # in another one
        day.upsets.blind.append((start_ms, end_ms))
        zone = silence(day.haul.device_id, "blind_zone", start_ms, end_ms, 60, hold_s=SILENT_LOADED_S)
        day.incidents.append(replace(zone, required=False))


BEHAVIOURS: Final = (
    Behaviour(lose_power_loaded, concerns("silent_device")),
    Behaviour(lose_the_antenna, concerns("cannot_be_judged", "gnss_anomaly"), 0.6),
    Behaviour(freeze_the_fix, concerns("gnss_anomaly"), 0.6),
    Behaviour(be_spoofed, concerns("gnss_anomaly"), 0.4),
)
