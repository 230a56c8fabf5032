"""No call to a database waits for ever, whatever happens to its host."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, text

from devices.db import database
from devices.db.database import DatabaseUnavailable, open_database, transaction
from haulwatch.migrations import upgrade


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_host_that_never_answers_is_given_up(black_hole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", 2)  # the least that libpq takes
    engine = open_database(f"postgresql://haulwatch@127.0.0.1:{black_hole}/haulwatch")
    with pytest.raises(DatabaseUnavailable, match="timeout expired"), transaction(engine):
        pass


def test_connection_parameters_of_the_url_override_ours() -> None:
    engine = open_database("postgresql://db.example/haulwatch?connect_timeout=20&sslmode=require")
    assert engine.url.query["connect_timeout"] == "20"
    assert engine.url.query["sslmode"] == "require"
    assert int(str(engine.url.query["tcp_user_timeout"])) < 60_000


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    engine = open_database(postgres_url)
    yield engine
    engine.dispose()


def test_a_statement_without_end_is_ended(monkeypatch: pytest.MonkeyPatch, postgres: Engine) -> None:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_MS", 200)
    for _ in range(2):  # on the connection's second transaction as well
        with pytest.raises(DatabaseUnavailable, match="statement timeout"), transaction(postgres) as connection:
            connection.execute(text("SELECT pg_sleep(100)"))


def test_waiting_for_a_lock_ends(monkeypatch: pytest.MonkeyPatch, postgres: Engine) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 100)
    with transaction(postgres) as holder:
        holder.execute(text("CREATE TABLE held (id int)"))
    with transaction(postgres) as holder:
        holder.execute(text("LOCK TABLE held"))
        with pytest.raises(DatabaseUnavailable, match="lock timeout"), transaction(postgres) as other:
            other.execute(text("INSERT INTO held VALUES (1)"))


def test_connections_that_a_restart_ended_are_not_used_again(postgres: Engine) -> None:
    with transaction(postgres) as connection:
        ours = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    killer = open_database(postgres.url.render_as_string(hide_password=False))
    with transaction(killer) as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": ours})
    killer.dispose()
    with transaction(postgres) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


def test_a_migration_may_take_long(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_MS", 1)
    upgrade(postgres_url)


def test_a_pool_without_a_free_connection_is_an_unavailable_database(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    monkeypatch.setattr(database, "_POOL_TIMEOUT_S", 0.1)
    engine = open_database(postgres_url)
    with ExitStack() as taken:
        for _ in range(15):  # SQLAlchemy's own limit: five, and ten more on demand
            taken.enter_context(transaction(engine))
        with pytest.raises(DatabaseUnavailable, match="QueuePool"):
            taken.enter_context(transaction(engine))
    engine.dispose()
