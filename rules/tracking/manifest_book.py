"""What is kept of a truck's manifests: what was seen of each, and which load is on the truck."""

from dataclasses import dataclass, field
from typing import Final

from devices.readings.models import Weighing
from rules.manifests.model import Manifest, ManifestState

KEPT_TICKETS: Final = 8
"""Of a truck: two visits, with a ticket that was sent again and one that was corrected at each."""
KEPT_CLOSED: Final = 4
"""Manifests of a truck that are closed or void and that a corrected ticket or a person may still open again here."""
MAX_MANIFESTS: Final = 24
"""Of one truck; the one that was issued first is forgotten beyond it. The desk issues no more than it has open."""


# Checkpoints write the fields of these classes by name: a renamed field loses what it held.
@dataclass(frozen=True, slots=True)
class Weighed:
    """What a weighing says of a load, by the session that it is of."""

    bridge: str
    site_id: str
    at: int
    net_kg: float | None
    """None: only half of it is weighed; the truck is there."""
    is_out: bool
    """On the way out."""
    ticket: str
    corrects: str
    manifest: str
    evidence: str


@dataclass(slots=True)
class Presence:
    """Where a truck was seen since a manifest was issued, or since its last leg began."""

    leg: int = 1
    at_source: bool = False
    was_elsewhere: bool = False
    """Outside the disposal site: a truck that is still there from the trip before has not arrived."""
    at_destination: bool = False
    weighed_at: int = 0
    """When it was weighed there last; 0: not yet."""
    is_gone: bool = False
    """It left the disposal site and was at the source again: what it carries now is another load."""

    @property
    def is_at_a_site(self) -> bool:
        """By what was seen last, it is at one of its sites."""
        return self.at_source or self.at_destination or self.weighed_at > 0


@dataclass(slots=True)
class ManifestBook:
    """State of one truck: its manifests by number, in the order of their issue."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    open: dict[str, Presence] = field(default_factory=dict)
    """Those that telemetry may still move."""
    seen_at: int = 0
    """When the truck was seen last while a manifest was open, true time, ms; 0: not yet."""
    seen_x_m: float = 0.0
    seen_y_m: float = 0.0
    """And where, on the city's plane."""
    tickets: tuple[Weighing, ...] = ()
    """The last tickets about the truck, by its clock: halves of a visit belong together, also those that were weighed
    before the manifest was issued."""
    loose: Weighed | None = None
    """The last weighing that was of none of its manifests: its manifest, or a reroute, may be entered after it."""

    def put(self, manifest: Manifest) -> None:
        """Keep a manifest as it is now."""
        number = manifest.number
        before = self.manifests.get(number)
        self.manifests[number] = manifest
        if not manifest.is_open:
            self.open.pop(number, None)
        elif number not in self.open or before is None or _way_of(before) != _way_of(manifest):
            self.open[number] = Presence(manifest.leg)

    def note_weighed(self, number: str, at: int) -> None:
        """The truck was weighed at the disposal site of a manifest."""
        presence = self.open.get(number)
        if presence is not None:
            presence.weighed_at, presence.was_elsewhere = at, True

    def forget_old(self, moved: str) -> list[Manifest]:
        """Forget those that closed first, and what is too much, and return them; never `moved`."""
        closed = sorted(
            (one for number, one in self.manifests.items() if number not in self.open and number != moved),
            key=lambda one: one.transitions[-1].at,
        )
        forgotten = [self.manifests.pop(one.number) for one in closed[: max(len(closed) - KEPT_CLOSED, 0)]]
        while len(self.manifests) > MAX_MANIFESTS:
            number = next(number for number in self.manifests if number != moved)
            forgotten.append(self.manifests.pop(number))
            self.open.pop(number, None)
        return forgotten

    def on_board(self, destination: str | None = None) -> list[Manifest]:
        """The manifest of the load on the truck: the one with which it left a source last. A load has one.

        Who is loaded again has got rid of the load before, whatever became of that. Where it left none, it is the first
        by plan, of those to `destination` where that is given.
        """
        manifests = [self.manifests[number] for number in self.open]
        left_at = max([one.left_at for one in manifests], default=0)
        found = [one for one in manifests if one.left_at == left_at]
        if left_at:
            return found
        found = [one for one in found if destination in {None, one.terms.destination}]
        return sorted(found, key=lambda one: one.terms.depart_at)[:1]

    def next_loaded(self, source: str) -> Manifest | None:
        """The manifest of the load that leaves a source: weighed there, else confirmed, else the first by plan."""
        waiting = [
            one for one in map(self.manifests.__getitem__, self.open) if one.terms.source == source and not one.left_at
        ]
        return min(
            waiting,
            key=lambda one: (not one.source_ticket, one.stage is ManifestState.DRAFT, one.terms.depart_at),
            default=None,
        )


def _way_of(manifest: Manifest) -> tuple[str, str, int]:
    """Where it is to be seen: when that changes, what was seen of its truck no longer counts."""
    return manifest.terms.source, manifest.terms.destination, manifest.leg
