"""The feed of emptyings: from the judge's file to the time-series store, for boards and API.

Every row can be written again, so the feed moves its position after the write and a crash loses nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from devices.city.model import City
from devices.readings.series import EMPTYING_MEASUREMENT, Point, area_tags
from ingest.alerts.cursors import CursorsUnavailable
from ingest.boards.feed import PointStore
from ingest.judge.emptyings import EmptyingRow, EmptyingRows
from ingest.process.pause import pause
from ingest.store import StoreRejected, StoreUnavailable

EVERY_S: Final = 5.0
"""The judge writes checkpoints up to five minutes apart: sooner means little."""
_ROWS_PER_READ: Final = 500
_SINK: Final = "board: emptyings"

_log = logging.getLogger(__name__)


class Cursors(Protocol):
    """Keeps how far the feed is. Raises CursorsUnavailable."""

    def get(self, sink: str, /) -> int | None: ...

    def set(self, sink: str, sequence: int, /) -> None: ...


class EmptyingFeed:
    """Writes what has changed since the last time."""

    def __init__(
        self,
        store: PointStore,
        city: Callable[[], City],
        read: Callable[[str, int, int], EmptyingRows],
        cursors: Cursors,
    ) -> None:
        """`read`: `ingest.judge.emptyings.read_emptyings` of the judge's file."""
        self._store, self._city, self._read, self._cursors = store, city, read, cursors
        self._file_id = ""

    async def write(self) -> None:
        """Write all that changed. Raises StoreUnavailable, CursorsUnavailable."""
        while True:
            sink = f"{_SINK} {self._file_id}"
            after = self._cursors.get(sink) or 0
            found = await asyncio.to_thread(self._read, self._file_id, after, _ROWS_PER_READ)
            if found.file_id and found.file_id != self._file_id:
                self._file_id = found.file_id
                continue
            if not found.rows:
                return
            await self._write(found.rows)
            self._cursors.set(sink, found.rows[-1].no)

    async def _write(self, rows: Iterable[EmptyingRow]) -> None:
        try:
            await self._store.write(list(emptying_points(rows, self._city())))
        except StoreRejected as exc:
            _log.error("emptyings: the store rejected %d points, skipped: %s", len(exc.rejected), exc)

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set. What is unavailable is asked again the next time; logged once an outage."""
        available = True
        while not stop.is_set():
            try:
                await self.write()
            except (StoreUnavailable, CursorsUnavailable) as exc:
                if available:
                    _log.warning("emptyings: boards show no new ones for now, trying again: %s", exc)
                available = False
                await pause(stop, max(EVERY_S, getattr(exc, "retry_after", None) or 0.0))
            else:
                available = True
                await pause(stop, EVERY_S)


def emptying_points(rows: Iterable[EmptyingRow], city: City) -> Iterator[Point]:
    """One point each, at the first reading after it. The area tags are those of the device now."""
    for row in rows:
        device, emptying = city.devices.get(row.device_id), row.emptying
        tags = {"compartment": emptying.compartment, "device": row.device_id}
        if device is not None:
            tags |= area_tags(device)
        fields = {
            "after": emptying.after,
            "from_pct": emptying.from_pct,
            "to_pct": emptying.to_pct,
            "fell_points": round(emptying.from_pct - emptying.to_pct, 1),
            "counted": int(not row.withdrawn),
        }
        yield Point(EMPTYING_MEASUREMENT, tuple(sorted(tags.items())), fields, emptying.ts)
