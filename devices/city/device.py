"""A device, and the profile by which its messages are read. Values only; `devices.city.model.City` holds them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from devices.city.sites import ALWAYS, Validity
from devices.geo.geometry import Datum
from devices.readings.decoding import NATIVE_DIALECT, NO_SETTINGS, Decoding, no_settings
from devices.readings.models import Kind

MAX_CLOCK_CORRECTION_S: Final = 631_152_000
"""20 years: a receiver that took no care of the GPS week rollover is 1,024 weeks behind, 19.6 years."""


class DeviceRole(StrEnum):
    """Kind of object that a device is mounted on. Decides which kinds of readings count and pass the broker."""

    TRUCK = "truck"
    WEIGHBRIDGE = "weighbridge"
    RECYCLING_POINT = "recycling_point"
    STATION_LINE = "station_line"


KINDS_OF_ROLE: Final[Mapping[str, tuple[Kind, ...]]] = {
    DeviceRole.TRUCK: (Kind.POSITION, Kind.STATUS),
    DeviceRole.WEIGHBRIDGE: (Kind.WEIGHING, Kind.STATUS),
    DeviceRole.RECYCLING_POINT: (Kind.FILL, Kind.STATUS),
    DeviceRole.STATION_LINE: (Kind.THROUGHPUT, Kind.STATUS),
}
"""Kinds of readings of a device of each role; admission refuses all others, and the broker lets none pass."""


@dataclass(frozen=True, slots=True)
class Device:
    """A terminal that reports readings."""

    id: str
    role: DeviceRole
    name: str = ""
    vehicle_id: str | None = None
    site_id: str | None = None
    fleet: str | None = None
    district: str | None = None
    report_interval_s: int = 60
    """Seconds between two reports when nothing happens; silence is measured in multiples of it."""
    validity: Validity = ALWAYS
    datum: Datum = Datum.WGS84
    """Datum of the positions it sends. They are stored as sent; judgement and API convert them."""
    clock_correction_s: int = 0
    """Added to every device time that it sends, before admission (`ingest.admission.at_corrected_time`)."""
    overflow_at_pct: float | None = None
    """Level at which the compartments of a recycling point are full; None: as `bin_overflow` has it."""
    model: str = ""
    verification: str = ""
    """Number of the certificate of its last metrological verification 检定."""
    verified_until_ms: int | None = None
    """When that expires."""
    dialect: str = NATIVE_DIALECT
    """Dialect that it speaks; its messages in another one are refused."""
    profile: str = ""
    """Profile by which its messages are read: of the city, or of the codec; empty: the default of the dialect."""
    depth_mm: float | None = None
    """Depth of a bin from its sensor to its floor, mm."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a model of terminal states its values, in one dialect. It has no versions (`City.profiles`)."""

    id: str
    dialect: str
    settings: Mapping[str, Any] = field(default_factory=no_settings)
    """As the codec of the dialect has them (`devices.codecs.codec.ProfiledCodec`): plain JSON."""


def decodings_of(devices: Iterable[Device], profiles: Mapping[str, Profile]) -> dict[str, Decoding]:
    """How messages are read, by id of the devices that do not speak the native dialect."""
    return {
        device.id: _decoding(device, profiles.get(device.profile))
        for device in devices
        if device.dialect != NATIVE_DIALECT
    }


def _decoding(device: Device, profile: Profile | None) -> Decoding:
    is_own = profile is not None and profile.dialect == device.dialect
    settings = profile.settings if profile is not None and is_own else NO_SETTINGS
    return Decoding(device.dialect, device.profile, settings, device.depth_mm, device.clock_correction_s)
