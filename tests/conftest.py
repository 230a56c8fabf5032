"""Fixtures every folder of tests shares."""

from pathlib import Path

import pytest

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "data"

pytest_plugins: list[str] = ["tests.servers.influxdb", "tests.servers.mosquitto", "tests.servers.postgres"]


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings beside the project, or skip."""
    if not RECORDINGS.is_dir():
        pytest.skip("the real recordings (../shared/data) are not beside this checkout")
    return RECORDINGS
