"""The schema of the registry's and the alert journal's database, step by step."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from devices.db.database import open_database, transaction


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the tables to a revision; does nothing when they are there.

    Raises DatabaseUnavailable or DatabaseMisconfigured: in one transaction, so nothing was changed.
    """
    engine = open_database(url)
    try:
        with transaction(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index on years of alerts takes long
            command.upgrade(_config(connection), revision)
    finally:
        engine.dispose()


def current(url: str) -> str | None:
    """The revision a database is at; None for one without tables. Raises as `upgrade` does."""
    engine = open_database(url)
    try:
        with transaction(engine) as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def head() -> str:
    """The newest revision this program knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise LookupError("no revision is shipped beside this module")
    return newest


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
