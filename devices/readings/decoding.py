"""What the registry says of how the messages of a device are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

NATIVE_DIALECT: Final = "native"
"""The dialect of a device whose entry names none."""

NO_SETTINGS: Final[Mapping[str, Any]] = MappingProxyType({})


def no_settings() -> Mapping[str, Any]:
    """The default of fields that hold settings."""
    return NO_SETTINGS


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the messages of one device are read. Codecs may keep what they make of one: equal values read alike."""

    dialect: str = NATIVE_DIALECT
    profile: str = ""
    """Id of a profile of the city, or name of one that the codec has itself; empty: the default of the dialect."""
    settings: Mapping[str, Any] = field(default_factory=no_settings, hash=False)
    """Of the city's profile, checked by `devices.codecs.codec.ProfiledCodec`; empty for a profile of the codec."""
    depth_mm: float | None = None
    """Depth of a bin, from its sensor to its floor, in mm."""
    clock_correction_s: int = 0
    """What is added to every device time after decoding (`Device.clock_correction_s`)."""


UNREGISTERED: Final = Decoding()
"""How messages are read of a device that the city does not have. Their readings are refused whatever they say."""
