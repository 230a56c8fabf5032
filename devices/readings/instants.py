"""Times and spans as people and programs write them: in a query of the API, as an option of a command."""

import re
import time
from datetime import datetime
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

_UNITS_MS: Final = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_MILLISECONDS = re.compile(r"[0-9]{1,15}")
_SPAN = re.compile(r"([0-9]{1,5})([smhd])")
_MAX_SPAN_MS: Final = 7 * DAY_MS


def now_ms() -> int:
    """The wall clock, ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def parse_instant(value: object) -> int:
    """Milliseconds since 1970 UTC, from the same integer or from RFC 3339. Raises ValueError with the expected form."""
    text = str(value).strip()
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    if "T" in text:
        text = text.replace(" ", "+")  # a `+08:00` that was not percent-encoded
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise ValueError("give milliseconds since 1970 UTC or RFC 3339 with an offset, such as 2026-03-01T08:00:00Z")


def parse_span(value: object) -> int:
    """Milliseconds, from `60s`, `5m`, `1h` or `1d`; 1 s to 7 days. Raises ValueError with the expected form."""
    match = _SPAN.fullmatch(str(value))
    if match is not None:
        span_ms = int(match[1]) * _UNITS_MS[match[2]]
        if SECOND_MS <= span_ms <= _MAX_SPAN_MS:
            return span_ms
    raise ValueError("give a whole number and a unit (s, m, h, d) from 1s to 7d, such as 60s, 5m or 1h")
