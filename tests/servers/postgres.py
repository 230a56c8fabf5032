"""A real PostgreSQL with an empty database for each test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.servers import free_port, running
from tests.waiting import until

_SERVER_USER = "postgres"


@pytest.fixture(scope="session")
def postgres_port() -> Iterator[int]:
    """Port of a server that trusts everyone on loopback; its data is deleted at the end."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        pytest.skip("postgresql is not installed here (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="haulwatch-postgres-"))
    as_server = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, _SERVER_USER)
        as_server = ["runuser", "-u", _SERVER_USER, "--"]
    port, data = free_port(), str(folder / "data")
    try:
        subprocess.run(
            [
                *as_server,
                str(programs / "initdb"),
                "-D",
                data,
                "-U",
                "haulwatch",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd="/",
        )
        settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off"]
        command = [*as_server, str(programs / "postgres"), "-D", data, *(f"--{setting}" for setting in settings)]
        with running(command, folder.with_suffix(".log"), port):
            _wait_until_it_answers(port)
            yield port
    finally:
        shutil.rmtree(folder)
        folder.with_suffix(".log").unlink(missing_ok=True)


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


@pytest.fixture
def postgres_url(postgres_port: int) -> str:
    """URL of a fresh, empty database."""
    psycopg = pytest.importorskip("psycopg")
    name = f"test_{uuid4().hex[:12]}"
    server = f"postgresql://haulwatch@127.0.0.1:{postgres_port}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"
