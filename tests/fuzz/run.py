"""A run: rounds of messages, some unchanged, most of them mutated, until there are enough or time is up."""

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
_SHARE_UNCHANGED: Final = 0.25
"""Share of unchanged messages: the rules need a history that mutated messages can disturb."""


def fuzz(seed: int, payloads: int, *, go_on: Callable[[Outcome], bool] = lambda _: True) -> Outcome:
    """Send `payloads` messages, or fewer if `go_on` returns False between rounds. The same seed sends the same ones."""
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
    index = rng.randrange(len(story))
    for _ in range(count):
        if rng.random() < _SHARE_UNCHANGED:
            yield story[index % len(story)]
            index += 1
        else:
            yield mutated(rng, rng.choice(corpus), corpus)
