"""The database as one of the processes sees it."""

import pytest
from sqlalchemy import text

from devices.db.database import DatabaseMisconfigured, open_database, transaction

PROCESSES = ("record", "judge", "serve")


def of_role(url: str, process: str) -> str:
    return url.replace("//haulwatch@", f"//haulwatch_{process}:secret-of-{process}@")


def refused(url: str, process: str, statement: str) -> bool:
    engine = open_database(of_role(url, process))
    try:
        with pytest.raises(DatabaseMisconfigured, match="owner of the tables"), transaction(engine) as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
    return True
