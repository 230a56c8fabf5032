"""What travels between the parts of the path."""

from dataclasses import dataclass
from typing import Final, NamedTuple

TICK_TOPIC: Final = "$haulwatch/tick"
"""Written by the collector while it is connected and hears nothing, so that silence can be judged, and judged
again in a replay, from the log alone. Payload: milliseconds of silence since the record before, as decimal text."""


class RawMessage(NamedTuple):
    """A message as the broker delivered it."""

    topic: str
    payload: bytes
    received_at: int
    """Collector's clock, ms since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A message at its place in the raw log."""

    offset: int
    """1 for the first message ever appended, then one more each, without gaps."""
    message: RawMessage
