"""A weighing at its site with its truck: what sessions are made of."""

from dataclasses import dataclass
from typing import Final

from devices.city.model import City, DeviceRole
from devices.city.sites import SiteKind
from devices.readings.models import Weighing
from devices.readings.tickets import fault_of
from rules.weighing.session import Flow
from rules.weighing.truck_match import NO_TRUCK, TruckMatch, TruckMatcher

_ONLY_IN: Final = frozenset(
    {SiteKind.DISPOSAL_SITE, SiteKind.LANDFILL, SiteKind.INCINERATION_PLANT, SiteKind.RECYCLING_PLANT}
)
"""Trucks bring loads to these and leave empty."""
_ONLY_OUT: Final = frozenset({SiteKind.CONSTRUCTION_SITE, SiteKind.RECYCLING_POINT})
"""Trucks fetch loads from these and come empty."""


@dataclass(frozen=True, slots=True)
class SiteWeighing:
    """A weighing that is believed: the scale was at rest and the weights agree."""

    weighing: Weighing
    site: str
    way: Flow | None
    """Which way loads go through the gate of the site; None: both."""
    truck: TruckMatch = NO_TRUCK


def site_weighing(weighing: Weighing, city: City, trucks: TruckMatcher) -> SiteWeighing | None:
    """The weighing at its site, with the truck that its plate or tag names; None if it is not to be believed, or of no
    bridge on a site.
    """
    bridge = city.devices.get(weighing.device_id)
    if bridge is None or bridge.role is not DeviceRole.WEIGHBRIDGE or fault_of(weighing) is not None:
        return None
    site = city.site_of(bridge, weighing.ts)
    if site is None:
        return None
    return SiteWeighing(weighing, site.id, way_of(site.kind), trucks.match(weighing.plate, weighing.ts, weighing.rfid))


def way_of(kind: SiteKind) -> Flow | None:
    """Which way loads go through the gates of sites of this kind; None: both."""
    return Flow.IN if kind in _ONLY_IN else Flow.OUT if kind in _ONLY_OUT else None
