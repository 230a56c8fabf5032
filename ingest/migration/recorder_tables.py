"""The recorder's tables, moved between its file, where one recorder has all, and PostgreSQL, by partition.

Every row goes to the partition of its device. Pending deltas of the ledger are added to its totals on the way.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec import json

from ingest.ledger.deltas import current_totals, write_totals
from ingest.ledger.queued import device_of_line
from ingest.ledger.shared.tables import SCHEMA, SharedTables
from ingest.ledger.state.port import Statements
from ingest.ledger.state_file import StateFile, positions_in
from ingest.log.records import ONLY_PARTITION, RECORDER, ReadingLocation, parts_of_place
from ingest.migration.plan import LogKind, MigrationRefused, Move

_TABLES: Final = (
    "progress", "city", "outbox", "daybook", "series", "ledger", "dead_letter", "quarantine", "letters_kept", "ticket",
    "ticket_mark", "weighing_row", "weighing_file",
)  # fmt: skip
_LETTER: Final = (
    "id, device, counted_as, reason, detail, field, topic, payload, received_at, kind, part, ts, digest, redriven_at,"
    " redriven_offset, stands_for, kept"
)
_TICKET: Final = "device, ts, number, root, plate, weights, about, corrects, net_kg, head, state"
_WEIGHING: Final = "no, device, ts, body"
_COUNTED_AS: Final = 2
"""Its column in a dead letter."""
_CHUNK: Final = 1_000
_MARK: Final = "CREATE TABLE IF NOT EXISTS migrated (id TEXT PRIMARY KEY NOT NULL)"

_PATIENT: Final = "SET LOCAL idle_in_transaction_session_timeout = 0"
"""One side of a large move waits for the other for longer than a recorder may stand still."""

PartitionOf = Callable[[str], int]
"""The partition of a device."""


class RecorderTables:
    """The state of recorders, wherever it is; see `ingest.migration.states.ReaderState`. Raises StateUnavailable."""

    reader = RECORDER

    def __init__(
        self, file: Path, shared: Callable[[], SharedTables], partitions: int, partition_of: PartitionOf, to: LogKind
    ) -> None:
        """`shared` raises StateMisfit where the database is no PostgreSQL."""
        self._file, self._shared, self._partitions, self._partition_of = file, shared, partitions, partition_of
        self._to = to

    def positions(self) -> Mapping[int, int]:
        """Raises MigrationRefused if the tables it is to be moved to hold another state."""
        if self._to is LogKind.KAFKA:
            with self._shared().snapshot() as db:
                [(held,)] = db.execute("SELECT (SELECT count(*) FROM ledger) + (SELECT count(*) FROM dead_letter)")
                [(owners,)] = db.execute("SELECT count(*) FROM owner")
            if held:
                raise MigrationRefused(
                    f"schema {SCHEMA} of the database holds what recorders of another raw log have done: give this "
                    "city a database of its own"
                )
            if owners not in {0, self._partitions}:
                raise MigrationRefused(
                    f"schema {SCHEMA} of the database is of a raw log of {owners} partitions and "
                    f"HAULWATCH_KAFKA_PARTITIONS is {self._partitions}: give this city a database of its own"
                )
        with self._source() as db:
            return {} if db is None else positions_in(db)

    def places(self) -> Collection[int]:
        with self._source() as db:
            rows = [] if db is None else db.execute("SELECT places FROM outbox").fetchall()
        return {found.offset for (places,) in rows for found in json.decode(places, type=list[ReadingLocation])}

    def move(self, migration: str, move: Move) -> None:
        if self._to is LogKind.KAFKA:
            self._to_shared(migration, move)
        else:
            self._to_file(migration, move)

    @contextmanager
    def _source(self) -> Iterator[Statements | None]:
        """The tables that hold the state now; None: there is none yet."""
        if self._to is LogKind.DISK:
            with self._shared().snapshot() as db:
                db.execute(_PATIENT)
                yield db
        elif not self._file.exists():
            yield None
        else:
            with closing(StateFile(self._file)) as file, file.snapshot() as db:
                yield db

    def _to_shared(self, migration: str, move: Move) -> None:
        """In one transaction; then the file gets another name. Done again it changes nothing."""
        if not self._file.exists():
            return
        shared = self._shared()
        shared.prepare(self._partitions)
        with closing(StateFile(self._file)) as file, file.snapshot() as source, shared.changing() as target:
            target.execute(_PATIENT)
            target.execute("UPDATE owner SET epoch = epoch + 1, token = NULL, topic = NULL, topic_id = NULL")
            _copy(source, target, move, self._partition_of)
            for table, number in (("dead_letter", "id"), ("weighing_row", "no")):
                target.execute(
                    f"SELECT setval(pg_get_serial_sequence('{SCHEMA}.{table}', '{number}'),"  # noqa: S608 - constants
                    f" (SELECT max({number}) + 1 FROM {table}))"
                )
        for suffix in ("", "-wal", "-shm"):
            former = Path(f"{self._file}{suffix}")
            if former.exists():
                former.replace(Path(f"{self._file}.moved-{migration[:8]}{suffix}"))

    def _to_file(self, migration: str, move: Move) -> None:
        """In one transaction that notes that it was done; then the rows of PostgreSQL are deleted."""
        shared = self._shared()
        with closing(StateFile(self._file)) as file, file.changing() as target:
            target.execute(_MARK)
            if target.execute("INSERT OR IGNORE INTO migrated VALUES (?)", (migration,)).rowcount:
                with shared.snapshot() as source:
                    source.execute(_PATIENT)
                    _copy(source, target, move, lambda device_id: ONLY_PARTITION)
        with shared.changing() as db:
            for table in (*_TABLES, "owner"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
            db.execute("INSERT INTO weighing_file SELECT md5(random()::text || clock_timestamp()::text)")


def _copy(source: Statements, target: Statements, move: Move, partition_of: PartitionOf) -> None:
    for table in _TABLES:
        target.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
    target.executemany('INSERT INTO progress (partition, "offset") VALUES (?, ?)', sorted(move.positions.items()))
    cities = {bytes(payload) for (payload,) in source.execute("SELECT payload FROM city").fetchall()}
    if len(cities) > 1:
        raise MigrationRefused(
            "recorders have read a revision of the city in some partitions only: run one until `haulwatch kafka "
            "status` shows 0 unread, and then migrate"
        )
    target.executemany(
        "INSERT INTO city (partition, payload) VALUES (?, ?)",
        [(partition, payload) for payload in cities for partition in move.positions],
    )
    for totals in current_totals(source):
        write_totals(target, partition_of(totals.device_id), [totals._replace(last_delta=0)])
    for rows in _chunks(source, "SELECT kind, device, part FROM series"):
        target.executemany(
            "INSERT INTO series (partition, kind, device, part) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(partition_of(row[1]), *row) for row in rows],
        )
    for rows in _chunks(source, f"SELECT {_LETTER} FROM dead_letter ORDER BY id"):  # noqa: S608 - a constant
        target.executemany(
            f"INSERT INTO dead_letter (partition, {_LETTER}) VALUES ({_marks(18)})",  # noqa: S608 - constants
            [(partition_of(row[_COUNTED_AS]), *row) for row in rows],
        )
    _copy_quarantine(source, target, partition_of)
    for rows in _chunks(source, f"SELECT {_TICKET} FROM ticket"):  # noqa: S608 - a constant
        target.executemany(f"INSERT INTO ticket ({_TICKET}) VALUES ({_marks(11)})", rows)  # noqa: S608 - constants
    for rows in _chunks(source, f"SELECT {_WEIGHING} FROM weighing_row"):  # noqa: S608 - a constant
        target.executemany(f"INSERT INTO weighing_row ({_WEIGHING}) VALUES ({_marks(4)})", rows)  # noqa: S608 - constants
    target.executemany(
        "INSERT INTO weighing_file VALUES (?)", source.execute("SELECT id FROM weighing_file").fetchall()
    )
    _copy_outbox(source, target, move, partition_of)


def _copy_quarantine(source: Statements, target: Statements, partition_of: PartitionOf) -> None:
    rows = source.execute(
        "SELECT device, reason, sum(readings), sum(bytes) FROM quarantine GROUP BY device, reason"
    ).fetchall()
    target.executemany(
        "INSERT INTO quarantine (partition, device, reason, readings, bytes) VALUES (?, ?, ?, ?, ?)",
        [(partition_of(device), device, reason, int(readings), int(size)) for device, reason, readings, size in rows],
    )
    kept: Counter[int] = Counter()
    for device, _, _, size in rows:
        kept[partition_of(device)] += int(size)
    target.executemany("INSERT INTO letters_kept (partition, bytes) VALUES (?, ?)", sorted(kept.items()))


def _copy_outbox(source: Statements, target: Statements, move: Move, partition_of: PartitionOf) -> None:
    """Each batch becomes one for each partition that it has readings of; marks stay behind the lines of a device."""
    for batch, lines, places in source.execute("SELECT batch, lines, places FROM outbox ORDER BY batch").fetchall():
        new: dict[int, tuple[list[str], list[ReadingLocation], list[str]]] = {}
        for line, found in zip(
            json.decode(lines, type=list[str]), json.decode(places, type=list[ReadingLocation]), strict=True
        ):
            place = move.places.get(found.offset)
            if place is None:
                raise MigrationRefused(
                    f"a reading that waits for the store is of record {found.offset}, which the raw log does not keep: "
                    "run `haulwatch record` until the store has taken it"
                )
            partition = parts_of_place(place)[0] if len(move.positions) > 1 else ONLY_PARTITION
            of_partition = new.setdefault(partition, ([], [], []))
            of_partition[0].append(line)
            of_partition[1].append(ReadingLocation(place, found.index))
        for (mark,) in source.execute("SELECT line FROM ticket_mark WHERE batch = ?", (batch,)).fetchall():
            new.setdefault(partition_of(device_of_line(mark)), ([], [], []))[2].append(mark)
        for partition, (own_lines, own_places, marks) in sorted(new.items()):
            [(number,)] = target.execute(
                "INSERT INTO outbox (lines, places, partition) VALUES (?, ?, ?) RETURNING batch",
                (json.encode(own_lines), json.encode(own_places), partition),
            ).fetchall()
            target.executemany(
                "INSERT INTO ticket_mark (batch, line) VALUES (?, ?)", [(number, mark) for mark in marks]
            )


def _chunks(source: Statements, query: str) -> Iterator[list[tuple[Any, ...]]]:
    chunk: list[tuple[Any, ...]] = []
    for row in source.execute(query):
        chunk.append(tuple(row))
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _marks(count: int) -> str:
    return ", ".join("?" * count)
