"""Thresholds of rule `left_jurisdiction`."""

from rules.contract.rule import Parameters


class LeftJurisdictionParameters(Parameters):
    """Areas of jurisdiction are those of `zones.geojson`; without any, no truck is judged. No standard sets these
    defaults: each has its reason.
    """

    beyond_m: float = 200.0
    """So far outside every area of jurisdiction it counts: borders are drawn roughly, and roads run along them."""

    fixes: int = 3
    """Fixes that are beyond it by more than their accuracy (at most 30 m): one wrong place proves nothing."""
    hold_s: int = 60
    """Outside for so long; less is a corner that was cut. Likewise back, to end it."""
    driven_m: float = 500.0
    """Two fixes are enough once it has driven so far outside: terminals that report each minute give no third one."""
    back_m: float = 50.0
    """So much nearer than `beyond_m`, in `fixes` fixes and for `hold_s`, it is back."""
    corridor_m: float = 60.0
    """An approved route within so much lets the truck leave: its permit has allowed the haul to another area. A route's
    own `corridor_m` goes before it."""
