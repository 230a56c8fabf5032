"""The schema that the migrations build is the one the code expects."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData

from devices.db import tables
from devices.db.database import open_database, transaction
from devices.people import tables as people_tables
from haulwatch import migrations
from ingest.alerts import tables as publisher_tables
from ingest.notices import tables as notice_tables
from rules.alerts import tables as journal_tables
from rules.attachments import tables as attachment_tables
from rules.cases import tables as case_tables
from rules.manifests import tables as manifest_tables
from rules.public_reports import tables as report_tables
from rules.recyclables import tables as deposit_tables
from rules.rule_sets import tables as rule_set_tables
from rules.stocks import tables as stock_tables
from rules.weighing import tables as weighing_tables
from tests.migrated import by_alembic


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'haulwatch.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_migrated_schema_is_the_tables_schema(url: str) -> None:
    wanted = MetaData(naming_convention=tables.metadata.naming_convention)
    own = (
        tables, journal_tables, rule_set_tables, people_tables, notice_tables, attachment_tables, case_tables,
        report_tables, manifest_tables, weighing_tables, publisher_tables,
        deposit_tables, stock_tables,
    )  # fmt: skip
    for metadata in (module.metadata for module in own):
        for table in metadata.sorted_tables:
            table.to_metadata(wanted)
    by_alembic(url)
    engine = open_database(url)
    with transaction(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, wanted)
    engine.dispose()
    assert differences == []


def test_upgrade_goes_from_nothing_to_head_and_twice_is_once(url: str) -> None:
    assert migrations.current(url) is None
    by_alembic(url)
    by_alembic(url)
    assert migrations.current(url) == migrations.head()


def test_failed_upgrade_leaves_nothing_behind(url: str) -> None:
    engine = open_database(url)
    with transaction(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE permit (in_the_way INTEGER)")
    with pytest.raises(Exception, match="permit"):
        by_alembic(url)
    with transaction(engine) as connection:
        connection.exec_driver_sql("DROP TABLE permit")
    engine.dispose()
    by_alembic(url)
    assert migrations.current(url) == migrations.head()
