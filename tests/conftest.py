"""Fixtures and settings that all folders of tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from argon2 import PasswordHasher

from tests import ROOT
from tests.closing import closing_all
from tests.compiled import COMPILED

RECORDINGS = ROOT.parent / "shared" / "data"

pytest_plugins: list[str] = ["tests.servers.influxdb", "tests.servers.mosquitto", "tests.servers.postgres"]


# Without deadline and `too_slow`, which fail on a busy machine; without a database, which workers would share. The
# examples are the same in each run; with EXPLORE=1 they are new ones, and a failure prints how to repeat it.
hypothesis.settings.register_profile(
    "haulwatch", hypothesis.settings.get_profile("ci"), derandomize="EXPLORE" not in os.environ
)
hypothesis.settings.load_profile("haulwatch")


def pytest_configure() -> None:
    if os.environ.get("TEST_COMPILED") and not COMPILED:
        raise pytest.UsageError("TEST_COMPILED is set, but the interpreted modules were imported")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def _closed_after_the_test() -> Iterator[None]:
    """Closes what the test gave to `closed_later`."""
    with closing_all():
        yield


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Return the folder of real recordings beside the project, or skip."""
    if not RECORDINGS.is_dir():
        pytest.skip("the real recordings (../shared/data) are not beside this checkout")
    return RECORDINGS


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that are hashed in a millisecond, for tests of what stands behind them."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr("devices.people.passwords._HASHER", cheap)
    monkeypatch.setattr("devices.people.passwords._NOBODY", cheap.hash("nobody has this password"))
