"""What a truck with neither lift nor load sensor does after a stop: all that can tell a dump from a rest.

It came with a load. Who has tipped it drives back to be loaded again, and closes the manifest; who has not drives on to
the site.
"""

from dataclasses import dataclass

from devices.readings.models import Position
from rules.contract.observation import Observation
from rules.detectors.illegal_dumping.parameters import IllegalDumpingParameters
from rules.tracking import Fix, LoadState, Track
from rules.tracking.load import LoadTrack


# Checkpoints write the fields of both classes by name: a renamed field loses what it held.
@dataclass(slots=True)
class Afterwards:
    """Where a truck went from a stop, and what became of its manifest."""

    loaded: bool = False
    """It came with a load: since then it was always seen, nowhere where it may tip, and it had not turned back."""
    route_id: str = ""
    """The approved route that it was on first, at the stop or after it."""
    ahead_m: float = 0.0
    """How far along that route it was at most, from where it was loaded."""
    back_m: float = 0.0
    """How far it has come back from there."""
    at_source: bool = False
    """It stands where trucks are loaded."""
    had_manifest: bool = False
    """It reported a manifest all the way to the stop."""
    no_manifest: int = 0
    """Positions in a row without it since; 0 of a truck that had none."""

    def carry(self, position: Position) -> None:
        """Take what a position says of the manifest."""
        if self.had_manifest:
            self.no_manifest = 0 if position.manifest is not None else self.no_manifest + 1

    def drive(self, observation: Observation, fix: Fix, haul: "Haul", limits: IllegalDumpingParameters) -> None:
        """Take a usable fix outside every site."""
        if not self.loaded:
            return
        geometry, on_route = observation.city.geometry, list[tuple[float, float, str]]()
        for route in observation.approved_routes():
            if self.route_id in {"", route.id}:
                width_m = limits.off_corridor_m if route.corridor_m is None else route.corridor_m
                offset = geometry.route_offset(route, fix.xy)
                if offset.distance_m - fix.outside_m() <= width_m:
                    on_route.append((offset.distance_m, offset.along_m, route.id))
        if on_route:
            _, along_m, self.route_id = min(on_route)
            self.ahead_m = max(self.ahead_m, along_m)
            self.back_m = max(self.back_m, self.ahead_m - along_m)
        if self.back_m >= limits.turned_back_m:
            haul.turned_back = fix.ts


@dataclass(slots=True)
class Haul:
    """What is known of a truck's present load without a sensor. Times are device time, ms; 0 before the first."""

    manifest_since: int = 0
    manifest_fixes: int = 0
    """Positions in a row with a manifest."""
    may_be_empty: int = 0
    """When it was last where it may tip, or nobody had seen where it was."""
    turned_back: int = 0
    """When it was last found to have turned back with a load."""

    def take(self, position: Position, *, may_be_empty: bool) -> None:
        """Take a position. `may_be_empty`: it is where it may tip, or is seen again after a blind stretch."""
        if position.manifest is None:
            self.manifest_since = self.manifest_fixes = 0
        else:
            self.manifest_since = self.manifest_since or position.ts
            self.manifest_fixes += 1
        if may_be_empty:
            self.may_be_empty = position.ts

    def at_a_stop(self, load: LoadTrack, ts: int, limits: IllegalDumpingParameters) -> Afterwards:
        """What is to be followed from a stop on that begins at device time `ts`, ms."""
        loaded_at = max(load.loaded_at, self.manifest_since)
        is_anew = loaded_at > self.turned_back or ts - self.turned_back > limits.ticket_within_s * 1000
        return Afterwards(
            loaded=load.state is LoadState.LOADED and loaded_at > self.may_be_empty and is_anew,
            had_manifest=self.manifest_fixes >= limits.manifest_fixes,
        )


def is_unsensed(track: Track) -> bool:
    """True if no position of the truck so far had a lift switch, an on-board weight or a load state."""
    return not track.lift.seen and not track.load.raw_ts and not track.load.terminal_ts


def measures_of(after: Afterwards) -> dict[str, float | int | str | bool]:
    """The figures of an unsensed truck's stop."""
    return {"unsensed": True, "back_m": round(after.back_m), "at_source": after.at_source}
