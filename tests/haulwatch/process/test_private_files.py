"""Every file and folder that Haulwatch creates is for its user only."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from devices.access.mosquitto_files import write_files
from tests import ROOT
from tests.installation import Installation
from tests.servers import free_port
from tests.waiting import until


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What a user other than the owner may read, write or enter, with its mode; the folder itself too."""
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.rglob("*")]}
    return [f"{mode:o} {path.relative_to(folder)}" for path, mode in modes.items() if mode & 0o077]


@pytest.mark.long
def test_nothing_in_the_data_directory_is_for_others(tmp_path: Path) -> None:
    home = tmp_path / "data"
    broker = {"HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}"}
    with closing(Installation(tmp_path, broker, loaded=True)) as haulwatch:
        haulwatch.environment["HAULWATCH_DATA_DIR"] = str(home)
        for command in (
            ("city", "import", str(ROOT / "devices" / "cities" / "jincheng")),
            ("device", "add", "--missing"),
            ("device", "authority", "broker.city"),
            ("device", "certificate", "truck-001"),
            ("device", "export-acl"),
        ):
            done = haulwatch.run(*command)
            assert done.returncode == 0, done.stdout + done.stderr
        haulwatch.start("run")
        written = ["recorder.db", "judge.db", "logs/collect.log", "logs/serve.log", "recorder_status.json"]
        until(lambda: all((home / name).exists() for name in written), "the four processes write their files")
        haulwatch.stop("run")
    assert len(list(home.rglob("*"))) > 20
    assert open_to_others(home) == []


def test_files_for_the_broker_are_for_its_group_too(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_files(tmp_path / "access", {"passwd": "x"}, group=os.getgid())
        write_files(tmp_path / "own", {"passwd": "x"})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "access").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "access" / "passwd").stat().st_mode) == 0o640
    assert open_to_others(tmp_path / "own") == []
