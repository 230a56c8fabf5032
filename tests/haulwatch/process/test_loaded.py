"""Processes that begin loaded are processes of their own, with what they are given and nothing of their loader."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from tests.installation import Installation
from tests.servers import free_port
from tests.servers.loaded import CAN_LOAD, start
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.skipif(not CAN_LOAD, reason="processes are not forked on this system")


def test_a_command_prints_and_ends_as_one_that_was_started(tmp_path: Path) -> None:
    plain = Installation(tmp_path / "a", {})
    loaded = Installation(tmp_path / "a", {}, loaded=True)
    loaded.environment = plain.environment
    for arguments in (("nonsense",), ("settings",)):
        expected, found = plain.run(*arguments), loaded.run(*arguments)
        assert (found.returncode, found.stdout, found.stderr) == (
            expected.returncode, expected.stdout, expected.stderr,
        )  # fmt: skip
    assert plain.environment["HAULWATCH_API_PORT"] in found.stdout


def test_it_has_its_environment_and_no_file_of_its_loader(tmp_path: Path) -> None:
    haulwatch = Installation(tmp_path, {"HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}"}, loaded=True)
    haulwatch.import_city()
    judge, record = haulwatch.start("judge"), haulwatch.start("record")
    try:
        until((tmp_path / "judge_status.json").exists, "the judge reports")
        assert judge.pid != record.pid
        open_files = _open_files(judge.pid)
        assert not [file for file in open_files if file.endswith("record.log")]
        assert str(tmp_path / "judge.log") in open_files
        haulwatch.stop("judge")
        assert judge.poll() == 0
    finally:
        haulwatch.close()
    assert record.poll() == -signal.SIGKILL


def _open_files(pid: int) -> list[str]:
    """What a process has open, without what it closes meanwhile."""
    found = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(file.readlink()))
    return found


def test_an_end_that_does_not_come_is_a_time_out(tmp_path: Path) -> None:
    with TemporaryFile() as out:
        environment = os.environ | {"HAULWATCH_DATA_DIR": str(tmp_path)}
        process = start(("broker", "--port", str(free_port())), environment, out, out)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL


def test_forks_end_with_who_asked_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAULWATCH_DATA_DIR", str(tmp_path))
    program = (
        "import os, sys\n"
        "from tests.servers.loaded import start\n"
        "out = open(os.devnull, 'wb')\n"
        f"print(start(['broker', '--port', '{free_port()}'], dict(os.environ), out, out).pid, flush=True)\n"
        "os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    until(lambda: not Path(f"/proc/{json.loads(done.stdout)}").exists(), "the fork ends")
