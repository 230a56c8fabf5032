"""A run: rounds of messages, some of a day as it is, most of them mutated, until there were enough or time is up."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

from ingest.log.records import RawMessage
from tests.fuzz.corpus import day, fuzz_city, seeds
from tests.fuzz.mutations import mutated
from tests.fuzz.path import Outcome, WholePath

ROUND: Final = 2_000
_AS_IT_IS: Final = 0.25
"""Share of messages that nobody touched: the rules need a history that mutated ones can disturb."""


def fuzz(seed: int, payloads: int, *, go_on: Callable[[Outcome], bool] = lambda _: True) -> Outcome:
    """Send so many messages, or fewer if `go_on` says so between rounds. The same seed sends the same messages."""
    corpus = seeds()
    path = WholePath(fuzz_city(corpus), outcome := Outcome())
    rng = Random(seed)
    while outcome.messages < payloads and go_on(outcome):
        folder = Path(tempfile.mkdtemp(prefix="haulwatch-fuzz-"))
        try:
            path.send(list(_round(rng, corpus, min(ROUND, payloads - outcome.messages))), folder)
        finally:
            shutil.rmtree(folder)
    return outcome


def _round(rng: Random, corpus: tuple[RawMessage, ...], count: int) -> Iterator[RawMessage]:
    story = day()
    begun = rng.randrange(len(story))
    for _ in range(count):
        if rng.random() < _AS_IT_IS:
            yield story[begun % len(story)]
            begun += 1
        else:
            yield mutated(rng, rng.choice(corpus), corpus)
