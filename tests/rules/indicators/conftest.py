"""The small city in one database, on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from devices.db.database import open_database
from tests.rules.indicators.small_city import Bridges


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    is_sqlite = request.param == "sqlite"
    opened = open_database(
        f"sqlite:///{tmp_path / 'db'}" if is_sqlite else str(request.getfixturevalue("postgres_url"))
    )
    yield opened
    opened.dispose()


@pytest.fixture
def bridges(engine: Engine) -> Bridges:
    return Bridges(engine)


@pytest.fixture
def quick_bridges(tmp_path: Path) -> Iterator[Bridges]:
    """On SQLite only."""
    opened = open_database(f"sqlite:///{tmp_path / 'db'}")
    yield Bridges(opened)
    opened.dispose()
