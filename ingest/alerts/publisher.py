"""Alert changes go out: over MQTT, and as a series for the boards. Each outlet follows the journal at its own pace.

An outlet has its own cursor, kept on disk after each delivery, and tries for ever; neither waits for the other nor for
the judge. A crash delivers some changes again: they carry the same key (alert id, phase, revision).
"""

import asyncio
import logging
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.readings.series import ALERT_MEASUREMENT, FieldValue, Point, area_tags
from ingest.process.pause import pause
from ingest.store import Store, StoreRejected, StoreUnavailable
from rules.alerts.actions import JournalEntry
from rules.alerts.model import AlertChange

BATCH: Final = 100
_POLL_S: Final = 0.25
_LONGEST_BACK_OFF_S: Final = 30.0

_log = logging.getLogger(__name__)


class SinkUnavailable(Exception):
    """Nothing is lost: the same changes are delivered again after a while."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class AlertSink(Protocol):
    """Where changes go."""

    async def deliver(self, entries: Sequence[JournalEntry]) -> None:
        """Return when the other side has taken every one. Raises OutletUnavailable."""


class Journal(Protocol):
    """What an announcer needs of the alert journal. Synchronous; raises DatabaseError."""

    def changes_after(self, sequence: int, limit: int) -> list[JournalEntry]: ...


class CursorsUnavailable(Exception):
    """The cursor file cannot be read or written now."""


class PublisherCursors:
    """How far each outlet has come: a small SQLite file. Raises CursorsUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS cursor (outlet TEXT PRIMARY KEY, no INTEGER NOT NULL)")
            self._db.execute("CREATE TABLE IF NOT EXISTS said (of TEXT PRIMARY KEY, first TEXT NOT NULL) WITHOUT ROWID")

    def get(self, outlet: str) -> int:
        with self._translated():
            row = self._db.execute("SELECT no FROM cursor WHERE outlet = ?", (outlet,)).fetchone()
        return int(row[0]) if row else 0

    def set(self, outlet: str, no: int) -> None:
        with self._translated():
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (outlet, no))

    def first(self, of: str, said: str) -> str:
        """What was said of it the first time; from then on it stands."""
        with self._translated():
            self._db.execute("INSERT OR IGNORE INTO said VALUES (?, ?)", (of, said))
            return str(self._db.execute("SELECT first FROM said WHERE of = ?", (of,)).fetchone()[0])

    def close(self) -> None:
        with self._translated():
            self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as exc:
            raise CursorsUnavailable(f"{self._path}: {exc}") from exc


class StoreSink:
    """Alert changes as points of the `alert` measurement."""

    def __init__(self, store: Store, city: Callable[[], City]) -> None:
        self._store, self._city = store, city
        self.rejected = 0
        """Points the store will never take; their changes stay in the journal."""

    async def deliver(self, entries: Sequence[JournalEntry]) -> None:
        """See Outlet."""
        try:
            await self._store.write(alert_points([entry.change for entry in entries], self._city()))
        except StoreUnavailable as exc:
            raise SinkUnavailable(str(exc), exc.retry_after) from exc
        except StoreRejected as exc:
            self.rejected += len(exc.rejected)
            _log.error("the store will never take %d alert points: %s", len(exc.rejected), exc)


def alert_points(changes: Sequence[AlertChange], city: City) -> list[Point]:
    """One point each, at the change's device time. One that would fall on another of its series is moved on by 1 ms."""
    points: list[Point] = []
    taken: set[tuple[tuple[tuple[str, str], ...], int]] = set()
    for change in changes:
        tags, ts = _tags(change, city), change.at
        while (tags, ts) in taken:
            ts += 1
        taken.add((tags, ts))
        points.append(Point(ALERT_MEASUREMENT, tags, _fields(change), ts))
    return points


def _tags(change: AlertChange, city: City) -> tuple[tuple[str, str], ...]:
    """Two alerts at one instant are two rows: they differ in device, rule, phase or compartment."""
    tags = {
        "device": change.subject,
        "phase": str(change.phase),
        "rule": change.rule,
        "severity": str(change.severity),
    }
    device = city.devices.get(change.subject)
    if device is not None:
        tags |= area_tags(device)
    compartment = change.evidence.measures.get("compartment")
    if isinstance(compartment, str):
        tags["compartment"] = compartment
    return tuple(sorted(tags.items()))


def _fields(change: AlertChange) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {
        "alert_id": change.alert_id,
        "revision": change.revision,
        "opened_at": change.opened_at,
        "title": change.title.en,
        "title_zh": change.title.zh,
    }
    if change.lat is not None and change.lon is not None:
        fields |= {"lat": change.lat, "lon": change.lon}
    return fields


class AlertPublisher:
    """Takes the journal's changes to one outlet, in order, from where it left off."""

    def __init__(self, name: str, outlet: AlertSink, journal: Journal, cursors: PublisherCursors) -> None:
        self.name = name
        self.failures = 0
        self._outlet, self._journal, self._cursors = outlet, journal, cursors

    async def step(self) -> int:
        """Deliver the next changes; how many. Raises OutletUnavailable, DatabaseError, CursorsUnavailable."""
        cursor = self._cursors.get(self.name)
        entries = await asyncio.to_thread(self._journal.changes_after, cursor, BATCH)
        if entries:
            await self._outlet.deliver(entries)
            self._cursors.set(self.name, entries[-1].sequence)
        return len(entries)

    async def run(self, stop: asyncio.Event, jitter: Callable[[float, float], float] = random.uniform) -> None:
        """Deliver until `stop` is set. What is down is tried again, for ever, with a capped, jittered back-off."""
        while not stop.is_set():
            try:
                delivered = await self.step()
            except (SinkUnavailable, DatabaseError, CursorsUnavailable) as exc:
                self.failures += 1
                asked_s = exc.retry_after if isinstance(exc, SinkUnavailable) else None
                longest_s = min(_LONGEST_BACK_OFF_S, 0.5 * 2 ** min(self.failures, 10))
                pause_s = asked_s if asked_s is not None else longest_s * jitter(0.5, 1.0)
                _log.warning("alerts to %s wait %.1f s: %s", self.name, pause_s, exc)
                await pause(stop, pause_s)
                continue
            self.failures = 0
            if not delivered:
                await pause(stop, _POLL_S)
