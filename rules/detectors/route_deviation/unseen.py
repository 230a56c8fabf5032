"""Finds ways that nobody saw: between two fixes on its route a truck drove farther than along the route.

A detour that lies wholly in a gap shows no fix off the route. The odometer shows it; without one, nothing does.
"""

import math
from typing import Final

from devices.city.geometry import CityGeometry
from devices.city.sites import Route
from devices.readings.models import Position, Reading
from rules.alerts.model import Evidence, Severity
from rules.contract.observation import Observation
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import ref, where, who, whole_seconds
from rules.detectors.route_deviation import wording
from rules.detectors.route_deviation.parameters import RouteDeviationParameters
from rules.tracking import Fix, LoadState

_LOOK_M: Final = 20.0
"""To both sides along the route, for its direction."""
PART: Final = "unseen"
"""Of the alerts' subject: they run beside those about fixes off the route."""
_MOST_GAP_MS: Final = 600_000
"""A longer gap is the business of the rule `silent_device`."""


def way_by_an_end_m(reading: Reading, geometry: CityGeometry, route: Route, before_m: float, along_m: float) -> float:
    """Metres from one place of a route to another by way of the end that the truck comes from; by the nearer end where
    its heading does not show that. Places are metres along the route.
    """
    by_origin_m = before_m + along_m
    by_destination_m = 2 * geometry.route_length_m(route) - by_origin_m
    if not isinstance(reading, Position) or reading.heading_deg is None:
        return min(by_origin_m, by_destination_m)
    heading = math.radians(reading.heading_deg)
    behind = geometry.route_place(route, along_m - _LOOK_M)
    ahead = geometry.route_place(route, along_m + _LOOK_M)
    outward = (ahead.x - behind.x) * math.sin(heading) + (ahead.y - behind.y) * math.cos(heading)
    return by_origin_m if outward > 0 else by_destination_m


def unseen_way(
    observation: Observation,
    fix: Fix,
    before_km: float,
    along_m: float,
    to_an_end_m: float,
    limits: RouteDeviationParameters,
) -> tuple[Verdict, ...]:
    """SUSPECTED and LEFT_OPEN about the way in a gap up to here, if it cannot have been along the route; else nothing.

    `before_km`: odometer at the last fix. `along_m`: metres along the route from there to here; `to_an_end_m`: by way
    of an end, where trucks turn (`way_by_an_end_m`).
    """
    position = observation.reading
    if not isinstance(position, Position) or position.odometer_km is None:
        return ()
    if fix.gap_ms > _MOST_GAP_MS:
        return ()
    driven_m = (position.odometer_km - before_km) * 1000
    unseen_m = driven_m - along_m
    error_m = limits.odometer_error_pct / 100 * driven_m
    if unseen_m < limits.unseen_m + error_m or driven_m + error_m + limits.ends_m >= to_an_end_m:
        return ()
    track, city = observation.track, observation.city
    loaded = track is not None and track.load.state is LoadState.LOADED
    onset, place = fix.ts - fix.gap_ms, where(fix.xy, city, observation.calendar_ts)
    driven_m, along_m = round(driven_m, 1), round(along_m, 1)
    found = Verdict(
        subject=observation.device.id,
        level=Level.SUSPECTED,
        at=fix.ts,
        onset=onset,
        severity=Severity.P3 if loaded else Severity.P4,
        place=city.plane.latlon(fix.xy),
        title=wording.unseen_title(who(observation.device, city, observation.calendar_ts), place, loaded=loaded),
        evidence=Evidence(
            parameters=limits.model_dump(),
            findings=(wording.unseen(fix.gap_ms, driven_m, along_m),),
            ruled_out=(wording.turned_on_the_route(),),
            readings=(ref(position, "lat", "lon", "odometer_km", "speed_kmh"),),
            measures={
                "gap_s": whole_seconds(fix.gap_ms),
                "driven_m": driven_m,
                "along_route_m": along_m,
                "loaded": loaded,
            },
        ),
        part=PART,
    )
    return (found, Verdict(observation.device.id, Level.LEFT_OPEN, fix.ts, onset, part=PART))
