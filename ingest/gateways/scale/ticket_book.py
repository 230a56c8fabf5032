"""The ticket book of one scale: numbers that never come twice, and the weighings that are still to be published.

One SQLite file. A ticket is numbered and its message kept in one transaction, before anything is published; it leaves
the file after the broker's PUBACK. The weight of the truck on the platform is kept too, and goes in the transaction
that gives it a number: a crash neither loses a settled weight nor numbers it twice.

TicketBookFailed    the file cannot be read or written
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from msgspec.json import Decoder, Encoder

from devices.errors import OperatorError
from devices.readings.plates import comparable_plate
from ingest.gateways.scale.passes import Settled
from ingest.process.sqlite_file import open_sqlite, transaction, translated

STAY_MS: Final = 12 * 3_600_000
"""A truck that came in leaves within this time, or it is on another visit."""
MAX_WAITING: Final = 100_000
"""Weighings that wait for the broker: months of a busy bridge."""

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS book (id INTEGER PRIMARY KEY CHECK (id = 1), series TEXT NOT NULL)",
    # AUTOINCREMENT: a number is not used again after its row is deleted.
    "CREATE TABLE IF NOT EXISTS ticket (number INTEGER PRIMARY KEY AUTOINCREMENT, message BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS platform (id INTEGER PRIMARY KEY CHECK (id = 1), settled BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS inside (plate TEXT PRIMARY KEY, at INTEGER NOT NULL)",
)
_ENCODER: Final = Encoder(decimal_format="string")
_DECODER: Final = Decoder(Settled)


class TicketBookFailed(OperatorError):
    """The file of the tickets cannot be read or written."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"{cause}: the disk must take tickets before they are published: make room or repair it")


class Passage(NamedTuple):
    """On which side of the gate a truck is after it was weighed."""

    plate: str
    at: int
    """ms."""
    inside: bool


class Waiting(NamedTuple):
    """A weighing that is to be published."""

    number: int
    message: bytes


class TicketBook:
    """Tickets of one scale. For one thread. Every method raises TicketBookFailed."""

    def __init__(self, path: Path, now_ms: int) -> None:
        """`now_ms`: names the series of a new file, so that numbers of a lost file do not come again."""
        self._path = path
        with self._translated():
            self._db = open_sqlite(path)
            for table in _TABLES:
                self._db.execute(table)
            series = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%y%m%d%H%M%S")
            self._db.execute("INSERT OR IGNORE INTO book (id, series) VALUES (1, ?)", (series,))
            (self._series,) = self._db.execute("SELECT series FROM book").fetchone()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._db.close()

    def ticket(self, number: int) -> str:
        """The text of a ticket's number, unique among all of this scale."""
        return f"{self._series}-{number:06d}"

    def keep(self, settled: Settled) -> None:
        """Keep the weight of the truck on the platform."""
        with self._translated():
            self._db.execute("INSERT OR REPLACE INTO platform (id, settled) VALUES (1, ?)", (_ENCODER.encode(settled),))

    def kept(self) -> Settled | None:
        """The weight of the truck that stood on the platform when the gateway ended."""
        with self._translated():
            row = self._db.execute("SELECT settled FROM platform").fetchone()
            return None if row is None else _DECODER.decode(row[0])

    def forget(self) -> None:
        """The truck has left, and gets no ticket."""
        with self._translated():
            self._db.execute("DELETE FROM platform")

    def issue(self, write: Callable[[int], bytes], passage: Passage | None = None) -> int:
        """Number a ticket, keep its message and the passage, and clear the platform: all or nothing.

        `write` makes the message of the number.
        Raises TicketBookFailed also while `MAX_WAITING` weighings wait.
        """
        with self._translated(), transaction(self._db) as db:
            (waiting,) = db.execute("SELECT count(*) FROM ticket").fetchone()
            if waiting >= MAX_WAITING:
                raise TicketBookFailed(f"{self._path}: {waiting} weighings wait for the broker, no more are kept")
            number = db.execute("INSERT INTO ticket (message) VALUES (x'')").lastrowid or 0
            db.execute("UPDATE ticket SET message = ? WHERE number = ?", (write(number), number))
            db.execute("DELETE FROM platform")
            if passage is not None:
                plate, at = comparable_plate(passage.plate), passage.at
                db.execute("DELETE FROM inside WHERE at < ? OR plate = ?", (at - STAY_MS, plate))
                if passage.inside:
                    db.execute("INSERT INTO inside (plate, at) VALUES (?, ?)", (plate, at))
        return number

    def oldest(self, after: int = 0) -> Waiting | None:
        """The oldest weighing that is still to be published. `after`: of those with a greater number."""
        with self._translated():
            query = "SELECT number, message FROM ticket WHERE number > ? ORDER BY number LIMIT 1"
            row = self._db.execute(query, (after,)).fetchone()
            return None if row is None else Waiting(*row)

    def published(self, number: int) -> None:
        """The broker has acknowledged it, and all before it."""
        with self._translated():
            self._db.execute("DELETE FROM ticket WHERE number <= ?", (number,))

    def waiting(self) -> int:
        with self._translated():
            (count,) = self._db.execute("SELECT count(*) FROM ticket").fetchone()
        return int(count)

    def came_in(self, plate: str, at: int) -> bool:
        """Whether a truck is inside, by its last passage."""
        with self._translated():
            row = self._db.execute("SELECT at FROM inside WHERE plate = ?", (comparable_plate(plate),)).fetchone()
        return row is not None and 0 <= at - row[0] <= STAY_MS

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._path, TicketBookFailed)
