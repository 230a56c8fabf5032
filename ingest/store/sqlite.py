"""The embedded store: one SQLite file with InfluxDB's data model (series and their points) and the same answers.

Fields are JSON, so that a new field needs no migration. Other processes may read while the recorder writes (WAL).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

from pydantic_core import from_json, to_json

from devices.readings.models import Kind
from devices.readings.series import PART_TAG, FieldValue, Point, SeriesKey
from ingest.process.sqlite_file import open_sqlite, transaction
from ingest.store import Bounds, Instant, Row, StoreMisconfigured, StoreUnavailable, page
from ingest.store.line_protocol import decode_line

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY,
    measurement TEXT NOT NULL,
    tags TEXT NOT NULL,    -- JSON, in tag-key order
    device TEXT NOT NULL,
    part TEXT NOT NULL,
    UNIQUE (measurement, tags)
);
CREATE INDEX IF NOT EXISTS series_of_device ON series (measurement, device, part);
CREATE TABLE IF NOT EXISTS points (
    series INTEGER NOT NULL REFERENCES series (id),
    ts INTEGER NOT NULL,
    fields TEXT NOT NULL,  -- JSON
    PRIMARY KEY (series, ts)
) WITHOUT ROWID;
"""
_BUSY_TIMEOUT_S: Final = 5.0

_MAX_PARTS: Final = 64
"""Rows read beyond a page, so that its last instant is whole; no recycling point has as many compartments."""

Tags = tuple[tuple[str, str], ...]
_T = TypeVar("_T")


class SqliteStore:
    """Points in the file at `path`, created at first use. Implements Store, LineStore and History."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: sqlite3.Connection | None = None
        self._writing = Lock()
        self._series: dict[tuple[str, Tags], int] = {}

    async def close(self) -> None:
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    async def ping(self) -> str:
        return await self._read(lambda db: f"SQLite {db.execute('SELECT sqlite_version()').fetchone()[0]}")

    # Writing

    async def write(self, points: Sequence[Point]) -> None:
        await asyncio.to_thread(self._write, points)

    async def write_lines(self, lines: Sequence[str]) -> None:
        await asyncio.to_thread(lambda: self._write([decode_line(line) for line in lines]))

    def _write(self, points: Sequence[Point]) -> None:
        with self._writing, _translated(self._path):
            if self._writer is None:
                self._writer = self._connect()
            db = self._writer
            try:
                with transaction(db):
                    self._insert(db, points)
            except sqlite3.Error:
                self._series.clear()  # a series that was rolled back has no id
                raise

    def _insert(self, db: sqlite3.Connection, points: Sequence[Point]) -> None:
        db.executemany(
            # As InfluxDB does: fields written to a stored instant join the fields it has.
            "INSERT INTO points VALUES (?, ?, ?) ON CONFLICT (series, ts)"
            " DO UPDATE SET fields = json_patch(fields, excluded.fields)",
            [(self._series_id(db, point), point.ts, to_json(point.fields).decode()) for point in points],
        )

    def _series_id(self, db: sqlite3.Connection, point: Point) -> int:
        key = (point.measurement, point.tags)
        if key not in self._series:
            tags = dict(point.tags)
            part = tags.get(PART_TAG.get(point.measurement, "compartment"), "")
            row = (point.measurement, to_json(tags).decode(), tags.get("device", ""), part)
            db.execute("INSERT OR IGNORE INTO series (measurement, tags, device, part) VALUES (?, ?, ?, ?)", row)
            found = db.execute("SELECT id FROM series WHERE measurement = ? AND tags = ?", row[:2])
            self._series[key] = int(found.fetchone()[0])
        return self._series[key]

    def _connect(self) -> sqlite3.Connection:
        db = open_sqlite(self._path, timeout_s=_BUSY_TIMEOUT_S)
        db.executescript(_SCHEMA)
        return db

    async def _read(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run a query over a connection of its own, so that a long query and the writer do not wait for each other."""

        def read() -> _T:
            with _translated(self._path), closing(self._connect()) as db:
                return query(db)

        return await asyncio.to_thread(read)

    # Instants that are stored

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        def query(db: sqlite3.Connection) -> dict[Instant, Mapping[str, FieldValue]]:
            found: dict[Instant, Mapping[str, FieldValue]] = {}
            for instant in instants:
                row = db.execute(
                    "SELECT fields FROM points JOIN series ON series.id = points.series"
                    " WHERE measurement = ? AND device = ? AND part = ? AND ts = ?",
                    (*instant.series, instant.ts),
                ).fetchone()
                if row is not None:
                    found[instant] = from_json(row[0])
            return found

        return await self._read(query)

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]:
        def query(db: sqlite3.Connection) -> dict[SeriesKey, int]:
            found: dict[SeriesKey, int] = {}
            for key in series:
                for row in _latest(db, key.kind, key.device_id):
                    if row.part == key.part:
                        found[key] = row.ts
            return found

        return await self._read(query)

    # History

    async def latest(self, kind: str, device_id: str) -> list[Row]:
        return await self._read(lambda db: _latest(db, kind, device_id))

    async def latest_of(self, kind: str, device_ids: Collection[str]) -> list[Row]:
        def query(db: sqlite3.Connection) -> list[Row]:
            return [row for device_id in sorted(set(device_ids)) for row in _latest(db, kind, device_id)]

        return await self._read(query)

    async def latest_located(self, device_ids: Collection[str]) -> list[Row]:
        def query(db: sqlite3.Connection) -> list[Row]:
            found = (_latest_located(db, device_id) for device_id in sorted(set(device_ids)))
            return [row for row in found if row is not None]

        return await self._read(query)

    async def positions_within(
        self, device_ids: Collection[str], start: int, end: int, box: Bounds, *, limit: int
    ) -> list[Row]:
        wanted = {"kind": Kind.POSITION, "start": start, "end": end, **box._asdict()}

        def query(db: sqlite3.Connection) -> list[Row]:
            found: list[Row] = []
            for device_id in sorted(set(device_ids)):
                rows = db.execute(
                    "SELECT ts, device, part, fields FROM points JOIN series ON series.id = points.series"
                    " WHERE measurement = :kind AND device = :device AND ts >= :start AND ts < :end"
                    " AND json_extract(fields, '$.lat') BETWEEN :south AND :north"
                    " AND json_extract(fields, '$.lon') BETWEEN :west AND :east ORDER BY ts LIMIT :limit",
                    {**wanted, "device": device_id, "limit": limit + 1 - len(found)},
                )
                found += [_row(*row) for row in rows]
                if len(found) > limit:
                    break
            return found

        return await self._read(query)

    async def rows(
        self, kind: str, device_id: str, start: int, end: int, *, limit: int, part: str | None = None
    ) -> list[Row]:
        parameters = {"kind": kind, "device": device_id, "part": part, "start": start, "end": end}

        def query(db: sqlite3.Connection) -> list[Row]:
            found = db.execute(
                "SELECT ts, device, part, fields FROM points JOIN series ON series.id = points.series"
                " WHERE measurement = :kind AND device = :device AND (:part IS NULL OR part = :part)"
                " AND ts >= :start AND ts < :end ORDER BY ts, part LIMIT :limit",
                {**parameters, "limit": limit + _MAX_PARTS},
            )
            return page([_row(*row) for row in found], limit)

        return await self._read(query)

    async def downsampled(
        self, kind: str, device_id: str, start: int, end: int, *, every_ms: int, limit: int
    ) -> list[Row]:
        parameters = {"kind": kind, "device": device_id, "start": start, "end": end, "every": every_ms}

        def query(db: sqlite3.Connection) -> list[Row]:
            found = db.execute(
                "SELECT opens, device, part, json_group_object(name, mean) FROM ("
                " SELECT ts / :every * :every AS opens, device, part, key AS name, avg(value) AS mean"
                " FROM points JOIN series ON series.id = points.series, json_each(fields)"
                " WHERE measurement = :kind AND device = :device AND ts >= :start AND ts < :end"
                " AND type IN ('integer', 'real') GROUP BY opens, part, name"
                ") GROUP BY opens, part ORDER BY opens, part LIMIT :limit",
                {**parameters, "limit": limit + _MAX_PARTS},
            )
            return page([_row(*row) for row in found], limit)

        return await self._read(query)

    async def count(self, kind: str) -> int:
        def query(db: sqlite3.Connection) -> int:
            counted = "SELECT count(*) FROM points JOIN series ON series.id = points.series WHERE measurement = ?"
            return int(db.execute(counted, (kind,)).fetchone()[0])

        return await self._read(query)


def _latest(db: sqlite3.Connection, kind: str, device_id: str) -> list[Row]:
    found = db.execute(
        "SELECT ts, device, part, fields FROM series JOIN points ON series = id"
        " AND ts = (SELECT max(ts) FROM points WHERE series = id)"
        " WHERE measurement = ? AND device = ? ORDER BY ts",
        (kind, device_id),
    )
    by_part = {
        row.part: row for row in (_row(*row) for row in found)
    }  # a part whose tags changed has two series: the newer wins
    return sorted(by_part.values(), key=lambda row: (row.ts, row.part))


def _latest_located(db: sqlite3.Connection, device_id: str) -> Row | None:
    found = db.execute(
        "SELECT id FROM series WHERE measurement = ? AND device = ?", (Kind.POSITION, device_id)
    ).fetchall()
    newest: list[Row] = []
    for (series,) in found:  # one after the other: each is read backwards along its key
        row = db.execute(
            "SELECT ts, fields FROM points WHERE series = ? AND ifnull(json_extract(fields, '$.located'), 1)"
            " ORDER BY ts DESC LIMIT 1",
            (series,),
        ).fetchone()
        if row is not None:
            newest.append(_row(row[0], device_id, "", row[1]))
    return max(newest, key=lambda row: row.ts, default=None)


def _row(ts: int, device_id: str, part: str, fields: str) -> Row:
    return Row(ts, device_id, part, from_json(fields))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, OSError) as exc:  # locked, disk full, cannot be opened
        raise StoreUnavailable(f"{path}: {exc}") from exc
    except sqlite3.DatabaseError as exc:
        raise StoreMisconfigured(
            f"{path}: {exc}: not a Haulwatch store, or damaged; move it away or restore it"
        ) from exc
