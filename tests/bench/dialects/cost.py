"""CPU of decoding one reading, by dialect, measured in turn so that all meet the same machine."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Final

from devices.codecs.codec import Flaw
from devices.codecs.registry import decode
from tests.bench import BenchFailed
from tests.bench.dialects.samples import NATIVE, SAMPLES, Sample

_ROUNDS: Final = 30
_READINGS: Final = 2_000
"""Of each sample in each round."""


@dataclass(frozen=True)
class DialectCost:
    """Cost of one form of message."""

    sample: str
    bytes: int
    """Of the payload, for each reading."""
    cpu_us: float
    """For each reading; the median of the rounds."""
    ratio: float
    """To a native position alone."""


def dialect_costs(rounds: int = _ROUNDS, readings: int = _READINGS) -> tuple[DialectCost, ...]:
    """Decode each sample in turn. Raises BenchFailed: one is refused."""
    counts = {sample.name: _readings_of(sample) for sample in SAMPLES}
    spent: dict[str, list[float]] = {sample.name: [] for sample in SAMPLES}
    for _ in range(rounds):
        for sample in SAMPLES:
            messages = max(1, readings // counts[sample.name])
            began = time.process_time()
            for _message in range(messages):
                decode(sample.topic, sample.payload, decoding=sample.decoding)
            spent[sample.name].append((time.process_time() - began) / (messages * counts[sample.name]) * 1e6)
    native_us = median(spent[NATIVE])
    return tuple(
        DialectCost(
            sample.name,
            len(sample.payload) // counts[sample.name],
            round(cpu_us := median(spent[sample.name]), 2),
            round(cpu_us / native_us, 1),
        )
        for sample in SAMPLES
    )


def _readings_of(sample: Sample) -> int:
    found = decode(sample.topic, sample.payload, decoding=sample.decoding)
    flaws = [item.refusal for item in found if isinstance(item, Flaw)]
    if flaws or not found:
        raise BenchFailed(f"{sample.name} is not read: {flaws[:1] or 'no reading'}")
    return len(found)
