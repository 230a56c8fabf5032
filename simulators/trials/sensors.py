"""Switches and scales that fail, for a whole shift: one fault a truck."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from devices.readings.models import Load, Position

Faulty = Callable[[Iterable[Position], Random], Iterator[Position]]

_EPISODE_EVERY_MS: Final = (600_000, 2_400_000)
_EPISODE_LASTS_MS: Final = (60_000, 300_000)
_CHATTER_EVERY_MS: Final = 2_000
_DRIFT_KG_PER_H: Final = (300.0, 1_500.0)


def lift_stuck(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """The switch says that the bed is down."""
    return (replace(position, lift_up=False) for position in positions)


def lift_inverted(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """Up is down: mounted the wrong way, and nobody looked."""
    return (replace(position, lift_up=not position.lift_up) for position in positions)


def lift_chatters(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """For minutes on end the switch bounces, and each bounce is reported."""
    return _chattering(positions, "lift_up", rng)


def cover_stuck(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """The switch says that the cover is closed."""
    return (replace(position, cover_open=False) for position in positions)


def cover_chatters(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """As the lift's."""
    return _chattering(positions, "cover_open", rng)


def scale_stuck(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """The scale repeats its first weight; every second terminal takes its load state from there."""
    takes_state, first = rng.random() < 0.5, None
    for position in positions:
        first = first or position
        state = first.load if takes_state else position.load
        yield replace(position, load_kg=first.load_kg, load=state)


def scale_drifts(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """The scale gains or loses some hundred kilograms an hour."""
    per_h, first_ms = rng.choice((-1, 1)) * rng.uniform(*_DRIFT_KG_PER_H), 0
    for position in positions:
        first_ms = first_ms or position.ts
        off_kg = per_h * (position.ts - first_ms) / 3_600_000
        yield replace(position, load_kg=max(0.0, round((position.load_kg or 0.0) + off_kg, -1)))


def scale_overflows(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """For minutes on end a loose plug makes the scale show more than any truck carries."""
    begins_ms = ends_ms = 0
    for position in positions:
        if position.ts >= ends_ms:
            begins_ms = position.ts + rng.randint(*_EPISODE_EVERY_MS)
            ends_ms = begins_ms + rng.randint(*_EPISODE_LASTS_MS)
        over = begins_ms <= position.ts < ends_ms
        yield replace(position, load_kg=round(rng.uniform(90_000.0, 180_000.0), -1)) if over else position


def load_bits_stuck(positions: Iterable[Position], rng: Random) -> Iterator[Position]:
    """The terminal says that the truck is empty."""
    return (replace(position, load=Load.EMPTY) for position in positions)


_SIX_LOADS_S: Final = 10_800.0
_EPISODE_S: Final = 2_700.0

FAULTS: Final[Mapping[Faulty, float]] = {
    lift_stuck: _SIX_LOADS_S,
    lift_inverted: _SIX_LOADS_S,
    lift_chatters: _EPISODE_S,
    cover_stuck: _SIX_LOADS_S,
    cover_chatters: _EPISODE_S,
    scale_stuck: _SIX_LOADS_S,
    scale_drifts: _SIX_LOADS_S,
    scale_overflows: _EPISODE_S,
    load_bits_stuck: _SIX_LOADS_S,
}
"""All faults, and seconds of work after which each can be known: some six loads, or the first bouncing."""
NO_SENSOR: Final = frozenset({load_bits_stuck})
"""Those of no switch and no weight: nobody needs to be told of them."""


def _chattering(positions: Iterable[Position], field: str, rng: Random) -> Iterator[Position]:
    begins_ms = ends_ms = 0
    before: Position | None = None
    for position in positions:
        if before is not None and begins_ms <= before.ts < ends_ms:
            up = bool(getattr(before, field))
            for ts in range(before.ts + _CHATTER_EVERY_MS, min(position.ts, ends_ms), _CHATTER_EVERY_MS):
                up = not up
                bounced: dict[str, Any] = {field: up, "ts": ts}
                yield replace(before, **bounced)
        if position.ts >= ends_ms:
            begins_ms = position.ts + rng.randint(*_EPISODE_EVERY_MS)
            ends_ms = begins_ms + rng.randint(*_EPISODE_LASTS_MS)
        yield position
        before = position
