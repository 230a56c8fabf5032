"""Query parameters for times and spans."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from devices.readings.instants import parse_instant, parse_span
from devices.readings.models import MAX_TS_MS, MIN_TS_MS

Instant = Annotated[
    int,
    BeforeValidator(parse_instant),
    Field(ge=MIN_TS_MS, le=MAX_TS_MS),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "format": "date-time"}]}),
]
"""Milliseconds since 1970 UTC."""

Span = Annotated[int, BeforeValidator(parse_span), WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,5}[smhd]$"})]
"""Milliseconds."""
