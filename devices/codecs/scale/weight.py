"""What a frame weighs in kilograms, and whether that may stand on a ticket. Pure.

NoWeight    the frame shows no weight that may stand on a ticket; `cause` says why
"""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from devices.codecs.scale.frame import KG_PER, Frame, State, Unit
from devices.codecs.scale.settings import Format, ScaleSettings
from devices.codecs.scale.yaohua import is_gross

_GRAM: Final = Decimal("0.001")


class Cause(StrEnum):
    """Why a shown weight may not stand on a ticket."""

    OUT_OF_RANGE = "out_of_range"
    MOTION = "motion"
    NOT_ZEROED = "not_zeroed"
    EXPANDED = "expanded"
    NET_WITHOUT_TARE = "net_without_tare"
    NOT_GROSS = "not_gross"
    MINUS = "minus"
    NO_UNIT = "no_unit"


class NoWeight(Exception):
    """The frame shows no weight that may stand on a ticket."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(str(cause))
        self.cause = cause


def shown_kg(frame: Frame, settings: ScaleSettings) -> Decimal:
    """Gross weight that a frame shows, in kg; it may be below zero, and in motion. Raises NoWeight.

    A net weight is made gross by the tare in the same frame. Converted weights are rounded to a gram.
    """
    if frame.state is not State.IN_RANGE or frame.weight is None:
        raise NoWeight(Cause.OUT_OF_RANGE)
    if frame.unit is None:
        raise NoWeight(Cause.NO_UNIT)
    if settings.format is Format.COMMAND and not is_gross(frame.raw):
        raise NoWeight(Cause.NOT_GROSS)
    weight = frame.weight
    if frame.net:
        if frame.tare is None:
            raise NoWeight(Cause.NET_WITHOUT_TARE)
        weight += frame.tare
    kg = weight * KG_PER[frame.unit]
    if abs(kg) > Decimal(str(settings.capacity_kg)):
        raise NoWeight(Cause.OUT_OF_RANGE)
    return kg.quantize(_GRAM) if frame.unit is Unit.LB else kg


def ticket_kg(frame: Frame, settings: ScaleSettings) -> Decimal:
    """Gross weight that may stand on a ticket, in kg. Raises NoWeight: in motion, below zero, not zeroed, expanded."""
    kg = shown_kg(frame, settings)
    if frame.stable is False:
        raise NoWeight(Cause.MOTION)
    if frame.not_zeroed and settings.heed_zeroed:
        raise NoWeight(Cause.NOT_ZEROED)
    if frame.expanded:
        raise NoWeight(Cause.EXPANDED)
    if kg < 0:
        raise NoWeight(Cause.MINUS)
    return kg
