"""Cases and the journal in one database, on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from devices.db.database import open_database
from rules.alerts import tables as alert_tables
from rules.alerts.journal import AlertJournal
from rules.cases import tables
from rules.cases.deadlines import Terms
from rules.cases.model import CaseKind
from rules.cases.store import CaseStore

DAYS = {CaseKind.REPORT: 15, CaseKind.ALERT: 7, CaseKind.MANUAL: 10}
TERMS = Terms(DAYS, ZoneInfo("Asia/Shanghai"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    is_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'db'}" if is_sqlite else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """With the tables of the journal and of cases; migrations make the same, and take longer."""
    opened = open_database(url)
    alert_tables.metadata.create_all(opened)
    tables.metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> CaseStore:
    return CaseStore(engine, lambda: TERMS)


@pytest.fixture
def journal(engine: Engine) -> AlertJournal:
    return AlertJournal(engine)
