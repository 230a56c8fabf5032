"""The journal on SQLite, and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.db.database import open_database
from rules.alerts.journal import AlertJournal
from rules.alerts.tables import metadata


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AlertJournal]:
    on_disk = f"sqlite:///{tmp_path / 'journal.db'}"
    engine = open_database(on_disk if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    metadata.create_all(engine)
    yield AlertJournal(engine)
    engine.dispose()
