"""All behaviours of single trucks."""

from typing import Final

from simulators.trials.behaviours import adversary, collecting, dumping, honest, receivers, switches, terminals, ways
from simulators.trials.behaviours.behaviour import Behaviour

OPEN: Final[tuple[Behaviour, ...]] = (
    *dumping.BEHAVIOURS,
    *ways.BEHAVIOURS,
    *switches.BEHAVIOURS,
    *terminals.BEHAVIOURS,
    *receivers.BEHAVIOURS,
    *collecting.BEHAVIOURS,
)
"""Incidents of drivers who do not know that they are watched, or do not care."""
ADVERSARY: Final[tuple[Behaviour, ...]] = adversary.BEHAVIOURS
"""In place of the open dumps where drivers know it."""
HONEST: Final[tuple[Behaviour, ...]] = (
    *honest.BEHAVIOURS,
    *receivers.LOOK_ALIKES,
    *collecting.LOOK_ALIKES,
)
