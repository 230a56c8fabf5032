"""Judges whether a truck has left the areas in which the city may supervise it."""

from typing import ClassVar

from devices.city.zones import ZoneDepth
from rules.alerts.model import Text
from rules.contract.observation import Observation
from rules.contract.wording import whole_seconds
from rules.detectors.left_jurisdiction import wording
from rules.detectors.left_jurisdiction.parameters import LeftJurisdictionParameters
from rules.detectors.zone_rule import Way, ZoneRule
from rules.tracking import Fix
from rules.tracking.crossing import Crossing, CrossingLimits


class LeftJurisdiction(ZoneRule):
    """CONFIRMED while a truck is outside every area of jurisdiction, CLEAR when it is back."""

    name: ClassVar = "left_jurisdiction"
    version: ClassVar = 1

    def __init__(self, parameters: LeftJurisdictionParameters | None = None) -> None:
        limits = parameters or LeftJurisdictionParameters()
        self.parameters = limits
        self._beyond_m: float = limits.beyond_m
        crossing = CrossingLimits(limits.fixes, limits.hold_s * 1000, limits.driven_m, limits.back_m)
        super().__init__(crossing, limits.corridor_m, wording.ruled_out(limits))

    def is_remote(self, fix: Fix, observation: Observation) -> bool:
        return observation.city.zone_geometry.is_inside_jurisdiction(fix.xy, observation.calendar_ts)

    def depth(self, fix: Fix, observation: Observation) -> ZoneDepth | None:
        """How far it is beyond what counts as outside."""
        found = observation.city.zone_geometry.jurisdiction_at(fix.xy, observation.calendar_ts)
        return None if found is None else ZoneDepth(found.zone, -found.depth_m - self._beyond_m)

    def title(self, truck: Text, zone: Text, place: Text) -> Text:
        return wording.title(truck, zone, place)

    def way(self, crossing: Crossing) -> Way:
        outside_m, furthest_m = round(crossing.beyond_m, 1), round(crossing.deepest_m + self._beyond_m, 1)
        return Way(
            wording.outside(crossing.beyond_ms, outside_m, furthest_m),
            {"outside_s": whole_seconds(crossing.beyond_ms), "outside_m": outside_m, "furthest_m": furthest_m},
        )

    def back(self, back_ms: int) -> Text:
        return wording.returned(back_ms)
