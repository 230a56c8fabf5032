"""The trips of a scenario's trucks, as a haulier would plan them: one manifest each.

One is late by hours, one has less on it than its manifest says; all others are honest.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile
from typing import Final

from simulators.vehicles.haul import Haul
from simulators.vehicles.work import Driving, Loading, Tipping, WorkDay

MINUTE_MS: Final = 60_000
_ISSUED_AFTER_MS: Final = 20_000
"""After the truck began to load, or after the scenario began."""
_CONFIRMED_BEFORE_MS: Final = 20_000
"""Before it leaves."""
_GATE_BEFORE_MS: Final = 30_000
"""Before the truck leaves the tip."""
_QUEUE_MS: Final = 10 * MINUTE_MS
"""What a haulier allows for a queue at the gate."""
_LATE_DEPART_MS: Final = 90 * MINUTE_MS
_LATE_ARRIVE_MS: Final = 20 * MINUTE_MS
"""The late trip was to depart and to arrive so long before the scenario began."""
_SHORT_SHARE: Final = 1.25
"""Its manifest says so much of what is on it."""


class Anomaly(StrEnum):
    """What is wrong with a trip."""

    OVERDUE = "overdue"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class PlannedTrip:
    """A trip and its manifest. Times are device time, ms."""

    device_id: str
    source_id: str
    destination_id: str
    issue_at: int
    confirm_at: int
    depart_at: int
    arrive_by: int
    leaves_at: int
    """When the truck truly leaves its source."""
    declared_kg: float
    unloaded_at: int | None = None
    """When it truly leaves the tip; None: not within the scenario."""
    gate_at: int | None = None
    """When a person at the gate of the tip confirms the load, where there is no weighbridge."""
    anomaly: Anomaly | None = None


def trips_of(haul: Haul, work_day: WorkDay, start_ms: int, end_ms: int, *, has_bridge: bool) -> list[PlannedTrip]:
    """Trips of a truck that are loaded after the start and leave before the end. Consumes the working day.

    `has_bridge`: its tip weighs by itself.
    """
    trips: list[PlannedTrip] = []
    if haul.source_site_id is None or haul.destination_site_id is None:
        return trips
    loading: tuple[int, Loading] | None = None
    on_board = False
    for began_ms, step in takewhile(lambda step: step[0] < end_ms, work_day.steps()):
        lasts_ms = round(step.duration_s * 1000)
        if isinstance(step, Loading):
            loading, on_board = (began_ms, step), False
        elif isinstance(step, Driving) and loading is not None:
            loaded_ms, load = loading
            loading, issue_at = None, max(loaded_ms, start_ms) + _ISSUED_AFTER_MS
            confirm_at = began_ms - _CONFIRMED_BEFORE_MS
            on_board = confirm_at > issue_at + _ISSUED_AFTER_MS
            if on_board:
                arrive_by, declared_kg = began_ms + lasts_ms + _QUEUE_MS, round(load.after_kg, -1)
                sites = (haul.source_site_id, haul.destination_site_id)
                times = (issue_at, confirm_at, began_ms, arrive_by, began_ms)
                trips.append(PlannedTrip(haul.device_id, *sites, *times, declared_kg))
        elif isinstance(step, Tipping) and step.xy == haul.tip and on_board:
            unloaded_at, on_board = began_ms + lasts_ms, False
            gate_at = None if has_bridge else unloaded_at - _GATE_BEFORE_MS
            trips[-1] = replace(trips[-1], unloaded_at=unloaded_at, gate_at=gate_at)
    return trips


def labelled(
    trips: Mapping[str, list[PlannedTrip]], late: str, playing: Collection[str], start_ms: int
) -> tuple[PlannedTrip, ...]:
    """All trips in the order of their issue, two of them with what is wrong: the truck `late` comes hours late, and the
    manifest of one that plays no part in the scenario says more than is on it.
    """
    found = {device_id: list(of_truck) for device_id, of_truck in trips.items()}
    if found.get(late):
        depart_at, arrive_by = start_ms - _LATE_DEPART_MS, start_ms - _LATE_ARRIVE_MS
        found[late][0] = replace(found[late][0], depart_at=depart_at, arrive_by=arrive_by, anomaly=Anomaly.OVERDUE)
    delivered = [
        (one.unloaded_at, device_id)
        for device_id, of_truck in sorted(found.items())
        for one in of_truck[:1]
        if one.unloaded_at is not None and one.gate_at is None and device_id not in playing
    ]
    if delivered:
        _, short = min(delivered)
        one = found[short][0]
        found[short][0] = replace(one, declared_kg=round(_SHORT_SHARE * one.declared_kg, -1), anomaly=Anomaly.SHORT)
    every = [one for of_truck in found.values() for one in of_truck]
    return tuple(sorted(every, key=lambda one: (one.issue_at, one.device_id)))
