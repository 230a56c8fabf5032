"""A database with the tables of people, on SQLite and PostgreSQL; the tables are made once and copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from devices.db.database import open_database
from haulwatch import migrations
from tests.servers.postgres import Postgres


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("people") / "migrated.db"
    migrations.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_url(postgres_server: Postgres) -> str:
    url = postgres_server.new_database()
    migrations.upgrade(url)
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "haulwatch.db")
        url = f"sqlite:///{file}"
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.new_database(copied=request.getfixturevalue("migrated_url"))
    opened = open_database(url)
    yield opened
    opened.dispose()
