"""Thresholds of rule `sensor_fault`."""

from pydantic import Field

from rules.contract.rule import Parameters


class SensorFaultParameters(Parameters):
    """No standard sets these defaults: each has its reason.

    More than 6 edges of a switch in 60 s, and a bed that is up through 5 min at 60 km/h or 20 min at 30 km/h, belong to
    tracking (`rules.tracking.switches`): there the switch loses its vote in all rules.
    """

    driving_edges: int = Field(6, ge=2)
    """More than so many edges while driving, within `driving_within_s`: a terminal that reports each 10 s shows few of
    those of a switch that chatters."""
    driving_within_s: int = Field(1_800, gt=0)
    """Edges while driving count for so long: a haul or two."""
    driving_kmh: float = Field(30.0, gt=0)
    """From this speed on nobody moves bed or cover: at both reports around an edge,"""
    driving_gap_s: int = Field(30, gt=0)
    """which are no more than this apart, so that the truck cannot have stopped between them."""
    stuck_loads: int = Field(6, ge=3)
    """So many loads were emptied in a row, by tickets or stays at sites, and the sensor never moved. A report each
    minute may miss the bed of a quick tip, but not of six."""
    stuck_readings: int = Field(20, ge=2)
    """The sensor reported so often from one emptying to the next."""
    stuck_kg: float = Field(500.0, gt=0)
    """On-board weights of a load that differ by less are one weight (as in `rules.tracking.load`)."""
    drift_kg: float = Field(1_500.0, gt=0)
    """On-board weight of an emptied truck: a tenth of the load of a four-axle tipper, from where on its scale shows a
    part load. Spoil that sticks to the bed weighs less."""
    drift_loads: int = Field(4, ge=2)
    """After so many emptyings in a row."""
    most_kg: float = Field(80_000.0, gt=0)
    """No truck carries more: overloaded six-axle tippers reached 100 t gross."""
    most_s: int = Field(60, ge=0)
    """For so long,"""
    most_readings: int = Field(3, ge=1)
    """and in so many readings in a row."""
    same_fault_s: int = Field(43_200, ge=0)
    """A finding that returns within so long is the same fault, and its alert is open again: a contact bounces, and a
    plug is loose, until somebody mends it, which nobody does during a shift."""
    healthy_s: int = Field(600, ge=0)
    """A finding closes when the sensor was healthy for so long, as switches get their vote back."""
