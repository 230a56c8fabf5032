"""Finds places where several trucks stopped, off their routes and outside every registered site: they came loaded, or
came empty and were loaded there.

Where three loaded trucks leave one route and stop, the road is not closed: loads go there. Where three empty ones are
loaded, loads come from there. The place is proposed to a person as a suspected dump or source; nobody is accused by it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import City, DeviceRole
from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.observation import Observation
from rules.contract.rule import FleetRule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import MAX_REFS, ref, where, who
from rules.detectors.suspected_site import wording
from rules.detectors.suspected_site.parameters import SuspectedSiteParameters
from rules.tracking import Fix, LoadState

SYSTEM: Final = "system"
"""Subject of these alerts: a place is no device."""
MAX_STOPS: Final = 1_000
"""Stops of the fleet that are remembered; beyond it the oldest are forgotten."""
_LOADED: Final = LoadState.LOADED
_EMPTY: Final = LoadState.EMPTY


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class StopState:
    """The present stop of one truck."""

    since: int = 0
    """Device time, ms, at which it began to stand; 0 before the first stop."""
    loaded: bool = False
    """It was loaded at some time of it."""
    given: bool = False
    came_empty: bool = False
    """It was empty when it came to stand. False also where nobody knows."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A loaded truck stood here; device time in ms."""

    subject: str
    since: int
    place: LatLon
    cited: ReadingRef
    came_empty: bool = False
    """It was loaded here."""


@dataclass(slots=True)
class FleetStops:
    """Stops of the fleet within a day, oldest first."""

    stops: list[Stop] = field(default_factory=list)
    places: dict[str, Stop] = field(default_factory=dict)
    """Places that were reported, by part of the alert: the first stop there."""


class SuspectedSite(FleetRule[StopState, FleetStops]):
    """CANDIDATE at a stop of a loaded truck; its memory gives CONFIRMED and LEFT_OPEN for a place with several."""

    name: ClassVar = "suspected_site"
    version: ClassVar = 3
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = StopState
    memory = FleetStops

    def __init__(self, parameters: SuspectedSiteParameters | None = None) -> None:
        self.parameters: SuspectedSiteParameters = parameters or SuspectedSiteParameters()
        self._stand_ms: int = self.parameters.stand_s * 1000

    def judge(self, observation: Observation, state: StopState) -> Sequence[Verdict]:
        """Note a stop once it has lasted, if it is nowhere where trucks stop."""
        track, fix = observation.track, observation.fix
        if track is None or not track.motion.standing_since or fix is None or not fix.usable:
            return ()
        since = track.motion.standing_since
        if since != state.since:
            state.since, state.loaded, state.given = since, False, False
            state.came_empty = track.load.state is _EMPTY
        state.loaded |= track.load.state is _LOADED
        if state.given or not state.loaded or fix.ts - since < self._stand_ms:
            return ()
        state.given = True
        if not self._is_elsewhere(observation, fix):
            return ()
        city, reading = observation.city, observation.reading
        return (
            Verdict(
                observation.device.id,
                Level.CANDIDATE,
                reading.ts,
                since,
                place=city.plane.latlon(fix.xy),
                evidence=Evidence(
                    parameters={},
                    readings=(ref(reading, "lat", "lon", "speed_kmh", "load"),),
                    measures={"came_empty": state.came_empty},
                ),
            ),
        )

    def compare(self, verdict: Verdict, memory: FleetStops, city: City) -> Iterable[Verdict]:
        """Count the stops at this place; a stop that is judged again counts once."""
        place, evidence = verdict.place, verdict.evidence
        if place is None or evidence is None:
            return ()
        if any((one.subject, one.since) == (verdict.subject, verdict.onset) for one in memory.stops):
            return ()
        limits = self.parameters
        oldest = verdict.at - limits.within_s * 1000
        came_empty = evidence.measures.get("came_empty") is True
        new = Stop(verdict.subject, verdict.onset, place, evidence.readings[0], came_empty)
        memory.stops = [*(one for one in memory.stops[1 - MAX_STOPS :] if one.since >= oldest), new]
        memory.places = {part: one for part, one in memory.places.items() if one.since >= oldest}
        alike = [one for one in memory.stops if one.came_empty is came_empty]
        near = sorted([one for one in alike if distance_m(one.place, place) <= limits.within_m], key=_by_time)
        trucks = sorted({one.subject for one in near})
        if len(trucks) < limits.trucks:
            return ()
        part, first = self._place(near, memory)
        at = max([verdict.at, *(one.cited.ts for one in near)])  # a stop that is uploaded late is not the newest
        found = Verdict(
            SYSTEM,
            Level.CONFIRMED,
            at,
            first.since,
            severity=Severity.P2,
            place=first.place,
            title=wording.title(
                len(trucks), where(city.plane.xy(first.place), city, verdict.at), came_empty=came_empty
            ),
            evidence=self._evidence(near, trucks, city),
            part=part,
            basis=f"stops={len(near)}",
        )
        return (found, replace(found, level=Level.LEFT_OPEN))

    def _is_elsewhere(self, observation: Observation, fix: Fix) -> bool:
        """True off every approved route of the truck and every registered site. Without a route nobody can tell."""
        limits = self.parameters
        at_a_site = bool(fix.sites) and fix.sites[0].distance_m <= limits.off_site_m + fix.outside_m()
        return not at_a_site and observation.is_off_routes(limits.off_corridor_m)

    def _place(self, near: Sequence[Stop], memory: FleetStops) -> tuple[str, Stop]:
        """The place that was reported near here, or else a new one, named by its first stop."""
        first = near[0]
        for part, former in memory.places.items():
            alike = former.came_empty is first.came_empty
            if alike and any(distance_m(former.place, one.place) <= self.parameters.within_m for one in near):
                memory.places[part] = first = min(former, first, key=_by_time)
                return part, first
        part = f"{first.place.lat:.4f},{first.place.lon:.4f}{' source' if first.came_empty else ''}"
        memory.places[part] = first
        return part, first

    def _evidence(self, near: Sequence[Stop], trucks: Sequence[str], city: City) -> Evidence:
        devices = [city.devices[truck] for truck in trucks[:MAX_REFS] if truck in city.devices]
        came_empty = near[0].came_empty
        return Evidence(
            parameters=self.parameters.model_dump(),
            findings=(
                wording.stops(
                    len(trucks),
                    len(near),
                    [who(device, city, near[-1].since) for device in devices],
                    came_empty=came_empty,
                ),
            ),
            ruled_out=wording.ruled_out(self.parameters),
            readings=tuple(one.cited for one in near[-MAX_REFS:]),
            measures={"trucks": len(trucks), "stops": len(near), "kind": "source" if came_empty else "dump"},
        )


def _by_time(stop: Stop) -> tuple[int, str]:
    return stop.since, stop.subject
