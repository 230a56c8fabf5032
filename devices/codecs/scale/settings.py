"""Settings of a scale's profile: how its indicator is connected, how its frames are read, when a weight counts.

A frame of most formats carries no unit, and some no decimal point. Such a profile must state them: a weight that is
read ten times too heavy is worse than none.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, ValidationError, convert, structs

from devices.codecs.scale.frame import Unit
from devices.readings.models import MAX_KG


class Format(StrEnum):
    """Format of an indicator's frames."""

    YAOHUA = "yaohua"
    """Yaohua XK3190 and Keli, continuous: 12 bytes with check digits."""
    YAOHUA_REVERSED = "yaohua_reversed"
    """`=` and the weight, low digit first: A26 format 1, A23p format 2."""
    YAOHUA_FORWARD = "yaohua_forward"
    """`=` and the weight, high digit first: A26 format 2."""
    YAOHUA_A12 = "yaohua_a12"
    """A12(E): 15 bytes of text with check digits."""
    COMMAND = "command"
    """Command mode of Yaohua and Keli: the indicator answers when it is asked."""
    TOLEDO = "toledo"
    """Mettler-Toledo continuous: 17 or 18 bytes."""
    TEXT = "text"
    """Lines of text: CAS, AND, T-Scale, Ohaus."""


WITHOUT_UNIT: Final = frozenset({Format.YAOHUA, Format.YAOHUA_REVERSED, Format.YAOHUA_FORWARD, Format.COMMAND})
"""Formats whose frames never carry a unit."""

_Weight = Annotated[float, Meta(ge=0, le=MAX_KG)]


class ScaleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a profile. Built by `read_settings`."""

    format: Format
    unit: Unit | None = None
    """Of the shown weight. With `toledo` instead of what the frame says; another one in a line of text is refused."""
    decimals: Annotated[int, Meta(ge=0, le=5)] | None = None
    """Digits behind the point. A frame that has another number is refused; `toledo`: instead of what the frame says."""
    parity_bit: bool = False
    """Bit 7 of each byte is a parity bit: seven data bits that are received as eight."""
    check: bool = True
    """Frames of `toledo` end with a check byte."""
    baud: Annotated[int, Meta(ge=300, le=115_200)] = 9_600
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    address: Annotated[str, Meta(pattern=r"^[A-Z]\Z")] = "A"
    """Of the indicator in command mode."""
    poll_ms: Annotated[int, Meta(ge=50, le=10_000)] = 200
    """How often it is asked in command mode."""
    capacity_kg: Annotated[float, Meta(gt=0, le=MAX_KG)] = MAX_KG
    """Of the scale: more is no weight."""
    minimum_kg: Annotated[float, Meta(gt=0, le=MAX_KG)] = 400.0
    """Less is no truck. 20 divisions of a class III scale with e = 20 kg (OIML R 76)."""
    empty_kg: _Weight = 200.0
    """The platform is empty below this: the truck has left."""
    zero_kg: _Weight = 20.0
    """How far from zero the empty platform may be before a truck: one division."""
    equal_frames: Annotated[int, Meta(ge=2, le=100)] = 8
    """So many frames in a row with the same weight are a settled weight."""
    rest_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    """And they lie at least so far apart, first to last, in seconds."""
    gap_s: Annotated[float, Meta(gt=0, le=60)] = 1.0
    """Frames further apart than this are not in a row."""
    heed_zeroed: bool = True
    """No weight counts while a frame of `toledo` says that the scale was not zeroed. Some makers use the bit
    otherwise."""


BUILT_IN: Final[Mapping[str, Mapping[str, Any]]] = {
    "yaohua-kg": {"format": "yaohua", "unit": "kg"},
    "yaohua-t": {"format": "yaohua", "unit": "t"},
    "yaohua-reversed-kg": {"format": "yaohua_reversed", "unit": "kg"},
    "yaohua-forward-kg": {"format": "yaohua_forward", "unit": "kg"},
    "yaohua-a12": {"format": "yaohua_a12"},
    "yaohua-command-kg": {"format": "command", "unit": "kg"},
    "toledo": {"format": "toledo"},
    "toledo-7e1": {"format": "toledo", "parity_bit": True},
    "text": {"format": "text"},
}
"""Profiles that need no file of a city."""


class SettingsFault(ValueError):
    """Settings of a profile are wrong; `faults` names each key and what to write."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {problem}" for key, problem in faults))
        self.faults = faults


@cache
def built_in(name: str) -> ScaleSettings | None:
    """Settings of a built-in profile; None if there is none of this name."""
    return read_settings(BUILT_IN[name]) if name in BUILT_IN else None


def read_settings(settings: Mapping[str, Any]) -> ScaleSettings:
    """Check the settings of a profile. Raises SettingsFault, which names every fault."""
    faults = _faults(settings)
    if faults:
        raise SettingsFault(faults)
    return convert(dict(settings), ScaleSettings)


def _faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    fields = {info.name: info for info in structs.fields(ScaleSettings)}
    faults = [
        (str(key)[:64], f"is no setting of a scale: there are {', '.join(fields)}")
        for key in settings
        if key not in fields
    ]
    for name, info in fields.items():
        value = settings.get(name, UNSET)
        if value is UNSET:
            if info.required:
                faults.append((name, f"is missing: write {' or '.join(Format)}"))
            continue
        try:
            convert(value, info.type)
        except (ValidationError, TypeError, ValueError, OverflowError, RecursionError) as exc:
            faults.append((name, str(exc).replace("`", "'")[:200]))
    return faults or _contradictions(convert(dict(settings), ScaleSettings))


def _contradictions(settings: ScaleSettings) -> list[tuple[str, str]]:
    faults = []
    if settings.format in WITHOUT_UNIT and settings.unit is None:
        faults.append(("unit", f"is missing: frames of {settings.format} carry none; write {', '.join(Unit)}"))
    if settings.empty_kg >= settings.minimum_kg:
        faults.append(("empty_kg", f"must be below minimum_kg ({settings.minimum_kg:g})"))
    if settings.zero_kg > settings.empty_kg:
        faults.append(("zero_kg", f"must be at most empty_kg ({settings.empty_kg:g})"))
    if settings.minimum_kg >= settings.capacity_kg:
        faults.append(("minimum_kg", f"must be below capacity_kg ({settings.capacity_kg:g})"))
    return faults
