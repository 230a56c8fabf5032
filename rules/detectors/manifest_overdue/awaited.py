"""What is still awaited of a manifest, and in which time."""

from enum import StrEnum
from typing import Final, NamedTuple

from rules.manifests.model import Manifest, ManifestState


class Awaited(StrEnum):
    """What has not happened yet."""

    ARRIVAL = "arrival"
    WEIGHING = "weighing"
    """It was at the disposal site and left: a weighing there, or a person's confirmation."""
    RETURN = "return"
    """A rejected load comes back, or goes elsewhere."""
    CONFIRMATION = "confirmation"
    """Its source confirms what left there."""


class Plan(NamedTuple):
    """What is awaited, and from when to when; true time, ms."""

    awaited: Awaited
    begins_at: int
    ends_at: int


_ON_THE_WAY: Final = frozenset({ManifestState.SOURCE_CONFIRMED, ManifestState.IN_TRANSIT, ManifestState.OVERDUE})

_CONFIRMED: Final = frozenset({ManifestState.DISPOSAL_CONFIRMED, ManifestState.DISCREPANCY})
"""A person may have confirmed a load that never came."""


def plan_of(manifest: Manifest) -> Plan | None:
    """What is awaited of a manifest by now or later; None: nothing. The way back takes as long as the way there."""
    terms, stage = manifest.terms, manifest.stage
    if stage is ManifestState.REJECTED:
        rejected_at = max(one.at for one in manifest.transitions if one.after == ManifestState.REJECTED)
        return Plan(Awaited.RETURN, rejected_at, rejected_at + max(terms.arrive_by - terms.depart_at, 0))
    if stage is ManifestState.DRAFT and manifest.left_at:
        return Plan(Awaited.CONFIRMATION, terms.depart_at, terms.arrive_by)
    if stage in _ON_THE_WAY | {ManifestState.ARRIVED} and manifest.passed_by:
        return Plan(Awaited.WEIGHING, terms.depart_at, terms.arrive_by)
    is_awaited = stage in _ON_THE_WAY or (stage in _CONFIRMED and manifest.is_unseen)
    return Plan(Awaited.ARRIVAL, terms.depart_at, terms.arrive_by) if is_awaited else None
