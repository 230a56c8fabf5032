"""Quality of a GNSS fix.

A fix whose error may be larger than the distances rules compare (a fence, a corridor of tens of metres) would move a
truck across them, so it must not change a spatial state. Terminals give satellites and HDOP, an estimated error, or
nothing at all.
"""

from enum import StrEnum
from typing import Final

from devices.readings.models import Alarm, Position

ASSUMED_ACCURACY_M: Final = 15.0
"""Horizontal error of a fix that gives none."""

_GNSS_BROKEN: Final = int(Alarm.GNSS_FAULT | Alarm.ANTENNA_OPEN | Alarm.ANTENNA_SHORT)


class Quality(StrEnum):
    """Quality of a fix. A BAD fix never changes a spatial state."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"


_GOOD: Final = Quality.GOOD


def accuracy_m(position: Position) -> float:
    """Estimated horizontal error in metres."""
    accuracy = position.accuracy_m
    return ASSUMED_ACCURACY_M if accuracy is None else accuracy


def judge_quality(position: Position) -> Quality:
    """GOOD: 5 satellites and HDOP <= 3, or 15 m. FAIR: 4 satellites, or 50 m. BAD: less, no fix, receiver in alarm.

    The assumed accuracy is used only for a fix that gives nothing about its quality: two satellites stay BAD.
    """
    if not position.located or position.alarm_bits & _GNSS_BROKEN:
        return Quality.BAD
    satellites, hdop, accuracy = position.satellites, position.hdop, position.accuracy_m
    if satellites is None and hdop is None and accuracy is None:
        accuracy = ASSUMED_ACCURACY_M
    if (satellites is not None and satellites >= 5 and hdop is not None and hdop <= 3) or _within(accuracy, 15):
        return _GOOD
    if satellites is None and accuracy is None:
        return Quality.FAIR if hdop is not None and hdop <= 3 else Quality.BAD
    if (satellites is not None and satellites >= 4) or _within(accuracy, 50):
        return Quality.FAIR
    return Quality.BAD


def _within(accuracy: float | None, limit_m: float) -> bool:
    return accuracy is not None and accuracy <= limit_m
