"""Thresholds of rule `outside_permitted_area`."""

from rules.contract.rule import Parameters


class OutsidePermittedAreaParameters(Parameters):
    """The areas are those of the truck's permits (`areas` in permits.yaml). No standard sets these defaults: each has
    its reason.
    """

    margin_m: float = 100.0
    """Farther than this, and the accuracy of the fix, beyond the border is outside: both sides of a border road are
    collected by one truck."""
    stay_s: int = 120
    """Standing so long beside a source, or in all where the load rises: shorter is a traffic light."""
    near_m: float = 30.0
    """Beside a source: a truck stands on the road, the fence of a recycling point has a radius of 10 to 20 m."""
    sources: int = 2
    """Stops at so many different sources confirm it without a weight: one may be a driver's rest."""
    rise_kg: float = 500.0
    """A load that rises by so much, in steady weights, was collected: steady weights of one load differ by less."""
    rise_share: float = 0.05
    """Or by this share of the permitted load where that is more: on-board scales err by some per cent of it."""
    unchanged_kg: float = 300.0
    """A scale that shows a load, and less than this more than before the stop, says that nothing was taken there: six
    sigma of two weights of a truck at rest (50 kg each), and what a crew loads in a minute or two."""
    weight_age_s: int = 180
    """A weight before the stop may be so old: three reports a minute apart, and too short to load inside the area."""
    quiet_s: int = 1_800
    """So long without collecting, or inside its area again, it is over."""
