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

ERROR_M_PER_HDOP: Final = 5.0
"""Error of a single-frequency receiver at HDOP 1, 1 sigma (GPS SPS performance standard and common practice)."""
_COARSEST_M: Final = 500.0

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


def coarse_error_m(position: Position) -> float | None:
    """Error, metres (1 sigma), of a BAD fix that is only coarse: located, and it states how wrong it may be."""
    if not position.located or position.alarm_bits & _GNSS_BROKEN:
        return None
    error_m = position.accuracy_m
    if error_m is None and position.hdop is not None:
        error_m = position.hdop * ERROR_M_PER_HDOP
    return error_m if error_m is not None and error_m <= _COARSEST_M else None


def judge_quality(position: Position, *, counts_satellites: bool = True) -> Quality:
    """GOOD: 5 satellites and HDOP <= 3, or 15 m. FAIR: 4 satellites, or 50 m. BAD: less, no fix, receiver in alarm.

    The assumed accuracy is used only for a fix that gives nothing about its quality: two satellites stay BAD.
    `counts_satellites`: False for a terminal that sends 0 satellites with every fix: it does not fill the field.
    """
    if not position.located or position.alarm_bits & _GNSS_BROKEN:
        return Quality.BAD
    satellites = position.satellites if counts_satellites else None
    hdop, accuracy = position.hdop, position.accuracy_m
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
