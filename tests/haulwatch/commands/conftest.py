"""A data directory with the demonstration city, for commands about devices."""

import os
import shutil
from pathlib import Path

import pytest

from tests.haulwatch.commands.desk import Desk


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the demonstration city."""
    home = tmp_path_factory.mktemp("imported")
    Desk(home).ask("city", "import", "jincheng")
    return home


@pytest.fixture
def desk(tmp_path: Path, imported: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in [name for name in os.environ if name.startswith("HAULWATCH_")]:
        monkeypatch.delenv(name)
    return Desk(shutil.copytree(imported, tmp_path / "data"))
