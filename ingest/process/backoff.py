"""Exponential back-off: the pause of a loop before it tries again."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_RETRY_AFTER_S: Final = 300.0
"""The longest pause that a server may ask for; a server that asks for more is tried again after this."""


@dataclass(slots=True)
class Backoff:
    """Doubles the pause after each failure up to a cap, with jitter so that processes do not retry in step."""

    first_s: float
    """Upper bound of the first pause."""
    cap_s: float
    """Upper bound of every pause."""
    dice: Callable[[], float] = random.random
    """Returns a number from 0 to 1; replaced in tests."""
    failures: int = 0
    """Failures in a row."""

    def next_pause_s(self, retry_after_s: float | None = None) -> float:
        """Count a failure and return the pause before the next attempt: from half the bound up to the bound.

        Never shorter than `retry_after_s`, which the server asked for, up to `MAX_RETRY_AFTER_S`.
        """
        self.failures += 1
        bound_s = min(self.cap_s, self.first_s * 2.0 ** min(self.failures - 1, 30))
        return max(bound_s * (0.5 + 0.5 * self.dice()), min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))

    def reset(self) -> None:
        """Start from the first pause again, after a success."""
        self.failures = 0
