"""One haul: what a truck collected from one emptying to the next, and the two streams of it that may not be mixed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, NamedTuple

from devices.geo.geometry import XY
from rules.alerts.model import ReadingRef

MAX_PICKUPS: Final = 16
"""Pickups that one haul keeps: one for each set of streams at a site, more than a round has that may be mixed."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Pickup:
    """Streams of which the truck took one at least: at a stop, or by a ticket. Times are device time, ms."""

    at: int
    """Beginning of the stop, or the time of the ticket."""
    streams: tuple[str, ...]
    site_id: str
    site_name: str
    site_name_zh: str
    place: XY
    place_en: str
    place_zh: str
    first_ref: ReadingRef
    last_ref: ReadingRef
    stood_ms: int = 0
    ticket: str = ""
    """Its number; empty for a stop."""
    before_kg: float | None = None
    """Steady load before the stop; None where it is not known."""
    rise_kg: float = 0.0
    """Most that the steady load rose since."""
    rose: bool = False
    """By enough to prove that it collected there."""

    @property
    def proven(self) -> bool:
        """A ticket names the stream, or the load rose: a stop alone may be a rest."""
        return self.rose or self.ticket != ""


@dataclass(slots=True)
class Haul:
    """What was collected since the truck was emptied."""

    pickups: list[Pickup] = field(default_factory=list)
    last_at: int = 0
    """When it collected last, device time in ms."""
    was_loaded: bool = False
    """Its sensors showed that since."""
    onset: int = 0
    """When it was mixed first, device time in ms; 0 while it is not."""
    place: XY | None = None
    """Where."""


class Mix(NamedTuple):
    """Two pickups that may not be mixed, whichever of their streams the truck took."""

    first: Pickup
    second: Pickup

    @property
    def proven(self) -> bool:
        return self.first.proven and self.second.proven


class MixTable:
    """Which streams may share a haul."""

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self._pairs = {(one, other) for group in groups for one in group for other in group}

    def may_mix(self, one: str, other: str) -> bool:
        return one == other or (one, other) in self._pairs

    def mix_of(self, pickups: Sequence[Pickup]) -> Mix | None:
        """The first pair that may not be mixed, a proven one before others; None if all may be, or may have been.

        A ticket that names another stream than the record of its own site speaks against the record, not the truck.
        """
        found: Mix | None = None
        for first, second in combinations(pickups, 2):
            if first.site_id != second.site_id and not self._may_share(first, second):
                mix = Mix(first, second)
                if mix.proven:
                    return mix
                found = found or mix
        return found

    def _may_share(self, first: Pickup, second: Pickup) -> bool:
        return any(self.may_mix(one, other) for one in first.streams for other in second.streams)


def put(haul: Haul, pickup: Pickup) -> None:
    """Take a new pickup, or one that changed; of one site and set of streams one is kept, the first that is proven."""
    for index, known in enumerate(haul.pickups):
        if known.at == pickup.at and known.ticket == pickup.ticket:
            haul.pickups[index] = pickup
            return
        if known.site_id == pickup.site_id and known.streams == pickup.streams:
            if pickup.proven and not known.proven:
                haul.pickups[index] = pickup
            return
    if len(haul.pickups) < MAX_PICKUPS:
        haul.pickups.append(pickup)
