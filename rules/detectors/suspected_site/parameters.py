"""Thresholds of rule `suspected_site`."""

from typing import ClassVar

from rules.contract.rule import Parameters


class SuspectedSiteParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset({"trucks", "within_m", "within_s"})

    trucks: int = 3
    """Loaded trucks that stopped at one place: two may be colleagues at lunch, three are a place where loads go. As
    many that were loaded there are a place where loads come from."""
    within_m: float = 200.0
    """The same place: a tip is some 100 m wide, and each truck's receiver may be off by some tens of metres."""
    within_s: int = 86_400
    """Within a day: a place that is used once a week is not found by this."""
    stand_s: int = 120
    """Standing so long is a stop: the longest red light is shorter, and a tip takes one to three minutes."""
    off_corridor_m: float = 60.0
    """Farther than this from every approved route, as `route_deviation` has it: a jam on the route is no site. A
    route's own `corridor_m` goes before it."""
    off_site_m: float = 50.0
    """Farther than this from every registered site: its queue stands in front of the gate."""
