"""Logs of supervised processes stay bounded while the processes write."""

import shutil
from pathlib import Path

import pytest

from haulwatch.process import supervisor as supervising
from haulwatch.process.log_rotation import rotate
from haulwatch.process.supervisor import Child, Supervisor
from tests.waiting import until


def test_a_log_of_the_largest_size_stays_and_a_larger_one_is_kept_once(tmp_path: Path) -> None:
    log, kept = tmp_path / "serve.log", tmp_path / "serve.log.1"
    rotate(log, max_bytes=10)
    assert not log.exists()
    with log.open("ab", buffering=0) as process:
        process.write(b"0123456789")
        rotate(log, max_bytes=10)
        assert not kept.exists()
        for line in (b"first\n", b"second, longer than ten\n"):
            process.write(line)
            rotate(log, max_bytes=10)
            assert log.read_bytes() == b""
            assert kept.read_bytes().endswith(line)
        process.write(b"next")
    assert log.read_bytes() == b"next", "no hole where the rotated lines were"


def test_a_full_disk_empties_the_log_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "serve.log"
    log.write_bytes(b"0123456789+")

    def full(_: Path, to: Path) -> None:
        to.write_bytes(b"0")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    rotate(log, max_bytes=10)
    assert [path.name for path in tmp_path.iterdir()] == ["serve.log"]
    assert log.read_bytes() == b""
    assert "No space left on device" in caplog.text


def test_a_child_that_writes_for_ever_keeps_two_bounded_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "rotate", lambda path: rotate(path, max_bytes=20_000))
    package = tmp_path / "haulwatch"
    package.mkdir()
    (package / "__main__.py").write_text(
        "import time\nn = 0\nwhile True: n += 1; print(n, flush=True); time.sleep(0.0001)"
    )
    logs = tmp_path / "logs"
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    supervisor = Supervisor([Child("talker", [])], environment, logs)
    supervisor.start()
    rotations = 0

    def rotated_twice() -> bool:
        nonlocal rotations
        before = (logs / "talker.log").stat().st_size
        supervisor.tend()
        rotations += (logs / "talker.log").stat().st_size < before
        return rotations == 2

    try:
        until(rotated_twice)
    finally:
        supervisor.stop()
    assert {path.name for path in logs.iterdir()} == {"talker.log", "talker.log.1"}
    assert len((logs / "talker.log.1").read_text().split()) > 1_000
