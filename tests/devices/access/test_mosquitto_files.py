"""Delivery of files to Mosquitto, and the signal to reload them; test_device_commands has the rest."""

import os
import stat
from pathlib import Path

import pytest

from devices.access.mosquitto_files import NotReloaded, reload_mosquitto, write_files


def test_files_are_replaced_atomically_and_readable_by_few(tmp_path: Path) -> None:
    write_files(tmp_path, {"passwords": "old"})
    opened = (tmp_path / "passwords").open()
    write_files(tmp_path, {"passwords": "new", "acl": "x"}, os.getgid())
    with opened:
        assert opened.read() == "old", "a reader that has the file open keeps the old content"
    assert (tmp_path / "passwords").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "passwords").stat().st_mode) == 0o640
    write_files(tmp_path, {"passwords": "again"})
    assert stat.S_IMODE((tmp_path / "passwords").stat().st_mode) == 0o600
    with pytest.raises(LookupError):
        write_files(tmp_path, {"passwords": "lost"}, "no-such-group")
    assert (tmp_path / "passwords").read_text() == "again"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acl", "passwords"], "no draft is left"


def test_a_draft_left_by_a_killed_process_with_the_same_pid_does_no_harm(tmp_path: Path) -> None:
    """In a container process ids repeat."""
    (tmp_path / f".acl.{os.getpid()}").write_text("half")
    write_files(tmp_path, {"acl": "whole"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"acl": "whole"}


@pytest.mark.parametrize("number", ["0", "-1"])
def test_a_number_that_kill_takes_for_many_processes_is_no_pid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    signalled: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, _: signalled.append(pid))
    (tmp_path / "pid").write_text(number)
    with pytest.raises(NotReloaded, match="no running process"):
        reload_mosquitto(tmp_path / "pid")
    assert signalled == []
