"""Fixtures that all folders of tests share."""

import os
from pathlib import Path

import pytest

from tests import ROOT
from tests.compiled import COMPILED

RECORDINGS = ROOT.parent / "shared" / "data"

pytest_plugins: list[str] = ["tests.servers.influxdb", "tests.servers.mosquitto", "tests.servers.postgres"]


def pytest_configure() -> None:
    if os.environ.get("TEST_COMPILED") and not COMPILED:
        raise pytest.UsageError("TEST_COMPILED is set, but the interpreted modules were imported")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Return the folder of real recordings beside the project, or skip."""
    if not RECORDINGS.is_dir():
        pytest.skip("the real recordings (../shared/data) are not beside this checkout")
    return RECORDINGS
