"""Manifests in one database, on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from devices.db.database import open_database
from rules.manifests import tables
from rules.manifests.journal import ManifestJournal
from rules.manifests.store import ManifestStore
from tests.rules.town import town


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    is_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'db'}" if is_sqlite else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url)
    tables.metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> ManifestStore:
    return ManifestStore(engine, town, lambda terms, device_id: terms.arrive_by + 2_700_000)


@pytest.fixture
def journal(engine: Engine) -> ManifestJournal:
    return ManifestJournal(engine)
