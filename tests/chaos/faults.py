"""A fault: a name, an event during the stream, and the answer that Haulwatch must give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.chaos.yard import Yard


@dataclass(frozen=True)
class Size:
    """Size of the faults in a run."""

    kills: int
    """Kills of each process alone."""
    kills_of_any: int
    outage_s: float
    """Seconds for which a server is away, slow or refusing."""
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
    """One round. `strike` runs during the stream, returns when the cause is gone, and raises Complaint if the designed
    answer (its docstring) was not seen.
    """

    name: str
    strike: Callable[[Yard, Size], None]
    yard: type[Yard] = Yard
    """Where it happens. Rounds in one kind of yard follow each other in one."""
    last: bool = False
    """What it takes away makes the sums of later rounds wrong, so the next one begins in a new yard."""
    absent: Callable[[], str | None] = lambda: None
    """Returns why it cannot run here, or None."""
