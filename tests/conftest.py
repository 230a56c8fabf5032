"""Fixtures and settings that all folders of tests share."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import hypothesis
import pytest
import typer.main
from argon2 import PasswordHasher

from haulwatch.process.garbage import keep_objects, look_seldom
from tests import ROOT
from tests.closing import closing_all
from tests.compiled import COMPILED, interpreted_only
from tests.migrated import Tables
from tests.workers.dealing import dealt

RECORDINGS = ROOT.parent / "shared" / "data"

_MEMORY: Final = Path("/dev/shm")  # pytest and mkdtemp make folders of their own in it
_ENOUGH_BYTES: Final = 4 << 30
"""Far more than tests hold at any time: each folder is deleted with its test."""

_LEFT_TO_COMPILED: Final = [ROOT / path for path in os.environ.get("LEFT_TO_COMPILED", "").split()]
"""Folders and files whose tests `make test` runs afterwards, on compiled judgement."""

pytest_plugins: list[str] = [
    "tests.servers.influxdb",
    "tests.servers.kafka",
    "tests.servers.mosquitto",
    "tests.servers.postgres",
]


def _keep_files_in_memory() -> None:
    """Have temporary files of tests, and of what they start, in memory where Linux has room for them.

    Every commit and acknowledgement syncs its file, which takes a disk some milliseconds, and a busy one many: tests
    would wait for the disk much of their time. A file in memory outlives a killed process as one on disk does. Where
    TMPDIR is set, it holds.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return
    no_programs = os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC  # as in containers; some tests start a script of their own
    if not no_programs and shutil.disk_usage(_MEMORY).free >= _ENOUGH_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def _keep_bytecode() -> None:
    """Where Python may write no bytecode beside the modules (PYTHONDONTWRITEBYTECODE), have it written into `build`.

    Tests start Haulwatch a few hundred times; each start would compile all of its modules, a fifth of its work.
    """
    if sys.dont_write_bytecode:
        sys.dont_write_bytecode = False
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(ROOT / "build" / "bytecode")


_keep_files_in_memory()
_keep_bytecode()
gc.disable()  # while tests are collected: nearly all that is made then stays

# Without deadline and `too_slow`, which fail on a busy machine; without a database, which workers would share. The
# examples are the same in each run; with EXPLORE=1 they are new ones, and a failure prints how to repeat it.
hypothesis.settings.register_profile(
    "haulwatch", hypothesis.settings.get_profile("ci"), derandomize="EXPLORE" not in os.environ
)
hypothesis.settings.load_profile("haulwatch")


def pytest_configure() -> None:
    if os.environ.get("TEST_COMPILED") and not COMPILED:
        raise pytest.UsageError("TEST_COMPILED is set, but the interpreted modules were imported")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Look for cycles as seldom as Haulwatch's processes do, and never among modules and collected tests, which stay.

    With Python's own 700 new objects that took a fifth of the time of tests that judge.
    """
    keep_objects()
    look_seldom()
    gc.enable()


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Two workers more than cores: many tests wait for a server, and others compute meanwhile."""
    return len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)) + 2


def pytest_report_header() -> str | None:
    if not _LEFT_TO_COMPILED:
        return None
    return f"left to compiled judgement: {' '.join(str(path.relative_to(ROOT)) for path in _LEFT_TO_COMPILED)}"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave a module to the run on compiled judgement, unless a test of it needs interpreted modules.

    The source and the examples are the same there, and a test takes less time.
    """
    if collection_path.suffix != ".py" or not _is_left(collection_path):
        return None
    return interpreted_only.name not in collection_path.read_text() or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if left := [item for item in items if _is_left(item.path) and not item.get_closest_marker(interpreted_only.name)]:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]
    if COMPILED:
        for item in items:
            if item.get_closest_marker(interpreted_only.name):
                item.add_marker(pytest.mark.skip("replaces a part of a module, which a compiled module does not allow"))
    workerinput: dict[str, int] | None = getattr(config, "workerinput", None)  # of pytest-xdist
    if workerinput is not None:
        items[:] = dealt(items, workerinput["workercount"], _is_long, lambda item: item.path)


def _is_left(path: Path) -> bool:
    return any(path.is_relative_to(left) for left in _LEFT_TO_COMPILED)


def _is_long(item: pytest.Item) -> bool:
    return item.get_closest_marker("long") is not None


@pytest.fixture(scope="session", autouse=True)
def _made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests need again and again: tables of an empty database, and the parsers of a command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("haulwatch.migrations.upgrade", Tables(tmp_path_factory.mktemp("tables")).upgrade)
        patch.setattr("typer.testing._get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True)
def _closed_after_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Closes what the test gave to `closed_later`, before its folder is deleted."""
    if "tmp_path" in request.fixturenames:
        request.getfixturevalue("tmp_path")
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
    monkeypatch.setattr("devices.people.passwords._NOBODY", cheap.hash("no password of anybody"))
