"""Times and spans as people and programs write them in a query."""

import re
import time
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from devices.readings.instants import parse_instant
from devices.readings.models import MAX_TS_MS, MIN_TS_MS

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

_UNITS_MS: Final = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_SPAN = re.compile(r"([0-9]{1,5})([smhd])")
_MAX_SPAN_MS: Final = 7 * DAY_MS


def now_ms() -> int:
    """The wall clock, ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def parse_span(value: object) -> int:
    """Milliseconds, from `60s`, `5m`, `1h` or `1d`; one second to seven days. Raises ValueError with the mend."""
    found = _SPAN.fullmatch(str(value))
    if found is not None:
        span = int(found[1]) * _UNITS_MS[found[2]]
        if SECOND_MS <= span <= _MAX_SPAN_MS:
            return span
    raise ValueError("give a whole number and a unit (s, m, h, d) from 1s to 7d, such as 60s, 5m or 1h")


Instant = Annotated[
    int,
    BeforeValidator(parse_instant),
    Field(ge=MIN_TS_MS, le=MAX_TS_MS),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "format": "date-time"}]}),
]
"""A query parameter."""

Span = Annotated[int, BeforeValidator(parse_span), WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,5}[smhd]$"})]
"""A query parameter."""
