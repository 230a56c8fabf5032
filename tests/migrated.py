"""Tables of tests' databases: Alembic makes them once in each process, and other empty databases get a copy."""

import shutil
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from haulwatch import migrations

by_alembic: Final = migrations.upgrade
"""The migrations themselves, for their own tests."""


class Tables:
    """A file with all tables, made at the first need."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "haulwatch.db"

    def upgrade(self, url: str, revision: str = "head") -> None:
        """As `migrations.upgrade`. A missing SQLite file becomes a copy: Alembic takes longer than most tests.

        PostgreSQL, older tables and other revisions go through Alembic.
        """
        missing = _missing_file(url)
        if missing is None or revision != "head":
            by_alembic(url, revision)
            return
        if not self._file.exists():
            by_alembic(f"sqlite:///{self._file}")
        shutil.copyfile(self._file, missing)


def _missing_file(url: str) -> Path | None:
    """The SQLite file of this URL, where nothing but the file is missing."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    file = Path(parsed.database)
    return file if file.parent.is_dir() and not file.exists() else None
