"""A store of deposits, on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from devices.db.database import open_database
from rules.recyclables import tables


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    is_sqlite = request.param == "sqlite"
    opened = open_database(
        f"sqlite:///{tmp_path / 'db'}" if is_sqlite else str(request.getfixturevalue("postgres_url"))
    )
    tables.metadata.create_all(opened)
    yield opened
    opened.dispose()
