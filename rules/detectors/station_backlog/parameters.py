"""Thresholds of rule `station_backlog`."""

from rules.contract.rule import Parameters


class StationBacklogParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    full_pct: float = 90.0
    """A hopper so full takes no further truck."""
    full_s: int = 600
    """Full for so long: one truck fills it for minutes, and the line works that off."""
    stopped_s: int = 300
    """Stopped for so long while trucks queue: shorter stops clear a jam on the belt."""
    queue_trucks: int = 1
    """So many trucks are a queue."""
    long_queue_trucks: int = 5
    """So many trucks stand on the road: P2."""
    readings: int = 3
    """In so many readings in a row: one wrong value proves nothing."""
    gap_s: int = 600
    """After longer without a reading nothing is known of the time between: it begins anew."""
    clear_pct: float = 70.0
    """Below this the hopper takes trucks again."""
    clear_readings: int = 2
    """In so many readings in a row, with the line running or nobody waiting, it is over."""
