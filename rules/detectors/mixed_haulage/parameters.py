"""Thresholds of rule `mixed_haulage`, and the streams that may share a haul."""

from typing import Annotated, Final

from pydantic import AfterValidator

from devices.readings.streams import STREAM_NAMES
from rules.contract.rule import Parameters


def _known(word: str) -> str:
    if word not in STREAM_NAMES:
        raise ValueError(f"{word!r} is no waste stream: there are {', '.join(STREAM_NAMES)}")
    return word


_MAY_MIX: Final = [
    ["recyclable", "paper", "plastic", "metal", "glass", "textile"],
    ["construction", "spoil"],
    ["construction", "slurry"],
    ["construction", "site_waste", "demolition"],
    ["construction", "decoration"],
]


class MixedHaulageParameters(Parameters):
    """Streams are those of sites (`streams` in sites.geojson) and tickets. The city plans forbid mixed haulage and name
    the streams, but no standard lists which pairs may share a haul: each default has its reason.
    """

    may_mix: list[list[Annotated[str, AfterValidator(_known)]]] = _MAY_MIX
    """Groups of streams that may share a haul; a stream always shares with itself, all others may not be mixed.
    Recyclables are sorted again. `construction` may be any of its classes; of these only site waste and demolition
    waste go to the same plant. Kitchen, residual, hazardous and medical waste and sludge go with nothing."""
    stay_s: int = 120
    """Standing so long beside a source is collecting: shorter is a traffic light."""
    near_m: float = 30.0
    """Beside a source: a truck stands on the road, the fence of a recycling point has a radius of 10 to 20 m."""
    rise_kg: float = 500.0
    """A load that rises by so much at a stop was collected there: steady weights of one load differ by less."""
    rise_share: float = 0.05
    """Or by this share of the permitted load where that is more: on-board scales err by some per cent of it."""
    unchanged_kg: float = 300.0
    """A scale that showed what was taken elsewhere in this haul, and shows less than this more here, says that nothing
    was taken: six sigma of two weights of a truck at rest (50 kg each), and what a crew loads in a minute or two."""
    weight_age_s: int = 180
    """A weight before a stop may be so old: three reports a minute apart."""
    ticket_within_m: float = 300.0
    """A ticket counts if the truck was so near to the site of the bridge: plates are typed, and typed wrong."""
    tip_s: int = 60
    """So long in a site where trucks tip ends the haul when it leaves: shorter is a gate that was closed."""
    haul_s: int = 43_200
    """What was collected longer ago is no part of the haul: one shift, in which it was emptied somewhere."""
