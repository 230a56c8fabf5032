"""The source of waste beside which a truck stands to collect."""

from devices.city.sites import SOURCES, Site
from rules.tracking.motion import Fix


def source_near(fix: Fix, within_m: float) -> Site | None:
    """The nearest source whose fence is at most so far from a usable fix; None if it is inside another kind of site."""
    for site, distance_m in fix.sites:
        if distance_m > within_m:
            return None
        if site.kind in SOURCES:
            return site
        if distance_m == 0:
            return None
    return None
