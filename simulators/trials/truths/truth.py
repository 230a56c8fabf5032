"""What a truth gives: an incident without its subject."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulators.trials.trace import Run, Scene


@dataclass(frozen=True, slots=True)
class Found:
    """See `simulators.trials.incidents.Incident`."""

    rule: str
    start_ms: int
    end_ms: int
    begins_ms: int
    required: bool = True
    hold_s: float = 0.0
    needs: frozenset[str] = frozenset()


Truth = Callable[[Run, Scene], Iterator[Found]]
"""Moments of a span, and what they are judged against."""
