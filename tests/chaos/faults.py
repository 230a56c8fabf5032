"""What a fault is: a name, something that happens under the stream, and the answer it is to get."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.chaos.yard import Yard


@dataclass(frozen=True)
class Size:
    """How hard the rounds hit."""

    kills: int
    """Of each process by itself."""
    kills_of_any: int
    outage_s: float
    """How long something is away, slow or refusing."""
    hostile: int
    """Mutated payloads."""
    flood: int
    """Messages."""
    locked_s: float


FULL: Final = Size(kills=10, kills_of_any=70, outage_s=12.0, hostile=5_000, flood=20_000, locked_s=33.0)
"""Locked for longer than a process waits for a lock (30 s)."""
QUICK: Final = Size(kills=1, kills_of_any=6, outage_s=1.2, hostile=1_000, flood=5_000, locked_s=1.5)
CI: Final = Size(kills=1, kills_of_any=5, outage_s=1.0, hostile=500, flood=3_000, locked_s=1.0)


@dataclass(frozen=True)
class Fault:
    """One round. `strike` runs under the stream, returns when the cause is gone, and raises Complaint if the designed
    answer (its docstring) was not seen."""

    name: str
    strike: Callable[[Yard, Size], None]
    absent: Callable[[], str | None] = lambda: None
    """Why it cannot be run here."""
