"""Thresholds of rule `route_deviation`."""

from rules.contract.rule import Parameters


class RouteDeviationParameters(Parameters):
    """Distances are in metres from the nearest approved route, less the fix's accuracy.

    No standard sets these defaults: each has its reason.
    """

    enter_m: float = 60.0
    """Beyond this a truck may have left: the drawn line, the width of the road and the receiver's error stay within."""
    leave_m: float = 35.0
    """Below this it is back: 25 m under `enter_m`, so that a truck between the two does not flap."""
    accuracy_credit_m: float = 30.0
    """At most this much of a fix's accuracy is taken off its distance."""
    min_moving_fixes: int = 3
    """Moving fixes beyond the corridor: one or two may be outliers."""
    min_off_s: int = 45
    """Seconds since it left; shorter excursions are fuel stations and turnings."""
    min_driven_m: float = 150.0
    """Metres driven since it left: more than a yard or a lay-by."""
    long_off_s: int = 90
    """Seconds that are enough for a slow truck, where `long_driven_m` is not reached."""
    long_driven_m: float = 400.0
    """Metres that are enough for a fast one, where `long_off_s` is not reached: no longer a way around an obstacle."""
    fast_m: float = 300.0
    """So far off is no error of map or receiver: `fast_s` is then enough."""
    fast_s: int = 20
    """Three fixes at the usual 10 s."""
    back_fixes: int = 3
    """Fixes in a row below `leave_m` that end it: one good fix among bad ones ends nothing."""
    back_s: int = 30
    """Or two such fixes this many seconds apart, for devices that report seldom."""
    ends_m: float = 200.0
    """Around origin and destination nothing is judged: trucks queue, turn and look for the gate there."""
    minor_detour_m: float = 500.0
    """Metres driven off the corridor from which an unloaded truck's alert is P2 instead of P3."""
    far_off_m: float = 1_000.0
    """So far off a loaded truck's alert is P1: no detour around road works leads there."""
    stop_s: int = 90
    """A loaded truck standing this long off the corridor has stopped there; the longest common red light is shorter."""
    closure_trucks: int = 3
    """Trucks that leave one route at one place: two may be colleagues, three are a closed road."""
    closure_min: int = 30
    """Minutes within which they leave it: trucks of one route pass a place some minutes apart."""
    closure_m: float = 300.0
    """The same place: at 10 s between fixes two trucks on one road are first seen off it up to 200 m apart."""
