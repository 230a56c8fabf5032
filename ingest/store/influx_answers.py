"""Sorts InfluxDB's HTTP answers by this table:

| answer | meaning |
| --- | --- |
| 204 to a write, any 2xx to a query | done: what was written is durable |
| 413 | too large: write its two halves |
| 400, 422 with InfluxDB's own JSON error | some line is poison: halve until it is alone, the others are written |
| 401, 403, 404, any other 2xx, 3xx or 4xx, a 400 from another server | StoreMisconfigured: keep everything |
| 408, 429, 5xx, no answer | StoreUnavailable: keep everything; Retry-After in seconds is passed on |

InfluxDB 1.x answers 400 "partial write … dropped=n" after writing the good points; halving writes those again, which
changes nothing. Of points that are older than the retention it drops the oldest n, so that these need no halving.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final

from pydantic_core import from_json

from ingest.store import StoreMisconfigured

_DROPPED_OLDEST: Final = re.compile(rb'partial write: points beyond retention policy dropped=(\d+)\\?"')


class InfluxAnswer(Enum):
    """The action that an answer requires."""

    DONE = auto()
    SPLIT = auto()
    POISON = auto()
    MISCONFIGURED = auto()
    RETRY = auto()


def sort_answer(status: int, body: bytes) -> InfluxAnswer:
    """Sort an HTTP answer by the table above."""
    match status:
        case 413:
            return InfluxAnswer.SPLIT
        case 400 | 422:
            return InfluxAnswer.POISON if _is_influx_error(body) else InfluxAnswer.MISCONFIGURED
        case 408 | 429:
            return InfluxAnswer.RETRY
        case _ if 200 <= status < 300:
            return InfluxAnswer.DONE
        case _ if 300 <= status < 500:
            return InfluxAnswer.MISCONFIGURED
        case _:
            return InfluxAnswer.RETRY


def dropped_oldest(body: bytes) -> int:
    """How many of the oldest points were dropped because the retention is over, the others being written; else 0."""
    found = _DROPPED_OLDEST.search(body)
    return int(found[1]) if found is not None else 0


def retry_after_s(header: str | None) -> float | None:
    """Retry-After in whole seconds. No InfluxDB uses the form of a date."""
    return float(header) if header is not None and header.isdecimal() else None


def shown(body: bytes | None) -> str:
    return (body or b"").decode(errors="replace").strip()[:300]


def first_result(body: bytes) -> Mapping[str, Any]:
    """The result of a query's one statement. Raises StoreMisconfigured: another server answers at this address."""
    try:
        return dict(from_json(body)["results"][0])
    except (ValueError, LookupError, TypeError) as exc:
        raise StoreMisconfigured(f"not an answer of InfluxDB, check the URL: {shown(body)}") from exc


def _is_influx_error(body: bytes) -> bool:
    """InfluxDB names its error in JSON. A proxy's page with status 400 says nothing about our points."""
    try:
        answer = from_json(body)
    except ValueError:
        return False
    return isinstance(answer, dict) and bool({"error", "message"} & answer.keys())
