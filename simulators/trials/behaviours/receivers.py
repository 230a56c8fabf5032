"""Receivers whose places or alarms are wrong for minutes, and those that only look so. `terminals` has the others."""

import math
from typing import Final

from devices.geo.geometry import XY
from devices.readings.models import Alarm
from simulators.trials.behaviours.behaviour import Behaviour, concerns
from simulators.trials.incidents import Incident
from simulators.trials.truck_day import Interval, TruckDay

PLACE_RULES: Final = ("route_deviation", "forbidden_zone", "left_jurisdiction")
"""What a receiver that shows another place says of its truck."""
LEAP_S: Final = 30.0
"""Three fixes."""
_ALARM_S: Final = 120.0
_TURNS_S: Final = 20.0
_ALARMS: Final = (Alarm.GNSS_FAULT, Alarm.ANTENNA_OPEN, Alarm.ANTENNA_SHORT)


def leap_to_and_fro(day: TruckDay) -> bool:
    """The receiver shows another place 1.5 to 6 km away every other 20 s, for 3 to 6 min of a haul."""
    began_ms, ended_ms = _while_hauling(day, (180.0, 360.0))
    step_ms, off = round(_TURNS_S * 1000), far_off(day, 1_500.0, 6_000.0)
    for start_ms in range(began_ms, ended_ms, 2 * step_ms):
        day.upsets.spoofed.append((start_ms, min(start_ms + step_ms, ended_ms), off))
    day.incidents += anomaly(day, "leap_to_and_fro", (began_ms, ended_ms), LEAP_S, also=PLACE_RULES)
    return True


def report_a_receiver_fault(day: TruckDay) -> bool:
    """The terminal reports its antenna open or short, or its receiver at fault, for 3 to 12 min; fixes go on."""
    began_ms, ended_ms = _while_hauling(day, (180.0, 720.0))
    day.upsets.receiver_alarms.append((began_ms, ended_ms, day.rng.choice(_ALARMS)))
    lasts = began_ms, ended_ms
    day.incidents += anomaly(day, "report_a_receiver_fault", lasts, _ALARM_S, also=("cannot_be_judged",))
    return True


def show_a_spike(day: TruckDay) -> bool:
    """One to three times in a haul, minutes apart, the receiver shows a place 2 to 6 km away for some 10 s."""
    began_ms, ended_ms = _while_hauling(day, (400.0, 1_000.0))
    for _ in range(day.rng.randint(1, 3)):
        if began_ms + 10_000 > ended_ms:
            break
        day.upsets.spoofed.append((began_ms, began_ms + 10_000, far_off(day, 2_000.0, 6_000.0)))
        began_ms += round(day.rng.uniform(310.0, 400.0) * 1000)
    return True


def flicker_an_alarm(day: TruckDay) -> bool:
    """A loose plug: the antenna is reported open for 5 to 25 s of a haul."""
    began_ms, ended_ms = _while_hauling(day, (5.0, 25.0))
    day.upsets.receiver_alarms.append((began_ms, ended_ms, Alarm.ANTENNA_OPEN))
    return True


def hold_the_place(day: TruckDay) -> bool:
    """Empty, wait at the source for 4 to 9 min; the receiver holds its place, as many do in a truck that stands."""
    began_ms, ended_ms = day.stand(day.rng.uniform(240.0, 540.0))
    day.upsets.frozen.append((began_ms + 20_000, ended_ms))
    day.plain_round()
    return True


def far_off(day: TruckDay, least_m: float, most_m: float) -> XY:
    metres, direction = day.rng.uniform(least_m, most_m), day.rng.uniform(0.0, 2 * math.pi)
    return XY(metres * math.sin(direction), metres * math.cos(direction))


def anomaly(
    day: TruckDay, behaviour: str, lasts: Interval, hold_s: float, *, required: bool = True, also: tuple[str, ...] = ()
) -> list[Incident]:
    """A place that cannot be true. Of the rules in `also`, alerts are right, as far as readings can tell."""
    device_id, (began_ms, ended_ms) = day.haul.device_id, lasts
    seen = [Incident(rule, device_id, behaviour, began_ms, ended_ms, began_ms, required=False) for rule in also]
    return [Incident("gnss_anomaly", device_id, behaviour, began_ms, ended_ms, began_ms, required, hold_s), *seen]


def _while_hauling(day: TruckDay, lasts_s: tuple[float, float]) -> Interval:
    """A round, and an interval of its loaded way, which it may cut short."""
    day.load()
    driven = day.drive(day.out)
    began_ms = driven[0] + round(day.rng.uniform(60.0, 150.0) * 1000)
    ended_ms = min(began_ms + round(day.rng.uniform(*lasts_s) * 1000), driven[1] - 20_000)
    day.tip()
    day.go_home()
    return began_ms, ended_ms


BEHAVIOURS: Final = (
    Behaviour(leap_to_and_fro, concerns("gnss_anomaly"), 0.4),
    Behaviour(report_a_receiver_fault, concerns("gnss_anomaly"), 0.4),
)
LOOK_ALIKES: Final = (
    Behaviour(show_a_spike, share=0.7),
    Behaviour(flicker_an_alarm, share=0.5),
    Behaviour(hold_the_place, share=0.5),
)
