"""Whether the weights of a scale can be those of trucks: a wrong unit or count of decimals is noticed here. Pure.

A format without a unit is read by the profile's. Where that is wrong every weight is wrong by the same factor, and each
looks right by itself. Nothing is refused here: the gateway shows what is doubtful until somebody has looked.
"""

from collections import deque
from enum import StrEnum
from typing import Final

from devices.codecs.scale.frame import KG_PER, Frame, State, Unit
from devices.codecs.scale.settings import ScaleSettings
from ingest.gateways.scale.passes import Event, Settled, Weighed

_TRUCKS_FROM_KG: Final = 400.0
"""`minimum_kg` of a bridge for trucks: the default. A profile with less is for other vehicles, and is not doubted."""
_SURE_FRAMES: Final = 20
"""Two seconds of an indicator: a fault of the line is shorter."""
HEAVIEST_KG: Final = 100_000.0
"""Twice what a road vehicle may weigh in China (GB 1589: 49 t)."""
_SURE_TRUCKS: Final = 3
LIGHT_KG: Final = 5_000.0
"""A waste truck weighs more when it is empty; one of 49 t weighs less where it is read ten times too light."""
LIGHT_TRUCKS: Final = 20


class Doubt(StrEnum):
    """What is doubtful in the weights of a scale."""

    FINER_THAN_A_TRUCK_SCALE = "finer_than_a_truck_scale"
    """Frames show fractions of a kilogram: tonnes that are read as kilograms, or decimals too many."""
    OVER_CAPACITY = "over_capacity"
    """Frames that are in the indicator's range show more than the scale's capacity."""
    TOO_HEAVY = "too_heavy"
    """Trucks of more than 100 t."""
    ALL_LIGHT = "all_light"
    """None of the last 20 trucks weighed 5 t."""


class Plausibility:
    """What was doubtful since the start."""

    def __init__(self, settings: ScaleSettings) -> None:
        self._capacity_kg = settings.capacity_kg
        self._is_for_trucks = settings.minimum_kg >= _TRUCKS_FROM_KG
        self._fractions = self._over_frames = self._heavy = 0
        self._weighed_kg: deque[float] = deque(maxlen=LIGHT_TRUCKS)
        self._doubts: set[Doubt] = set()

    def frame(self, frame: Frame) -> None:
        """Notice what a frame shows."""
        if frame.weight is None or frame.unit is None or not self._is_for_trucks:
            return
        kg = frame.weight * KG_PER[frame.unit]
        if frame.unit is not Unit.LB and kg % 1:
            self._fractions += 1
        is_over = frame.state is State.IN_RANGE and abs(kg) > self._capacity_kg
        self._over_frames = self._over_frames + 1 if is_over else 0
        self._doubt(Doubt.FINER_THAN_A_TRUCK_SCALE, self._fractions >= _SURE_FRAMES)
        self._doubt(Doubt.OVER_CAPACITY, self._over_frames >= _SURE_FRAMES)

    def event(self, event: Event) -> None:
        """Notice what a truck weighed."""
        if not self._is_for_trucks:
            return
        if isinstance(event, Settled) and event.kg > HEAVIEST_KG:
            self._heavy += 1
            self._doubt(Doubt.TOO_HEAVY, self._heavy >= _SURE_TRUCKS)
        if isinstance(event, Weighed):
            self._weighed_kg.append(float(event.settled.kg))

    def doubts(self) -> frozenset[Doubt]:
        are_light = len(self._weighed_kg) == LIGHT_TRUCKS and max(self._weighed_kg) < LIGHT_KG
        return frozenset(self._doubts | ({Doubt.ALL_LIGHT} if are_light else set()))

    def _doubt(self, doubt: Doubt, found: bool) -> None:
        if found:
            self._doubts.add(doubt)
