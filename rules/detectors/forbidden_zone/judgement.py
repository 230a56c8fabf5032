"""Judges whether a truck is where no truck may be."""

from typing import ClassVar

from devices.city.zones import ZoneDepth
from rules.alerts.model import Text
from rules.contract.observation import Observation
from rules.contract.wording import whole_seconds
from rules.detectors.forbidden_zone import wording
from rules.detectors.forbidden_zone.parameters import ForbiddenZoneParameters
from rules.detectors.zone_rule import Way, ZoneRule
from rules.tracking import Fix
from rules.tracking.crossing import Crossing, CrossingLimits


class ForbiddenZone(ZoneRule):
    """CONFIRMED while a truck is in a forbidden zone, CLEAR when it has left."""

    name: ClassVar = "forbidden_zone"
    version: ClassVar = 1

    def __init__(self, parameters: ForbiddenZoneParameters | None = None) -> None:
        limits = parameters or ForbiddenZoneParameters()
        self.parameters = limits
        crossing = CrossingLimits(limits.fixes, limits.hold_s * 1000, limits.driven_m, limits.back_m)
        super().__init__(crossing, limits.corridor_m, wording.ruled_out(limits))

    def is_remote(self, fix: Fix, observation: Observation) -> bool:
        return observation.city.zone_geometry.is_off_forbidden(fix.xy)

    def depth(self, fix: Fix, observation: Observation) -> ZoneDepth | None:
        """How deep it is in the zone."""
        return observation.city.zone_geometry.forbidden_at(fix.xy, observation.calendar_ts)

    def title(self, truck: Text, zone: Text, place: Text) -> Text:
        return wording.title(truck, zone, place)

    def way(self, crossing: Crossing) -> Way:
        inside_m, deepest_m = round(crossing.beyond_m, 1), round(crossing.deepest_m, 1)
        return Way(
            wording.inside(crossing.beyond_ms, inside_m, deepest_m),
            {"inside_s": whole_seconds(crossing.beyond_ms), "inside_m": inside_m, "deepest_m": deepest_m},
        )

    def back(self, back_ms: int) -> Text:
        return wording.left(back_ms)
