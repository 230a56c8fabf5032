"""The office of the packs' own tests."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.ingest.evidence.office import Office, day
from tests.rules.town import town


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with closing(Office(tmp_path_factory.mktemp("office"), town(), day())) as opened:
        yield opened
