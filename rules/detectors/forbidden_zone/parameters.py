"""Thresholds of rule `forbidden_zone`."""

from rules.contract.rule import Parameters


class ForbiddenZoneParameters(Parameters):
    """Zones are those of `zones.geojson`. No standard sets these defaults: each has its reason."""

    fixes: int = 3
    """Fixes that are inside by more than their accuracy (at most 30 m): one wrong place proves nothing."""
    hold_s: int = 60
    """Inside for so long; less is a corner that was cut. Likewise outside, to end it."""
    driven_m: float = 500.0
    """Two fixes are enough once it has driven so far inside: terminals that report each minute give no third one."""
    back_m: float = 50.0
    """Outside by so much, in `fixes` fixes and for `hold_s`, ends it."""
    corridor_m: float = 60.0
    """An approved route within so much lets the truck pass: its permit has allowed the zone. A route's own `corridor_m`
    goes before it."""
