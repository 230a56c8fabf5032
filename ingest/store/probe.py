"""A proof that a store keeps what it confirms: one point is written and read back.

A server that only resembles InfluxDB (VictoriaMetrics) answers 204 to a write and 200 to a query, and returns nothing.
"""

import asyncio
import os
import random
from typing import Final, Protocol
from uuid import uuid4

from devices.readings.series import Point
from ingest.store import History, Store, StoreMisconfigured

MEASUREMENT: Final = "haulwatch_doctor"
_DEVICE: Final = "doctor"
_HOUR_MS: Final = 3_600_000
_PLACES: Final = 60
"""A process has one of the first so many milliseconds of the hour for its point: those that start together seldom
overwrite each other's, and there are few points a day, however often one is written."""
_ATTEMPTS: Final = 10
_PAUSE_S: Final = 0.3
"""InfluxDB 3 may show a confirmed point some moments later."""


class StoreForgets(StoreMisconfigured):
    """The store confirmed a write and does not give the point back: it is another kind of server."""


class ProvableStore(Store, History, Protocol):
    """A store that can be written and read."""


async def prove(store: ProvableStore, now_ms: int) -> None:
    """Write a point and read it back. Raises StoreForgets, StoreUnavailable, StoreMisconfigured, StoreRejected."""
    ts, mark = now_ms - now_ms % _HOUR_MS + os.getpid() % _PLACES, uuid4().hex
    point = Point(MEASUREMENT, (("device", _DEVICE),), {"mark": mark}, ts)
    await store.write([point])
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_PAUSE_S * (0.5 + random.random()))  # noqa: S311 - no secret
        try:
            rows = await store.rows(MEASUREMENT, _DEVICE, ts, ts + 1, limit=1)
        except (LookupError, TypeError, ValueError) as exc:
            raise StoreForgets(f"the store answers a query in a form that InfluxDB does not have: {exc!r}") from exc
        if any(row.fields.get("mark") == mark for row in rows):
            return
        if rows:  # that of a process which began in the same moment, or an older one
            await store.write([point])
    raise StoreForgets(
        "the store confirmed a point and does not give it back: it is not InfluxDB (VictoriaMetrics answers so): use "
        "InfluxDB 1.8, 2 or 3"
    )
