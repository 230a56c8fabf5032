"""Whether a truck that was seen at one place may have been at a site some time later, or earlier. Pure."""

from typing import Final

from devices.city.model import City
from devices.geo.geometry import XY

_REACH_M_PER_S: Final = 25.0
"""A truck drives no faster, by and large (90 km/h)."""
_REACH_M: Final = 500.0
"""And its place and the fence of the site are no better than this."""
_CLOCKS_MS: Final = 120_000
"""Clocks of bridge and truck differ by so much at most, or by what was measured."""
_FAR_M: Final = 20_000.0
"""From so near a site no fix contradicts a weighing there."""


def may_have_been_at(site_id: str, at: int, seen: XY, seen_at: int, city: City) -> bool:
    """True unless the truck, seen at `seen_at`, ms, was too far away to be at the site at `at`, ms."""
    reach_m = _REACH_M + _REACH_M_PER_S * (abs(at - seen_at) + _CLOCKS_MS) / 1000
    if reach_m >= _FAR_M:
        return True
    return any(site.id == site_id for site, _ in city.geometry.sites_near(seen, reach_m, at))
