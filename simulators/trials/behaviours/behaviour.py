"""What is listed of a behaviour."""

from collections.abc import Callable
from dataclasses import dataclass

from simulators.trials.truck_day import TruckDay

Act = Callable[[TruckDay], bool]
"""Adds a round to a day. False, before it added anything: the terrain or the truck has no place for it."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way in which a round differs from a plain one."""

    act: Act
    rules: frozenset[str] = frozenset()
    """Rules that must, or may, notice it. None: it is honest, and nobody should say anything."""
    share: float = 1.0
    """How often it is chosen, relative to the others."""
    before_hours: bool = False
    """It must be the first round of a day that begins before the permitted hours."""

    @property
    def name(self) -> str:
        return self.act.__name__


def concerns(*rules: str) -> frozenset[str]:
    return frozenset(rules)
