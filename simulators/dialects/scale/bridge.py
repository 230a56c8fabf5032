"""What the display of a truck scale shows while trucks drive on, stand and leave. Device time only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Final, NamedTuple

FRAME_MS: Final = 100
"""Ten frames a second."""
DIVISION_KG: Final = 20
_AXLE_MOVES_S: Final = (0.6, 1.5)
"""From one axle on the platform to the next."""
_SETTLING_S: Final = (0.5, 1.5)
"""In which a truck rocks after it has stopped."""
_LAST_EMPTY_S: Final = 4.0


class Display(NamedTuple):
    """One value of the display."""

    at: int
    """ms."""
    kg: int
    moving: bool
    over: bool = False
    """Above the scale's range."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A truck, and how it passes. The label: it weighs `kg`, if it `stops`, and is not `over`."""

    kg: int
    """On a division of the scale."""
    stands_s: float = 5.0
    """After it has stopped rocking."""
    axles: int = 3
    axle_pause_s: float = 0.0
    """It stands so long with each axle on, and off again: a driver who looks for his place."""
    stops: bool = True
    over: bool = False
    """Too heavy for the scale while all of it stands there."""
    empty_s: float = 4.0
    """Of the empty platform before it."""

    @property
    def label_kg(self) -> int | None:
        """What its one weighing says; None: it may get none."""
        return self.kg if self.stops and not self.over else None


def display(visits: Iterable[Visit], rng: Random, *, start_ms: int, zero_kg: int = 0) -> Iterator[Display]:
    """Values of the display, ten a second: each visit begins and ends with an empty platform, which shows `zero_kg`."""
    platform = _Platform(rng, start_ms, zero_kg)
    for visit in visits:
        yield from platform.still(0, visit.empty_s)
        stages = [visit.kg * axle / visit.axles for axle in range(visit.axles + 1)]
        yield from platform.stages(stages, visit)
        if visit.stops:
            yield from platform.moved(visit.kg, visit.kg, rng.uniform(*_SETTLING_S))
            yield from platform.still(visit.kg, visit.stands_s, over=visit.over)
        yield from platform.stages(stages[::-1], visit)
    yield from platform.still(0, _LAST_EMPTY_S)


class _Platform:
    """The platform and its display."""

    def __init__(self, rng: Random, start_ms: int, zero_kg: int) -> None:
        self._rng = rng
        self._at = start_ms
        self._zero_kg = zero_kg

    def still(self, kg: float, seconds: float, *, over: bool = False) -> Iterator[Display]:
        """The same weight."""
        for _ in range(round(seconds * 1000 / FRAME_MS)):
            yield self._shown(kg, moving=False, over=over)

    def moved(self, from_kg: float, to_kg: float, seconds: float) -> Iterator[Display]:
        """From one weight to another, rocking by two percent."""
        steps = max(round(seconds * 1000 / FRAME_MS), 3)
        for step in range(1, steps + 1):
            rocking_kg = self._rng.uniform(-0.02, 0.02) * max(from_kg, to_kg)
            yield self._shown(max(from_kg + (to_kg - from_kg) * step / steps + rocking_kg, 0), moving=True)

    def stages(self, stages: Sequence[float], visit: Visit) -> Iterator[Display]:
        """Axle by axle, with a rest between them where the driver pauses."""
        for before_kg, kg in pairwise(stages):
            yield from self.moved(before_kg, kg, self._rng.uniform(*_AXLE_MOVES_S))
            if 0 < kg < visit.kg:
                yield from self.still(kg, visit.axle_pause_s)

    def _shown(self, kg: float, *, moving: bool, over: bool = False) -> Display:
        self._at += FRAME_MS
        return Display(self._at, round((kg + self._zero_kg) / DIVISION_KG) * DIVISION_KG, moving, over)


def trucks(rng: Random, count: int | None = None) -> Iterator[Visit]:
    """Ordinary visits: loaded and empty, of two to five axles. Without `count`, without end."""
    made = 0
    while count is None or made < count:
        made += 1
        yield Visit(
            kg=rng.randrange(8_000, 49_000, DIVISION_KG),
            stands_s=rng.uniform(4, 12),
            axles=rng.randint(2, 5),
            axle_pause_s=rng.choice((0, 0, 0.5, 3)),
            empty_s=rng.uniform(2, 10),
        )
