"""Files handed to Mosquitto, and the word to read them; the rest of it in test_device_commands."""

import os
import stat
from pathlib import Path

import pytest

from devices.access.mosquitto_files import NotReloaded, reload_mosquitto, write_files


def test_files_are_replaced_whole_and_for_few_eyes(tmp_path: Path) -> None:
    write_files(tmp_path, {"passwords": "old"})
    held = (tmp_path / "passwords").open()
    write_files(tmp_path, {"passwords": "new", "acl": "x"}, os.getgid())
    with held:
        assert held.read() == "old", "who has it open reads on in the old one"
    assert (tmp_path / "passwords").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "passwords").stat().st_mode) == 0o640
    write_files(tmp_path, {"passwords": "again"})
    assert stat.S_IMODE((tmp_path / "passwords").stat().st_mode) == 0o600
    with pytest.raises(LookupError):
        write_files(tmp_path, {"passwords": "lost"}, "no-such-group")
    assert (tmp_path / "passwords").read_text() == "again"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acl", "passwords"], "no draft is left"


def test_a_draft_left_by_a_killed_process_of_the_same_number_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container numbers come again."""
    (tmp_path / f".acl.{os.getpid()}").write_text("half")
    write_files(tmp_path, {"acl": "whole"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"acl": "whole"}


@pytest.mark.parametrize("number", ["0", "-1"])
def test_a_number_that_means_many_processes_is_no_pid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    told: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, _: told.append(pid))
    (tmp_path / "pid").write_text(number)
    with pytest.raises(NotReloaded, match="no running process"):
        reload_mosquitto(tmp_path / "pid")
    assert told == []
