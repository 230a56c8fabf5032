"""Prepares a query as Grafana does: macros of its InfluxDB plugin, and variables in a format.

Follows `pkg/tsdb/influxdb/models/query.go` (macros are replaced as text, in this order) and the `regex` format of
template variables: one value escaped, several as `(a|b)`, and All with a custom value as that value, unescaped.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

ALL = ".*"
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds(span: str) -> int:
    """`15m` → 900000."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d)", span)
    assert found, span
    return int(found[1]) * _UNITS[found[2]]


def escaped(value: str) -> str:
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", value)


def with_variables(query: str, chosen: Mapping[str, str | Sequence[str]]) -> str:
    """The query with `${name:regex}` filled in; any other variable in it is an error."""

    def fill(found: re.Match[str]) -> str:
        value = chosen[found[1]]
        if value == ALL:
            return ALL
        values = [value] if isinstance(value, str) else list(value)
        return escaped(values[0]) if len(values) == 1 else f"({'|'.join(map(escaped, values))})"

    return re.sub(r"\$\{(\w+):regex\}", fill, query)


def with_macros(query: str, *, start: int, end: int, interval_ms: int) -> str:
    query = query.replace("$timeFilter", f"time >= {start}ms and time <= {end}ms")
    query = query.replace("$__interval_ms", str(interval_ms)).replace("$__interval", f"{interval_ms}ms")
    assert "$" not in query.replace("$/", ""), query
    return query


def span_of(panel: Mapping[str, Any], board: Mapping[str, Any], now: int) -> tuple[int, int]:
    """The time span of the panel at `now`, with the board's default time range."""
    time_from = panel.get("timeFrom")
    if time_from == "now/d":
        return now - now % _UNITS["d"], now
    return now - milliseconds(time_from or board["time"]["from"].removeprefix("now-")), now


def interval_of(panel: Mapping[str, Any], start: int, end: int) -> int:
    """About one point per pixel, or as many as the panel asks for, but at least the panel's shortest interval."""
    points = panel.get("maxDataPoints") or 1_000
    return max((end - start) // points // 1_000 * 1_000, milliseconds(panel.get("interval") or "1s"))
