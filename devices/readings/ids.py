"""Names of things that travel in topics and tags."""

from typing import Final

DEVICE_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""Letters, digits, `_ . -`, at most 64: safe in an MQTT topic level, a line-protocol tag and a file name."""

RESERVED_IDS: Final = frozenset({"alerts"})
"""Second topic levels that are not devices (`haulwatch/v1/alerts/…`)."""
