"""A database with the tables of people, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from devices.db.database import open_database
from haulwatch import migrations


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = request.param == "sqlite"
    url: str = f"sqlite:///{tmp_path / 'haulwatch.db'}" if sqlite else request.getfixturevalue("postgres_url")
    migrations.upgrade(url)
    opened = open_database(url)
    yield opened
    opened.dispose()
