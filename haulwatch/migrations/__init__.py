"""The schema of the database of registry, commands and alert journal, as a series of revisions.

A database URL enters; a database at the newest revision leaves. `haulwatch db`, `city import` and the demo call it.
Alembic is imported where it is called: importing takes a quarter of a second, which most processes never need.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from devices.db.database import open_database, transaction

if TYPE_CHECKING:
    from alembic.config import Config


def upgrade(url: str, revision: str = "head") -> None:
    """Upgrade the tables to a revision; changes nothing if they are at it.

    Raises DatabaseUnavailable or DatabaseMisconfigured; it is one transaction, so then nothing was changed.
    """
    from alembic import command

    engine = open_database(url)
    try:
        with transaction(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index on years of alerts takes long
            command.upgrade(_config(connection), revision)
    finally:
        engine.dispose()


def current(url: str) -> str | None:
    """The revision of a database; None for one without tables. Raises as `upgrade` does."""
    from alembic.runtime.migration import MigrationContext

    engine = open_database(url)
    try:
        with transaction(engine) as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def head() -> str:
    """The newest revision of this program."""
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise LookupError("no revision is shipped beside this module")
    return newest


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("recursive_version_locations", "true")
    config.attributes["connection"] = connection
    return config
