"""The tables of all partitions in PostgreSQL: for the ledger's readers, dead letters, and who takes a partition.

`owner` has a row for each partition, and every transaction that changes a partition's rows holds that row's lock: so
they follow each other, as the transactions of a file do. Its `epoch` is the fencing number. Who takes a partition over
counts it on, and a recorder whose number is another one changes nothing any more: one that was paused and has lost its
partition to another meanwhile cannot write what it had begun.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from secrets import token_hex
from typing import Any, Final, NamedTuple
from weakref import finalize

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from devices.db.database import DatabaseError, open_database, transaction, translated
from devices.errors import OperatorError
from ingest.ledger.shared.dialect import translated_sql
from ingest.ledger.state.port import Rows, StateFenced, Statements, StateUnavailable, StateUncertain

SCHEMA: Final = "recorder"
"""Of PostgreSQL: its tables have the names that they have in a file."""
_ALL_OWNERS: Final = (
    "UPDATE owner SET visits = visits + 1"
    " WHERE partition IN (SELECT partition FROM owner ORDER BY partition FOR UPDATE)"
)
_IDLE_MS: Final = 10_000
"""A recorder that stands still in the middle of a transaction keeps its partition locked, and nobody can take it over:
PostgreSQL ends that session then. Between two statements of a transaction pass some milliseconds, and some seconds
where a reader takes in the ledger of a million devices."""
_LOST_MS: Final = 15_000
"""Likewise for a session whose machine is not heard any more."""
_CLAIM_WAITS: Final = "SET LOCAL lock_timeout = '1s'"
"""The recorder's other partitions wait meanwhile; it tries again."""
_LOCK: Final = "SELECT epoch, token FROM owner WHERE partition = ? FOR UPDATE"
_CLAIM: Final = (
    "UPDATE owner SET epoch = epoch + 1, token = ?, worker = ?, since = ? WHERE partition = ? RETURNING epoch"
)


class StateMisfit(OperatorError):
    """The tables were written for a raw log of other partitions."""


class LogTopic(NamedTuple):
    """The topic of the raw log that the tables are of."""

    name: str
    id: str
    """Kafka's own: a topic that was deleted and made anew has another one, and the same name."""


class SharedTables:
    """A pool of connections to the tables, closed with it. Any thread may use it. Methods raise StateUnavailable."""

    def __init__(self, url: str) -> None:
        """`url`: of the installation's PostgreSQL."""
        self._engine = _open(url)
        self._closing = finalize(self, self._engine.dispose)

    def close(self) -> None:
        self._closing()

    @contextmanager
    def snapshot(self) -> Iterator[Statements]:
        with self._errors(), self._engine.connect() as opened:
            connection = opened.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield _Connection(connection)

    @contextmanager
    def changing(self) -> Iterator[Statements]:
        with self._transaction() as db:
            db.execute(_ALL_OWNERS)
            yield db

    def give_back(self, *, rest: bool) -> None:
        """Nothing: PostgreSQL uses the space again by itself (autovacuum)."""

    def prepare(self, partitions: int, topic: LogTopic | None = None) -> None:
        """Make a row for each partition where there are none. Raises StateMisfit if there are another number, or if
        they are of another topic; None: the first recorder says which.
        """
        rows = [(partition,) for partition in range(partitions)]
        with self._transaction() as db:
            db.executemany("INSERT INTO owner (partition) VALUES (?) ON CONFLICT DO NOTHING", rows[:1])
            db.execute(_LOCK, (0,))  # one recorder after the other
            [(found,)] = db.execute("SELECT count(*) FROM owner").fetchall()
            if found not in {1, partitions}:
                raise StateMisfit(
                    f"the recorder's tables were written for {found} partitions and HAULWATCH_KAFKA_PARTITIONS is "
                    f"{partitions}: set it to {found}, or begin with an empty database and another "
                    "HAULWATCH_KAFKA_PREFIX"
                )
            db.executemany("INSERT INTO owner (partition) VALUES (?) ON CONFLICT DO NOTHING", rows)
            if topic is not None:
                _check_topic(db, topic)
            db.executemany('INSERT INTO progress (partition, "offset") VALUES (?, 0) ON CONFLICT DO NOTHING', rows)

    def claim(self, partition: int, worker: str, now: int, topic: LogTopic | None = None) -> "PartitionTables":
        """Take a partition over: from now on no other recorder changes its rows. `now`: ms since 1970 UTC.

        A transaction of the former owner that has begun ends first. `worker` names this process to people. Raises
        StateMisfit if the tables are of another topic than `topic`, that of the raw log now: Kafka gives a partition
        anew where a topic of its name took the place of the former one.
        """
        with self._transaction() as db:
            db.execute(_CLAIM_WAITS)
            token = token_hex(8)
            [(epoch,)] = db.execute(_CLAIM, (token, worker, now, partition)).fetchall()
            if topic is not None:
                _check_topic(db, topic)
        return PartitionTables(self, partition, epoch, token)

    @contextmanager
    def reading(self) -> Iterator[Statements]:
        with self._transaction() as db:
            yield db

    @contextmanager
    def changing_one(self, partition: int, epoch: int, token: str) -> Iterator[Statements]:
        """A transaction of the partition's owner. Raises StateFenced if that is another one, StateUncertain if all was
        done and the end of the transaction was not answered.

        `token` tells apart owners of the same number, after tables were restored from a backup or moved.
        """
        is_done = False
        try:
            with self._transaction() as db:
                rows = db.execute(_LOCK, (partition,)).fetchall()
                found = rows[0][0] if rows else None
                if [tuple(row) for row in rows] != [(epoch, token)]:
                    raise StateFenced(
                        f"partition {partition} of the raw log: another recorder has taken it over (number {found} "
                        f"after {epoch})"
                    )
                yield db
                is_done = True
        except StateUnavailable as exc:
            if is_done:
                raise StateUncertain(f"partition {partition} of the raw log: {exc}") from exc
            raise

    @contextmanager
    def _transaction(self) -> Iterator[Statements]:
        with self._errors(), transaction(self._engine) as connection:
            yield _Connection(connection)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as exc:
            raise StateUnavailable(f"the recorder's tables: {exc}") from exc
        except SQLAlchemyError as exc:
            raise StateUnavailable(f"the recorder's tables: {translated(exc)}") from exc


class PartitionTables:
    """The tables as the recorder of one partition uses them, until another one takes it over."""

    def __init__(self, tables: SharedTables, partition: int, epoch: int, token: str) -> None:
        self._tables, self.partition, self._epoch, self._token = tables, partition, epoch, token

    def close(self) -> None:
        """Nothing: all partitions of a recorder share its connections."""

    def reading(self) -> AbstractContextManager[Statements]:
        return self._tables.reading()

    def changing(self) -> AbstractContextManager[Statements]:
        return self._tables.changing_one(self.partition, self._epoch, self._token)

    def check_owner(self) -> None:
        with self.changing():
            pass

    def positions(self) -> Mapping[int, int]:
        with self.reading() as db:
            found = db.execute('SELECT "offset" FROM progress WHERE partition = ?', (self.partition,)).fetchone()
        return {self.partition: 0 if found is None else found[0]}


class _Connection:
    """Statements over a connection of SQLAlchemy."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        return self._connection.exec_driver_sql(translated_sql(sql), tuple(parameters))

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object:
        rows = [tuple(row) for row in parameters]
        return self._connection.exec_driver_sql(translated_sql(sql), rows) if rows else None


def _check_topic(db: Statements, topic: LogTopic) -> None:
    [(name, its_id)] = db.execute("SELECT topic, topic_id FROM owner WHERE partition = 0").fetchall()
    if its_id is None:
        db.execute("UPDATE owner SET topic = ?, topic_id = ?", topic)
    elif its_id != topic.id:
        raise StateMisfit(
            f"the recorder's tables say what was done of topic {name} (id {its_id}), and HAULWATCH_KAFKA_URL and "
            f"HAULWATCH_KAFKA_PREFIX name {topic.name} (id {topic.id}): it was made anew, or is another city's; set "
            "them as they were, or give this city a database of its own"
        )


def _open(url: str) -> Engine:
    engine = open_database(url)
    if engine.dialect.name != "postgresql":
        raise StateMisfit(
            "HAULWATCH_KAFKA_URL is set, and HAULWATCH_DATABASE_URL names no PostgreSQL: recorders on Kafka keep what "
            "they have done there; set HAULWATCH_DATABASE_URL=postgresql://user:password@host/name"
        )
    event.listen(engine, "connect", _use_schema)
    return engine


def _use_schema(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {SCHEMA}")
        cursor.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_MS}")
        cursor.execute(f"SET tcp_keepalives_idle = {_LOST_MS // 3_000}")
        cursor.execute(f"SET tcp_keepalives_interval = {_LOST_MS // 3_000}")
        cursor.execute("SET tcp_keepalives_count = 2")
        cursor.execute(f"SET tcp_user_timeout = {_LOST_MS}")
    connection.commit()
