"""What a network server says of one event, in one form for all servers."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

from devices.readings.refusals import Reason, refused

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Event(Enum):
    """The events that are read. Other events hold nothing that was measured."""

    UP = "up"
    JOIN = "join"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Uplink:
    """One event of one device."""

    event: Event
    device_id: str
    ts: int
    """When the server received it, ms since 1970 UTC; what is finer is cut off."""
    f_cnt: int | None = None
    """Frame counter; 0 in the first frame after a join."""
    f_port: int = 0
    payload: bytes = b""
    """FRMPayload, decrypted."""
    decoded: Mapping[str, Any] | None = None
    """What a decoder on the server made of the payload, as it lies in the message; None where there is none."""
    rssi_dbm: float | None = None
    """At the gateway that heard it best."""
    battery_pct: float | None = None
    """Of the server's own status event; None where it is unknown, or power comes from outside."""


def from_base64(field: str, text: str | None) -> bytes:
    """Raises DecodeError."""
    try:
        return b64decode(text or "", validate=True)
    except ValueError as exc:
        raise refused(Reason.WRONG_TYPE, field, f"is not Base64: {exc}") from exc


def instant_ms(field: str, text: str | None) -> int:
    """Milliseconds since 1970 UTC of a time in RFC 3339, with any number of decimals. Raises DecodeError."""
    if not text:
        raise refused(Reason.MISSING_FIELD, field, "is missing, should be a time such as 2026-03-01T08:00:00Z")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        pass
    raise refused(
        Reason.WRONG_TYPE, field, f"should be a time with an offset, such as 2026-03-01T08:00:00Z (found {text!r:.60})"
    )
