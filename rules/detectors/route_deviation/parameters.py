"""Thresholds of rule `route_deviation`."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from rules.contract.rule import Parameters


class RouteDeviationParameters(Parameters):
    """Distances are in metres from the nearest approved route, less the error of the receiver: the accuracy of the fix,
    or what the track showed while the truck was on its route, whichever is larger.

    No standard sets these defaults: each has its reason.
    """

    city_wide: ClassVar[frozenset[str]] = frozenset({"closure_trucks", "closure_min", "closure_m"})

    enter_m: float = 60.0
    """Beyond this a truck may have left: the drawn line, the width of the road and the receiver's error stay within."""
    leave_m: float | None = None
    """Below this it is back; None: 7/12 of `enter_m`, 35 m of 60 m, so that a truck between the two does not flap."""
    accuracy_credit_m: float = 30.0
    """At most this much error of the receiver is taken off a distance."""
    min_moving_fixes: int = 3
    """Fixes beyond the corridor to which it had moved: one or two may be outliers."""
    twice_m: float = Field(60.0, gt=0)
    """A fix so far beyond the corridor counts twice, a nearer one by its share: two at 30 m beyond, or one at 60 m and
    one at its edge, are as good as three there. One alone is never enough: outliers are of any size."""
    outliers: float = 0.6
    """Of a receiver that showed a single outlier within some 50 fixes, and within the first 5 fixes of one, each fix
    counts once, however far. An outlier counts 1 % less after every fix."""
    min_off_s: int = 45
    """Seconds beyond; shorter excursions are fuel stations and turnings."""
    drift_m: float = Field(30.0, ge=0)
    """Error of a receiver among high houses, 1 sigma across the road; it drifts"""
    drift_s: float = Field(300.0, gt=0)
    """over so many seconds."""
    sharp_sigmas: float = 4.5
    """A truck that went aside by so many sigmas of that drift in its time has really gone there."""
    sure_m_s: float = 1_600.0
    """Of one that went aside slower, metres beyond the corridor times seconds there, such as 25 m for 64 s. With less,
    a drifting error may explain what is seen,"""
    unsure_off_s: int = 240
    """but not for so many seconds."""
    min_driven_m: float = 150.0
    """Metres driven beyond: more than a yard or a lay-by."""
    long_off_s: int = 90
    """Seconds that are enough for a slow truck, where `long_driven_m` is not reached."""
    long_driven_m: float = 400.0
    """Metres that are enough for a fast one, where `long_off_s` is not reached: no longer a way around an obstacle."""
    fast_m: float = 300.0
    """So far off is no error of map or receiver: `fast_s` is then enough."""
    fast_s: int = 20
    """Three fixes at the usual 10 s. Likewise enough for a fast truck that drove `long_driven_m`, `twice_m` beyond the
    corridor on average and seen in `min_moving_fixes` fixes."""
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
    """A truck standing this long off the corridor has stopped there; the longest common red light is shorter. A loaded
    one has then left its route, however near."""
    unseen_m: float = 600.0
    """Metres that the odometer counts in a gap beyond those along the route: more than a turn at the next junction, and
    an odometer often counts in steps of 100 m."""
    odometer_error_pct: float = 5.0
    """Of what an odometer counts: worn and changed tyres."""
    closure_trucks: int = 3
    """Trucks that leave one route at one place: two may be colleagues, three are a closed road."""
    closure_min: int = 30
    """Minutes within which they leave it: trucks of one route pass a place some minutes apart."""
    closure_m: float = 300.0
    """The same place: at 10 s between fixes two trucks on one road are first seen off it up to 200 m apart."""

    @model_validator(mode="after")
    def _ends_before_it_begins(self) -> Self:
        if self.leave_m is not None and not 0 < self.leave_m < self.enter_m:
            message = f"leave_m ({self.leave_m:g}) must be above 0 and below enter_m ({self.enter_m:g}), or left out"
            raise ValueError(message)
        return self

    @property
    def back_share(self) -> float:
        """`leave_m` as a share of `enter_m`, for routes with a corridor of their own."""
        return 7 / 12 if self.leave_m is None else self.leave_m / self.enter_m
