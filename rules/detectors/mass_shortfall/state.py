"""What is remembered of the tickets of one truck."""

from dataclasses import dataclass

from devices.readings.models import Weighing


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class ReportedTrip:
    """A trip that people were notified of."""

    onset: int
    """The first weighing at its source, device time, ms."""
    basis: str
    """The weights that it rests on."""
    at: int
    """The last verdict about it."""


@dataclass(slots=True)
class ShortfallState:
    """The last visits of a truck to weighbridges, and what was reported of them."""

    tickets: tuple[Weighing, ...] = ()
    """Those of whole visits, in the order in which they were judged."""
    trips: tuple[ReportedTrip, ...] = ()
    loaded_at: tuple[int, ...] = ()
    """When it left places where it loads, by its positions, device time, ms."""
    here: str = ""
    """Id of the site that it is in, by its positions; empty: none."""
    here_since: int = 0
    left: tuple[tuple[str, int], ...] = ()
    """Ids of the sites that it left last after it had stayed there, and when, device time, ms."""
