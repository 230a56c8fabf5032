"""Fixtures of the end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.desk import browser
from tests.installation import Installation


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Makes installations: `install("name", HAULWATCH_MQTT_URL=…)`."""
    made: list[Installation] = []

    def make(name: str, **variables: str) -> Installation:
        made.append(Installation(tmp_path / name, variables, loaded=True))
        return made[-1]

    yield make
    for installation in made:
        installation.close()
