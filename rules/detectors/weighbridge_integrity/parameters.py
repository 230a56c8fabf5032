"""Thresholds of rule `weighbridge_integrity`."""

from typing import ClassVar

from pydantic import Field

from rules.contract.rule import Parameters


class WeighbridgeIntegrityParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset({"shift_kg", "shift_trucks", "shift_errors", "tare_sigma_kg"})

    away_m: float = Field(300.0, ge=0)
    """A ticket while the truck is farther than this from the fence of the bridge's site: its plate stands for another
    weight. The registry knows sites, not plates of bridges; trucks queue up to here."""
    clock_s: int = Field(240, ge=0)
    """The truck was not there so long before and after the ticket: the clocks of bridge and truck may each be off by
    120 s before `device_clock` names them."""
    reach_kmh: float = Field(60.0, gt=0)
    """Between two fixes, or before the first one, it may have driven to the bridge as fast as this, on average."""
    printed_s: int = Field(600, ge=0)
    """A ticket may be printed so long after the weighing, when the truck has left."""
    unseen_s: int = Field(600, gt=0)
    """After so long without a usable fix nobody knows where the truck was: not judged."""
    left_m: float = Field(100.0, ge=0)
    """A truck has left the site when it is farther than this from its fence."""
    twice_s: int = Field(300, ge=0)
    """Two loads within this time, whatever was seen of the truck: nobody leaves, loads and comes back so soon."""
    twice_load_kg: float = Field(1_000.0, ge=0)
    """Both weighings show a load of at least so much; trucks are also weighed empty."""
    least_tares: int = Field(5, ge=3)
    """A truck's tare is judged once it has so many earlier ones."""
    of_tares: int = Field(15, ge=5)
    """And by so many of the last ones: after half as many, a new body is its usual tare."""
    tare_kg: float = Field(300.0, gt=0)
    """A tare may lie so far from the median of the earlier ones: a tank of diesel, mud, a driver."""
    tare_mads: float = Field(4.0, gt=0)
    """Or so many of their scaled median absolute deviations, for a truck whose tares differ more."""
    part_axle_pct: float = Field(80.0, gt=0, lt=100)
    """A weight below so much of the truck's usual tare: an axle stood beside the plate. One axle of the four of an
    empty tipper carries a fifth or more."""
    shift_kg: float = Field(60.0, gt=0)
    """Tares of a bridge lie so far, in the median of the trucks of a day, each by its last tare, from what these
    trucks weighed before: three divisions of a class III scale (e = 20 kg), above its error in service of 40 kg."""
    shift_trucks: int = Field(5, ge=3)
    """Of so many trucks at least."""
    shift_errors: float = Field(4.0, ge=0)
    """And so many standard errors of that median: tanks are not equally full."""
    tare_sigma_kg: float = Field(60.0, gt=0)
    """Standard deviation of the tares of one truck, at least: a few tares that agree by chance show no smaller one. A
    third of a tank of diesel, or some mud."""
    manual_pct: float = Field(2.0, ge=0, le=100)
    """Above this share, in per cent, of the last `of_tickets` tickets of a bridge typed by hand. Below half of it the
    alert closes."""
    manual_tickets: int = Field(5, ge=1)
    """At least so many were: one of ten is no habit."""
    of_tickets: int = Field(300, ge=50, le=2_000)
    """A busy day of a bridge."""
    settle_s: int = Field(600, gt=0)
    """Weights of a truck while the scale moved, and none at rest for so long: it was never weighed."""
