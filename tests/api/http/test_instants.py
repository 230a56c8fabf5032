"""Times and spans as people write them."""

import pytest

from api.http.instants import parse_span
from devices.readings.instants import parse_instant


@pytest.mark.parametrize(
    ("text", "ts"),
    [
        ("1772352000000", 1_772_352_000_000),
        ("2026-03-01T08:00:00Z", 1_772_352_000_000),
        ("2026-03-01T08:00:00.250Z", 1_772_352_000_250),
        ("2026-03-01T16:00:00+08:00", 1_772_352_000_000),
        ("2026-03-01T16:00:00 08:00", 1_772_352_000_000),  # a + that was not percent-encoded
    ],
)
def test_an_instant_is_milliseconds_or_rfc3339(text: str, ts: int) -> None:
    assert parse_instant(text) == ts


@pytest.mark.parametrize(
    "text", ["", "now", "2026-03-01T08:00:00", "2026-03-01", "-5", "1e12", "１７７２", "9" * 20, "0000-00-00T00:00:00Z"]
)
def test_anything_else_is_refused_with_the_mend(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339 with an offset"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "ms"), [("1s", 1_000), ("60s", 60_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000)]
)
def test_a_span_has_a_unit(text: str, ms: int) -> None:
    assert parse_span(text) == ms


@pytest.mark.parametrize("text", ["0s", "8d", "60", "5 m", "1.5h", "-1m", "100000s", "1h1m", "1w"])
def test_a_span_outside_the_bounds_or_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 1s to 7d"):
        parse_span(text)
