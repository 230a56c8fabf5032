"""Ids that travel in topics, tags and broker logins."""

from enum import StrEnum
from typing import Final

DEVICE_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""Letters, digits, `_ . -`, at most 64: safe in an MQTT topic level, a line-protocol tag and a file name."""

RESERVED_IDS: Final = frozenset({"alerts"})
"""Third topic levels that are not devices (`haulwatch/v1/alerts/…`)."""


class Service(StrEnum):
    """User names at the broker that belong to Haulwatch's own processes and to network servers, not to devices."""

    COLLECTOR = "haulwatch-collector"
    ALERTS = "haulwatch-alerts"
    COMMANDER = "haulwatch-commander"
    GATEWAY = "haulwatch-gateway"
    """Publishes what devices send that do not speak MQTT."""
    CHIRPSTACK = "haulwatch-chirpstack"
    """Of a ChirpStack server that publishes here itself."""
    TTN = "haulwatch-ttn"
    """Of a bridge from The Things Stack."""
    PROBE = "haulwatch-probe"
    """Checks that the broker answers; may neither publish nor read."""
    WHOLE = "haulwatch"
    """Has the rights of all others; for `haulwatch run`, whose processes share one login."""


MANIFESTS: Final = "manifests"
"""Stands for the device id in what people did with manifests (`devices.readings.models.ManifestAction`)."""

UNREGISTRABLE_IDS: Final = RESERVED_IDS | frozenset(map(str, Service)) | {MANIFESTS}
"""Ids that no device may be registered under."""
