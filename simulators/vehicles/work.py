"""A truck's working day as a sequence of steps: load, drive, stand, tip. Each has a state at any second."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from devices.geo.geometry import XY
from simulators.vehicles.drive import Drive, DriveMotion

LIFT_UP_S: Final = 40.0
"""Seconds that the bed stays up at a disposal site."""
_UNLOADING_SHARE: Final = 0.7
"""The load slides out during this share of the time the bed is up."""


@dataclass(frozen=True, slots=True)
class WorkState:
    """The true state of a truck, before any sensor."""

    xy: XY
    load_kg: float
    heading_deg: float | None = None
    """None: unchanged."""
    speed_mps: float = 0.0
    driven_m: float = 0.0
    """Metres since the step began."""
    lift_up: bool = False
    cover_open: bool = False
    ignition_on: bool = True


class WorkStep(Protocol):
    """Part of a working day; seconds count from its start."""

    @property
    def duration_s(self) -> float: ...

    @property
    def switches_s(self) -> tuple[float, ...]:
        """Seconds at which lift or cover change."""

    def at(self, t_s: float) -> WorkState: ...


@dataclass(frozen=True)
class Standing:
    """Parked, or waiting in a yard."""

    xy: XY
    duration_s: float
    load_kg: float = 0.0
    ignition_on: bool = True
    switches_s: tuple[float, ...] = ()

    def at(self, t_s: float) -> WorkState:
        return WorkState(self.xy, self.load_kg, ignition_on=self.ignition_on)


@dataclass(frozen=True)
class Loading:
    """Under the excavator: the cover is open while the load grows, and closed for the last 15 s."""

    xy: XY
    duration_s: float
    before_kg: float
    after_kg: float

    @property
    def switches_s(self) -> tuple[float, ...]:
        return (15.0, self.duration_s - 15.0)

    def at(self, t_s: float) -> WorkState:
        opened, closed = self.switches_s
        share = min(max((t_s - opened - 10) / (closed - opened - 20), 0.0), 1.0)
        kg = self.before_kg + (self.after_kg - self.before_kg) * share
        return WorkState(self.xy, kg, cover_open=opened <= t_s < closed)


@dataclass(frozen=True)
class Driving:
    """A drive from standstill to standstill."""

    drive: Drive
    load_kg: float
    switches_s: tuple[float, ...] = ()

    @property
    def duration_s(self) -> float:
        return self.drive.duration_s

    def at(self, t_s: float) -> WorkState:
        motion: DriveMotion = self.drive.at(t_s)
        path = self.drive.path
        return WorkState(path.at(motion.s_m), self.load_kg, path.heading_deg(motion.s_m), motion.speed_mps, motion.s_m)


@dataclass(frozen=True)
class Tipping:
    """Stand, open the cover, raise the bed, let the load slide out, lower it, close the cover."""

    xy: XY
    duration_s: float
    before_kg: float
    after_kg: float
    cover_opens_s: float
    lift_rises_s: float
    lift_up_s: float = LIFT_UP_S

    @property
    def switches_s(self) -> tuple[float, ...]:
        lowered = self.lift_rises_s + self.lift_up_s
        return (self.cover_opens_s, self.lift_rises_s, lowered, lowered + 15.0)

    def at(self, t_s: float) -> WorkState:
        opened, raised, lowered, closed = self.switches_s
        share = min(max((t_s - raised - 5) / (self.lift_up_s * _UNLOADING_SHARE), 0.0), 1.0)
        kg = self.before_kg + (self.after_kg - self.before_kg) * share
        return WorkState(self.xy, kg, lift_up=raised <= t_s < lowered, cover_open=opened <= t_s < closed)


@dataclass(frozen=True)
class Switched:
    """Another step, during part of which the bed is up or the cover open: (from, to) in its seconds."""

    step: WorkStep
    lift_s: tuple[float, float] | None = None
    cover_s: tuple[float, float] | None = None

    @property
    def duration_s(self) -> float:
        return self.step.duration_s

    @property
    def switches_s(self) -> tuple[float, ...]:
        return tuple(sorted((*self.step.switches_s, *(self.lift_s or ()), *(self.cover_s or ()))))

    def at(self, t_s: float) -> WorkState:
        state = self.step.at(t_s)
        return replace(
            state,
            lift_up=state.lift_up or _covers(self.lift_s, t_s),
            cover_open=state.cover_open or _covers(self.cover_s, t_s),
        )


def _covers(part_s: tuple[float, float] | None, t_s: float) -> bool:
    return part_s is not None and part_s[0] <= t_s < part_s[1]


class WorkDay:
    """Steps end to end from `start_ms` (device time), made on demand. Queries must come in order of time."""

    def __init__(self, start_ms: int, steps: Iterator[WorkStep]) -> None:
        self.start_ms = start_ms
        self._steps = steps
        self._step = next(steps)
        self._began_ms = start_ms
        self._driven_m = 0.0

    def steps(self) -> Iterator[tuple[int, WorkStep]]:
        """(start, step) from the present one on; consumes the day."""
        while True:
            yield self._began_ms, self._step
            self._advance()

    def at(self, ts: int) -> tuple[WorkState, float]:
        """The state at `ts`, and the metres driven since the day's start. `ts` never goes back."""
        while ts >= self._ends_ms:
            self._driven_m += self._step.at(self._step.duration_s).driven_m
            self._advance()
        state = self._step.at((ts - self._began_ms) / 1000)
        return state, self._driven_m + state.driven_m

    def next_switch_ms(self, after: int) -> int | None:
        """The next lift or cover change of the present step after `after`."""
        switches = [self._began_ms + round(s * 1000) for s in self._step.switches_s]
        i = bisect_right(switches, after)
        return switches[i] if i < len(switches) else None

    @property
    def _ends_ms(self) -> int:
        return self._began_ms + round(self._step.duration_s * 1000)

    def _advance(self) -> None:
        self._began_ms = self._ends_ms
        self._step = next(self._steps)
