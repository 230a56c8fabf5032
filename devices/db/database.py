"""The registry's database: SQLite by default, PostgreSQL by URL. The alert journal is in the same database.

DatabaseError
├── DatabaseUnavailable    down, locked or full: try again later
└── DatabaseMisconfigured  the URL, the rights or the schema are wrong: an operator has to fix them
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from devices.errors import OperatorError

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a writer waits for another writer; imports and journal writes take milliseconds."""
CONNECT_TIMEOUT_S: Final = 5
"""PostgreSQL: for each address of the host. Behind a dropped route nothing answers, and TCP would wait for minutes."""
STATEMENT_TIMEOUT_MS: Final = 30_000
"""PostgreSQL: longer than any statement takes on a journal of several years; migrations have no such limit."""
_LOST_AFTER_S: Final = 15
"""PostgreSQL: a host that disappears during a statement is given up after this time."""
_POOL_TIMEOUT_S: Final = 10

_NO_SUCH_TABLE: Final = ("no such table", "no such column")


class DatabaseError(OperatorError):
    """The database refused or failed an operation."""


class DatabaseUnavailable(DatabaseError):
    """Down, locked or full: nothing was changed, try again later."""


class DatabaseMisconfigured(DatabaseError):
    """Wrong URL, missing rights or missing tables: an operator has to fix it."""


def open_database(url: str) -> Engine:
    """Create an engine for `sqlite:///path` or `postgresql://user:password@host/name`. Opens no connection yet.

    SQLite: WAL, foreign keys on, durable at commit, and real transactions, so that several SELECTs of one transaction
    see one state (the driver alone begins only at the first write). A transaction that reads before it writes may
    lose to another writer: write first, as all callers of `transaction` do.

    PostgreSQL: no call waits for ever. Connecting, a lost connection, a lock and a statement each have a timeout, after
    which DatabaseUnavailable is raised; connection parameters in the URL (`?connect_timeout=20`) override these. A
    pooled connection is checked before use, so that a restarted server costs no failed call.

    Raises:
        DatabaseMisconfigured: the URL names another engine or is invalid, or its folder cannot be created.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        parsed = parsed.set(query={**_timeouts(), **parsed.query})
        engine = create_engine(parsed, pool_pre_ping=True, pool_timeout=_POOL_TIMEOUT_S)
        event.listen(engine, "connect", _set_up_postgresql)
    else:
        engine = create_engine(parsed)
        if parsed.database and parsed.database != ":memory:":
            _make_folder(Path(parsed.database).parent)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction: committed at the end of the block, rolled back by any exception.

    Raises DatabaseUnavailable or DatabaseMisconfigured in place of the library's errors.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as exc:
        raise translated(exc) from exc


def translated(error: SQLAlchemyError) -> DatabaseError:
    """Translate an error of SQLAlchemy into ours."""
    detail = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
    if "permission denied" in detail or "must be owner" in detail:
        return DatabaseMisconfigured(
            f"{detail.strip()}: call it as the owner of the tables, not as one of the processes"
        )
    if isinstance(error, ProgrammingError) or any(phrase in detail for phrase in _NO_SUCH_TABLE):
        return DatabaseMisconfigured(f"{detail.strip()}: create or upgrade the tables with `haulwatch db upgrade`")
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return DatabaseUnavailable(detail.strip())
    return DatabaseError(detail.strip())


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, SQLAlchemyError) as exc:
        raise DatabaseMisconfigured(f"database URL is invalid ({exc}): use sqlite:///path or postgresql://…") from exc
    if backend == "sqlite":
        return parsed.set(drivername="sqlite")
    if backend in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    raise DatabaseMisconfigured(f"database URL names {backend!r}: use sqlite:///path or postgresql://…")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DatabaseMisconfigured(f"{folder}: the folder of the database cannot be created: {exc.strerror}") from exc


def _timeouts() -> dict[str, str]:
    """Return connection parameters as libpq names them ("Parameter Key Words" in PostgreSQL's manual)."""
    return {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "keepalives_idle": str(_LOST_AFTER_S // 3),
        "keepalives_interval": str(_LOST_AFTER_S // 3),
        "keepalives_count": "2",
        "tcp_user_timeout": str(_LOST_AFTER_S * 1000),
    }


def _set_up_postgresql(connection: Any, _record: object) -> None:
    # By statement, not as a start-up option, which connection poolers refuse.
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
        cursor.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}")
    connection.commit()  # else the settings would end with their transaction


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # `_begin` begins; the driver's own late BEGIN gives no snapshot
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
