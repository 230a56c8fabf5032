"""A real PostgreSQL: one for all tests, with an empty database for each, or one that a test stops and starts."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.servers import free_port, launch
from tests.waiting import PATIENCE_S, until

_SERVER_USER = "postgres"


class Postgres:
    """A server that trusts everyone on loopback; `close` deletes its data."""

    def __init__(self) -> None:
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
        if programs is None:
            pytest.skip("postgresql is not installed here (apt-get install postgresql)")
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="haulwatch-postgres-"))
        self._log = self._folder.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        data = str(self._folder / "data")
        as_server = []
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self._folder, _SERVER_USER)
            as_server = ["runuser", "-u", _SERVER_USER, "--"]
        initialise = ["initdb", "-D", data, "-U", "haulwatch", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [*as_server, str(programs / initialise[0]), *initialise[1:]], check=True, capture_output=True, cwd="/"
        )
        settings = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._folder}",
            "fsync=off",
        ]
        self._stop_command = [*as_server, str(programs / "pg_ctl"), "stop", "-m", "fast", "-D", data]
        options = [f"--{setting}" for setting in settings]
        self._command = [*as_server, str(programs / "postgres"), "-D", data, *options]

    def start(self) -> None:
        self._process = launch(self._command, self._log, self.port)
        _wait_until_it_answers(self.port)

    def stop(self) -> None:
        """End it with every connection; SIGTERM would wait until its clients leave."""
        if self._process is not None:
            subprocess.run(self._stop_command, check=True, capture_output=True, cwd="/")
            self._process.wait(PATIENCE_S)
            self._process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)
        self._log.unlink(missing_ok=True)

    def new_database(self, copied: str | None = None) -> str:
        """URL of a fresh database: empty, or as the one at the URL `copied`, to which nobody may be connected."""
        psycopg = pytest.importorskip("psycopg")
        name = f"test_{uuid4().hex[:12]}"
        server = f"postgresql://haulwatch@127.0.0.1:{self.port}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            template = "template1" if copied is None else copied.rpartition("/")[2].partition("?")[0]
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"{server}/{name}?connect_timeout={PATIENCE_S:.0f}"  # a busy machine may take longer than ours


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The server that tests share: none stops it."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """URL of a fresh, empty database."""
    return postgres_server.new_database()


def _wait_until_it_answers(port: int) -> None:
    """Before it is ready it accepts connections and answers: "the database system is starting up"."""
    psycopg = pytest.importorskip("psycopg")
    answer = ""

    def answers() -> bool:
        nonlocal answer
        try:
            psycopg.connect(f"postgresql://haulwatch@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError as exc:
            answer = str(exc)
            return False
        return True

    until(answers, lambda: f"PostgreSQL is ready: {answer}")
