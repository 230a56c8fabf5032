"""Finds ways that nobody saw: between two fixes on its route a truck drove farther than along the route.

A detour that lies wholly in a gap shows no fix off the route. The odometer tells of it; without one, nobody can.
"""

from typing import Final

from devices.readings.models import Position
from rules.alerts.model import Evidence, Severity
from rules.contract.observation import Observation
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import ref, where, who, whole_seconds
from rules.detectors.route_deviation import wording
from rules.detectors.route_deviation.parameters import RouteDeviationParameters
from rules.tracking import Fix, LoadState

PART: Final = "unseen"
"""Of the alerts' subject: they run beside those about fixes off the route."""
_MOST_GAP_MS: Final = 600_000
"""Of a longer gap the rule `silent_device` tells."""


def unseen_way(
    observation: Observation, fix: Fix, before_km: float, along_m: float, limits: RouteDeviationParameters
) -> tuple[Verdict, ...]:
    """SUSPECTED and LEFT_OPEN about the way in a gap up to here, if it cannot have been along the route; else nothing.

    `before_km`: odometer at the last fix. `along_m`: metres along the route from there to here.
    """
    position = observation.reading
    if not isinstance(position, Position) or position.odometer_km is None:
        return ()
    if fix.gap_ms > _MOST_GAP_MS:
        return ()
    driven_m = (position.odometer_km - before_km) * 1000
    unseen_m = driven_m - along_m
    if unseen_m < limits.unseen_m + limits.odometer_error_pct / 100 * driven_m:
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
        title=wording.unseen_title(who(observation.device, city), place, loaded=loaded),
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
