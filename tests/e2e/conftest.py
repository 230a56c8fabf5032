"""Fixtures of the end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.installation import Installation


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Makes installations: `install("name", HAULWATCH_MQTT_URL=…)`."""
    made: list[Installation] = []

    def make(name: str, **variables: str) -> Installation:
        made.append(Installation(tmp_path / name, variables))
        return made[-1]

    yield make
    for installation in made:
        installation.close()
