"""An office of the town, for tests that change nothing of it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.ingest.evidence.office import Office, day, dump_of
from tests.rules.town import town


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Nobody adds to its log or its audit trail."""
    with closing(Office(tmp_path_factory.mktemp("office"), town(), day())) as opened:
        yield opened


@pytest.fixture(scope="package")
def pack(office: Office) -> bytes:
    """Of the dump of T2."""
    return office.export(dump_of(office))


@pytest.fixture(scope="package")
def retracted(office: Office) -> bytes:
    """Of the dump of T4, which was none."""
    return office.export(dump_of(office, "T4"))
