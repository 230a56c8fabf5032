"""A guess at what a misspelt name was meant to be, for messages to people."""

import difflib
from collections.abc import Iterable
from itertools import islice
from typing import Final

_MOST_CANDIDATES: Final = 20_000
"""A guess among as many names takes a tenth of a second."""


def did_you_mean(name: str, candidates: Iterable[str], similarity: float = 0.6) -> str:
    """Return `did you mean 'x'?` with the most similar candidate, or an empty text if none is similar.

    Of equally similar ones it is the first in the alphabet. `similarity`: the least, from 0 to 1, as
    `difflib.SequenceMatcher.ratio` computes it.
    """
    guess = closest(name, candidates, similarity)
    return f"did you mean {guess!r}?" if guess is not None else ""


def closest(name: str, candidates: Iterable[str], similarity: float = 0.6) -> str | None:
    """The candidate of which `did_you_mean` asks; None if none is similar."""
    close = difflib.get_close_matches(name, islice(candidates, _MOST_CANDIDATES), n=_MOST_CANDIDATES, cutoff=similarity)
    return min(close, key=lambda candidate: (-_ratio(name, candidate), candidate), default=None)


def _ratio(name: str, candidate: str) -> float:
    return difflib.SequenceMatcher(None, candidate, name).ratio()
