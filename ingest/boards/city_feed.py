"""The feed of the boards about the city's ledger: loads by day, manifests, indicators, from the database to the store.

Every row can be written again, so the feed moves its position after the write and a crash loses nothing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.readings.series import Point, area_tags
from ingest.alerts.cursors import CursorsUnavailable
from ingest.boards.city_points import indicator_points, load_points, manifest_point
from ingest.boards.feed import Cursors, PointStore
from ingest.ledger.state_file import StateUnavailable
from ingest.log.errors import RawLogError
from ingest.process.pause import pause
from ingest.store import StoreRejected, StoreUnavailable
from rules.indicators.board_rows import ChangedLoads, ManifestRow
from rules.indicators.model import IndicatorReport

EVERY_S: Final = 15.0
INDICATORS_EVERY_S: Final = 3_600.0
"""They are sums over a month."""
COMMITTED_WITHIN_MS: Final = 60_000
"""A manifest is written at most so long before others see it: several judges may write at once."""
_CHANGES_PER_READ: Final = 1_000
_MANIFESTS_PER_READ: Final = 500
_LOADS_CURSOR, _MANIFESTS_CURSOR = "board: loads", "board: manifests"

_log = logging.getLogger(__name__)


class Rows(Protocol):
    """`rules.indicators.board_rows.BoardRows`. Synchronous; raises DatabaseError."""

    def changed_loads(self, after: int, limit: int, city: City, /) -> ChangedLoads: ...

    def changed_manifests(self, after: tuple[int, str], limit: int, /) -> list[ManifestRow]: ...


class CityFeed:
    """Writes what has changed since the last time.

    `report`: the indicators over the last days; raises DatabaseError, StateUnavailable, RawLogError, OSError.
    """

    def __init__(
        self,
        store: PointStore,
        rows: Rows,
        city: Callable[[], City],
        report: Callable[[], IndicatorReport],
        cursors: Cursors,
        now: Callable[[], int],
    ) -> None:
        """`now`: the wall clock, ms."""
        self._store, self._rows, self._city, self._report = store, rows, city, report
        self._cursors, self._now = cursors, now

    async def write_loads(self) -> None:
        """Write the days whose weighing sessions changed."""
        while True:
            after = self._cursors.get(_LOADS_CURSOR) or 0
            found = await asyncio.to_thread(self._rows.changed_loads, after, _CHANGES_PER_READ, self._city())
            if found.last == after:
                return
            await self._write(list(load_points(found.rows, self._city())))
            self._cursors.set(_LOADS_CURSOR, found.last)

    async def write_manifests(self) -> None:
        """Write the manifests that changed, and those of the last minute again."""
        begun_at = self._now()
        position = (self._cursors.get(_MANIFESTS_CURSOR) or 0, "")
        while rows := await asyncio.to_thread(self._rows.changed_manifests, position, _MANIFESTS_PER_READ):
            await self._write([self._point(row) for row in rows])
            position = rows[-1].recorded_at, rows[-1].number
            self._move(min(position[0], begun_at - COMMITTED_WITHIN_MS))
        self._move(begun_at - COMMITTED_WITHIN_MS)

    async def write_indicators(self) -> None:
        await self._write(list(indicator_points(await asyncio.to_thread(self._report))))

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set. What is unavailable is asked again the next time; logged once an outage."""
        available, indicators_due_at = True, 0.0
        while not stop.is_set():
            try:
                await self.write_loads()
                await self.write_manifests()
                if time.monotonic() >= indicators_due_at:
                    await self.write_indicators()
                    indicators_due_at = time.monotonic() + INDICATORS_EVERY_S
            except (StoreUnavailable, DatabaseError, CursorsUnavailable, StateUnavailable, RawLogError, OSError) as exc:
                if available:
                    _log.warning("city feed: boards show no new loads and manifests for now, trying again: %s", exc)
                available = False
                await pause(stop, max(EVERY_S, getattr(exc, "retry_after", None) or 0.0))
            else:
                available = True
                await pause(stop, EVERY_S)

    def _move(self, recorded_at: int) -> None:
        if recorded_at > (self._cursors.get(_MANIFESTS_CURSOR) or 0):
            self._cursors.set(_MANIFESTS_CURSOR, recorded_at)

    def _point(self, row: ManifestRow) -> Point:
        """With the area tags that its truck had when it was written first: other tags would make another row."""
        city = self._city()
        device = city.devices.get(row.device_id)
        tags_now = json.dumps(area_tags(device) if device is not None else {})
        tags: dict[str, str] = json.loads(self._cursors.first_value(f"manifest {row.number}", tags_now))
        return manifest_point(row, city, tags)

    async def _write(self, points: Sequence[Point]) -> None:
        if not points:
            return
        try:
            await self._store.write(points)
        except StoreRejected as exc:
            _log.error("city feed: the store rejected %d points, skipped: %s", len(exc.rejected), exc)
