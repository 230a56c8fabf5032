"""Keeps the boards told of what is not a reading: how ingestion fares, where alerts and places stand.

Lives beside the API, which has all of it at hand. What it writes can be written again, so it keeps its place in the
journal after the write and a crash costs nothing; while the store is away it waits, and nobody waits for it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.readings.series import Point, area_tags
from ingest.alerts.publisher import CursorsUnavailable, PublisherCursors
from ingest.boards.points import DAY_MS, IngestionStatus, alert_state_points, health_points, place_points
from ingest.ledger.state_file import StateUnavailable
from ingest.log.segment import RawLogError
from ingest.process.pause import pause
from ingest.store import StoreRejected, StoreUnavailable
from rules.alerts.actions import AlertView, JournalPosition

EVERY_S: Final = 2.0
"""How soon a board shows what a person did about an alert."""
HEALTH_EVERY_S: Final = 15.0
_ALERTS: Final = 200
_CHANGES, _ACTIONS = "board: changes", "board: actions"

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """What the feed needs of the alert journal. Raises DatabaseError."""

    def touched_after(self, place: JournalPosition, limit: int) -> tuple[list[AlertView], JournalPosition]: ...


class Store(Protocol):
    """Where points go. Raises StoreUnavailable, StoreRejected."""

    async def write(self, points: Sequence[Point]) -> None: ...


class BoardFeed:
    """Writes what has changed since the last time. `look` raises StateUnavailable, RawLogError, OSError."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        city: Callable[[], City],
        look: Callable[[], IngestionStatus],
        cursors: PublisherCursors,
    ) -> None:
        self._store, self._journal, self._city, self._look, self._cursors = store, journal, city, look, cursors
        self._placed: tuple[int, int] | None = None

    async def tell_health(self) -> None:
        """How ingestion fares now; where things stand, once a day and when the city changes."""
        look = await asyncio.to_thread(self._look)
        await self._write(list(health_points(look)))
        await self._write_places(look.at)

    async def tell_alerts(self) -> None:
        """Alerts that were touched since the last time."""
        while await self._write_alerts():
            pass

    async def _write_places(self, at: int) -> None:
        city = self._city()
        written = (city.revision, at // DAY_MS)
        if written != self._placed:
            await self._write(list(place_points(city, at)))
            self._placed = written

    async def _write_alerts(self) -> bool:
        """True while there may be more."""
        place = JournalPosition(self._cursors.get(_CHANGES), self._cursors.get(_ACTIONS))
        alerts, after = await asyncio.to_thread(self._journal.touched_after, place, _ALERTS)
        if after == place:
            return False
        await self._write(list(alert_state_points(alerts, self._area)))
        self._cursors.set(_CHANGES, after.change)
        self._cursors.set(_ACTIONS, after.action)
        return True

    def _area(self, alert: AlertView) -> Mapping[str, str]:
        """Where its device belonged when the alert was told first: in another area it would be another row."""
        device = self._city().devices.get(alert.subject)
        said = json.dumps(area_tags(device) if device is not None else {})
        area: dict[str, str] = json.loads(self._cursors.first(alert.alert_id, said))
        return area

    async def _write(self, points: Sequence[Point]) -> None:
        try:
            await self._store.write(points)
        except StoreRejected as exc:
            _log.error("the store will never take %d points for the boards: %s", len(exc.rejected), exc)

    async def run(self, stop: asyncio.Event) -> None:
        """Tell until told to stop; what is away is asked again the next time."""
        away, health_at = False, 0.0
        while not stop.is_set():
            try:
                await self.tell_alerts()
                if time.monotonic() >= health_at:
                    await self.tell_health()
                    health_at = time.monotonic() + HEALTH_EVERY_S
            except (StoreUnavailable, DatabaseError, CursorsUnavailable, StateUnavailable, RawLogError, OSError) as exc:
                if not away:
                    _log.warning("the boards are not told of health and alerts for now: %s", exc)
                away = True
                # As long as the store asks for, it is left alone.
                await pause(stop, max(EVERY_S, getattr(exc, "retry_after", None) or 0.0))
            else:
                away = False
                await pause(stop, EVERY_S)


def open_cursors(data_dir: Path) -> PublisherCursors:
    """Where the feed keeps its place in the journal. Raises CursorsUnavailable."""
    return PublisherCursors(data_dir / "boards.db")
