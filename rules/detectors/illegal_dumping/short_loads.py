"""What the manifest of a truck's load says of a stop: it is overdue, or of the load less arrives than was sent."""

from typing import NamedTuple

from rules.contract.observation import Observation
from rules.manifests.model import ManifestState
from rules.tracking.manifests import ManifestsMoved


class ShortLoad(NamedTuple):
    """A load of which less arrived than was sent."""

    left_at: int
    """When the truck left the source with it, true time, ms."""
    arrived_at: int
    """When it came to the disposal site with what was left."""
    short_pct: float


def is_overdue(observation: Observation) -> bool:
    """True while the manifest of the load on the truck is overdue; one that never left is not on board."""
    book = observation.manifests
    if book is None or not book.open:
        return False
    return any(one.stage is ManifestState.OVERDUE and one.left_at > 0 for one in book.on_board())


def short_load(observation: Observation) -> ShortLoad | None:
    """The load whose weight this reading changes, if less of it arrived than was sent; an estimate is not compared."""
    book = observation.manifests
    for fact in observation.facts if book is not None else ():
        for number in fact.weighed if isinstance(fact, ManifestsMoved) else ():
            manifest = None if book is None else book.manifests.get(number)
            if manifest is None or manifest.is_estimate or not manifest.left_at or not manifest.arrived_at:
                continue
            sent_kg, gained_kg = manifest.sent_kg, manifest.gained_kg
            if sent_kg and gained_kg is not None and gained_kg < 0:
                return ShortLoad(manifest.left_at, manifest.arrived_at, -100 * gained_kg / sent_kg)
    return None
