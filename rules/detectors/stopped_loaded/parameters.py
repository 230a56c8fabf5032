"""Thresholds of rule `stopped_loaded`."""

from typing import ClassVar

from rules.contract.rule import Parameters


class StoppedLoadedParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset({"jam_trucks", "jam_m", "jam_over_s"})

    hold_s: int = 600
    """Standing so long: what a trunk road allows. A city's files do not say which roads are streets in town, where
    300 s are enough."""
    off_corridor_s: int = 180
    """Standing so long off every approved route: there is no traffic light of the route to wait at."""
    off_corridor_m: float = 60.0
    """Metres, less the accuracy of the fix (at most 30 m), as `route_deviation` begins a deviation. A route's
    own `corridor_m` goes before it."""
    readings: int = 3
    """In so many positions at least, however long they are apart: one wrong load or place proves nothing."""
    fence_m: float = 20.0
    """Beyond a fence by this much and the fix's accuracy (at most 30 m) is outside a site."""
    queue_m: float = 1_000.0
    """So near a gate where it may load or tip, a truck on its route is in the queue."""
    gate_m: float = 200.0
    """So near such a gate also off its route: trucks turn and look for the gate there, as in `route_deviation`."""
    jam_trucks: int = 3
    """So many trucks that stand near each other are in a jam: two may be colleagues."""
    jam_m: float = 300.0
    """Near each other: some thirty lorries in a lane."""
    jam_from_s: int = 120
    """Standing so long counts for a jam: shorter is a red light."""
    jam_over_s: int = 300
    """So long after a jam nothing is published: it dissolves from its head."""
    away_m: float = 100.0
    """So far from the place, less the accuracy of the fix, in two positions, it has left."""
    leave_kmh: float = 10.0
    """Or it drives faster than this"""
    leave_s: int = 20
    """for so long."""
