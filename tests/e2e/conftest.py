"""Fixtures of the end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.desk import launched
from tests.installation import Installation


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """One without WebGL: to draw the map takes most of the work of a page."""
    with launched(driver, has_map=False) as running:
        yield running


@pytest.fixture(scope="module")
def chromium_with_map(driver: Playwright) -> Iterator[Browser]:
    """For tests in which the map plays a part, and those of which it is to be seen that it disturbs nothing."""
    with launched(driver, has_map=True) as running:
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
