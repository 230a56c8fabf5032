"""The board feed: writes the state of ingestion, of alerts, of suspected sites and of places to the time-series store.

It runs beside the API, which holds all of this. Every row can be written again, so the feed moves its position in the
journal after the write and a crash loses nothing. While the store is away the feed waits, and nothing waits for it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.readings.instants import now_ms
from devices.readings.series import FieldValue, Point, area_tags
from ingest.alerts.cursors import CursorsUnavailable, PublisherCursors
from ingest.alerts.subjects import SubjectFields
from ingest.boards.points import (
    DAY_MS,
    IngestionStatus,
    alert_state_points,
    health_points,
    over_limit_points,
    place_points,
    suspected_site_points,
)
from ingest.boards.shelving import Shelving
from ingest.ledger.state_file import StateUnavailable
from ingest.log.errors import RawLogError
from ingest.process.pause import pause
from ingest.store import StoreRejected, StoreUnavailable
from rules.alerts.actions import AlertView, JournalPosition
from rules.alerts.shelves import Shelf
from rules.suspected_sites.model import Proposal

EVERY_S: Final = 2.0
"""A board shows an action of a person after at most this time."""
HEALTH_EVERY_S: Final = 15.0
_ALERTS_PER_READ: Final = 200
_CHANGES_CURSOR, _ACTIONS_CURSOR = "board: changes", "board: actions"

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """The part of the alert journal that the feed uses. Raises DatabaseError."""

    def touched_after(self, position: JournalPosition, limit: int, /) -> tuple[list[AlertView], JournalPosition]: ...


class PointStore(Protocol):
    """Takes points. Raises StoreUnavailable, StoreRejected."""

    async def write(self, points: Sequence[Point]) -> None: ...


class Cursors(Protocol):
    """Keeps how far the feed is, and the first value of each key. Raises CursorsUnavailable."""

    def get(self, sink: str, /) -> int | None: ...

    def set(self, sink: str, sequence: int, /) -> None: ...

    def first_value(self, key: str, value: str, /) -> str: ...


class BoardFeed:
    """Writes what has changed since the last time.

    `status` raises StateUnavailable, RawLogError, OSError; `sites` DatabaseError.
    """

    def __init__(
        self,
        store: PointStore,
        journal: Journal,
        city: Callable[[], City],
        status: Callable[[], IngestionStatus],
        cursors: Cursors,
        sites: Callable[[], Sequence[Proposal]],
        shelving: Shelving,
    ) -> None:
        self._store, self._journal, self._city, self._status, self._cursors = store, journal, city, status, cursors
        self._sites, self._shelving = sites, shelving
        self._sites_written: Sequence[Proposal] = ()
        self._subjects = SubjectFields()
        self._places_written: tuple[int, int] | None = None
        """Revision of the city and day (since 1970) of the places in the store."""

    async def write_health(self) -> None:
        """Write the state of ingestion; places once a day and when the city changes; suspected sites as they change."""
        status = await asyncio.to_thread(self._status)
        await self._write([*health_points(status), *over_limit_points(status, self._describe)])
        await self.write_places(status.at)
        await self.write_sites()

    async def write_alerts(self) -> None:
        """Write the alerts that judgement or a person changed since the last time, or that a shelf covers, or no longer
        does.
        """
        standing = await asyncio.to_thread(self._shelving.standing)
        while await self._write_next_alerts(standing):
            pass
        pages = self._shelving.marked_otherwise(standing)
        while (alerts := await asyncio.to_thread(_next_page, pages)) is not None:
            await self._write_states(alerts, standing)
        self._shelving.note_shown(standing)

    async def write_places(self, at: int) -> None:
        """Write the places, unless those of this day, at `at` in ms, and of this revision of the city are written."""
        city = self._city()
        due = (city.revision, at // DAY_MS)
        if due != self._places_written:
            await self._write(list(place_points(city, at)))
            self._places_written = due

    async def write_sites(self) -> None:
        """Write the suspected sites, if one changed since the last time."""
        sites = await asyncio.to_thread(self._sites)
        if sites != self._sites_written:
            await self._write(list(suspected_site_points(sites)))
            self._sites_written = sites

    async def _write_next_alerts(self, standing: Sequence[Shelf]) -> bool:
        """True while there may be more."""
        before = JournalPosition(self._cursors.get(_CHANGES_CURSOR) or 0, self._cursors.get(_ACTIONS_CURSOR) or 0)
        alerts, after = await asyncio.to_thread(self._journal.touched_after, before, _ALERTS_PER_READ)
        if after == before:
            return False
        await self._write_states(alerts, standing)
        self._cursors.set(_CHANGES_CURSOR, after.change)
        self._cursors.set(_ACTIONS_CURSOR, after.action)
        return True

    async def _write_states(self, alerts: Sequence[AlertView], standing: Sequence[Shelf]) -> None:
        marked = self._shelving.mark(alerts, standing)
        await self._write(list(alert_state_points(marked, self._area, self._describe)))

    def _area(self, alert: AlertView) -> Mapping[str, str]:
        """The area tags of its device when the alert was written first: other tags would make another row."""
        device = self._city().devices.get(alert.subject)
        tags_now = json.dumps(area_tags(device) if device is not None else {})
        tags: dict[str, str] = json.loads(self._cursors.first_value(alert.alert_id, tags_now))
        return tags

    def _describe(self, subject: str) -> Mapping[str, FieldValue]:
        return self._subjects.of(subject, self._city(), now_ms())

    async def _write(self, points: Sequence[Point]) -> None:
        try:
            await self._store.write(points)
        except StoreRejected as exc:
            _log.error("board feed: the store rejected %d points, skipped: %s", len(exc.rejected), exc)

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set. Whatever is unavailable is asked again the next time; logged once an outage."""
        available, health_due_at = True, 0.0
        while not stop.is_set():
            try:
                await self.write_alerts()
                if time.monotonic() >= health_due_at:
                    await self.write_health()
                    health_due_at = time.monotonic() + HEALTH_EVERY_S
            except (StoreUnavailable, DatabaseError, CursorsUnavailable, StateUnavailable, RawLogError, OSError) as exc:
                if available:
                    _log.warning("board feed: boards show no new health and alerts for now, trying again: %s", exc)
                available = False
                # The store is left alone for as long as it asks for.
                await pause(stop, max(EVERY_S, getattr(exc, "retry_after", None) or 0.0))
            else:
                available = True
                await pause(stop, EVERY_S)


def _next_page(pages: Iterator[list[AlertView]]) -> list[AlertView] | None:
    return next(pages, None)


def open_cursors(data_dir: Path) -> PublisherCursors:
    """The feed's positions in the journal. Raises CursorsUnavailable."""
    return PublisherCursors(data_dir / "boards.db")
