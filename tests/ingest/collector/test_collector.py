"""The collector: acknowledged messages are in the log, silence becomes ticks, a full disk is waited out."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest

from ingest.collector.collector import SilenceTimer, read_status, run_collector
from ingest.log.raw_log import RawLog, RawLogCorrupt, RawLogFull
from ingest.log.records import TICK_TOPIC, RawMessage
from tests.closing import closed_later
from tests.ingest.collector.parts import ScriptedSource


def messages(*numbers: int, size: int = 0) -> list[RawMessage]:
    return [RawMessage("haulwatch/v1/truck-1/position", b"%d " % n + bytes(size), n) for n in numbers]


class ScriptedLog:
    """Fails `failures` times before it takes a batch."""

    def __init__(self, source: ScriptedSource, failures: int = 0, error: Exception | None = None) -> None:
        self.source, self.failures, self.error = source, failures, error or RawLogFull("no space left")
        self.kept: list[RawMessage] = []

    def append(self, batch: Sequence[RawMessage]) -> int:
        assert not set(batch) & set(self.source.acknowledged), "acknowledged before it was appended"
        if self.failures:
            self.failures -= 1
            raise self.error
        self.kept += batch
        return len(self.kept)


def run(source: ScriptedSource, log: ScriptedLog | RawLog, folder: Path) -> None:
    run_collector(source, log, source.stop, folder / "status.json", lambda: source.now_ms)


def test_messages_are_appended_then_acknowledged_and_so_is_the_last_batch(tmp_path: Path) -> None:
    source = ScriptedSource([messages(1, 2), [], messages(3)], Event())
    log = ScriptedLog(source)
    run(source, log, tmp_path)
    assert log.kept == source.acknowledged == messages(1, 2, 3)
    assert source.closed
    status = read_status(tmp_path / "status.json")
    assert status is not None
    assert (status.received, status.connected, status.disk_full, status.last_error) == (3, False, False, None)


def test_a_full_disk_is_waited_out_and_nothing_is_lost_or_appended_twice(tmp_path: Path) -> None:
    source = ScriptedSource([messages(1), messages(2)], Event())
    statuses = []
    source.on_wait = lambda: statuses.append(read_status(tmp_path / "status.json"))
    log = ScriptedLog(source, failures=4)
    run(source, log, tmp_path)
    assert log.kept == source.acknowledged == messages(1, 2)
    assert len(statuses) == 4
    assert statuses[-1] is not None
    assert (statuses[-1].disk_full, statuses[-1].last_error) == (True, "no space left")


def test_stopped_while_the_disk_is_full_it_leaves_the_batch_to_the_broker(tmp_path: Path) -> None:
    source = ScriptedSource([messages(1)], Event())
    log = ScriptedLog(source, failures=10**9)
    run(source, log, tmp_path)
    assert (log.kept, source.acknowledged, source.closed) == ([], [], True)


def test_a_damaged_log_ends_the_collector_and_is_reported(tmp_path: Path) -> None:
    source = ScriptedSource([messages(1), messages(2)], Event())
    log = ScriptedLog(source, failures=1, error=RawLogCorrupt(tmp_path, 7, "checksum"))
    with pytest.raises(RawLogCorrupt):
        run(source, log, tmp_path)
    assert source.acknowledged == []
    status = read_status(tmp_path / "status.json")
    assert status is not None
    assert "offset 7" in (status.last_error or "")


def test_ten_seconds_of_silence_are_a_tick_and_count_from_the_record_before(tmp_path: Path) -> None:
    source = ScriptedSource([messages(1), *[[]] * 25, messages(2), []], Event(), step_ms=1000)
    log = ScriptedLog(source)
    run(source, log, tmp_path)
    assert [(m.topic, m.payload) for m in log.kept if m.topic == TICK_TOPIC] == [(TICK_TOPIC, b"10000")] * 2
    assert [m.topic == TICK_TOPIC for m in log.kept] == [False, True, True, False]


def test_time_in_which_the_disk_was_full_is_no_silence(tmp_path: Path) -> None:
    """The broker was away unnoticed in that time: a tick of an hour would make every device silent."""
    source = ScriptedSource([[]] * 25, Event(), step_ms=1000)
    log = ScriptedLog(source, failures=1)

    def an_hour_passes() -> None:
        source.now_ms += 3_600_000

    source.on_wait = an_hour_passes
    run(source, log, tmp_path)
    assert [m.payload for m in log.kept] == [b"10000", b"10000"]


def test_time_without_a_connection_is_no_silence() -> None:
    silence = SilenceTimer()
    silence.restart(0)
    assert silence.tick(9_999, connected=True) is None
    assert silence.tick(30_000, connected=False) is None, "not connected: nobody listens"
    assert silence.tick(31_000, connected=True) is None, "it begins with the connection"
    assert silence.tick(40_999, connected=True) is None
    assert silence.tick(41_200, connected=True) == 10_200
    assert silence.tick(51_199, connected=True) is None
    assert silence.tick(51_200, connected=True) == 10_000


def test_a_status_file_that_is_missing_or_incomplete_is_no_status(tmp_path: Path) -> None:
    assert read_status(tmp_path / "none.json") is None
    (tmp_path / "incomplete.json").write_text('{"at": 1, "conn')
    assert read_status(tmp_path / "incomplete.json") is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("mounting a small disk needs root")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", folder], check=False).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_real_disk_fills_up_and_is_freed(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    source = ScriptedSource([messages(n, size=20_000) for n in range(1, 31)], Event())

    statuses = []

    def free_at_the_third_wait() -> None:
        status = read_status(small_disk / "status.json")
        statuses.append(status is not None and status.disk_full)
        if source.waits == 3:
            ballast.unlink()

    source.on_wait = free_at_the_third_wait
    log = closed_later(RawLog(small_disk / "log"))
    run(source, log, small_disk)
    log.close()
    assert source.waits == 3, "the disk was full, and the append succeeded as soon as there was room"
    assert all(statuses), "and the status file on that very disk showed it"
    assert [record.message for record in closed_later(RawLog(small_disk / "log")).read(0, 100)] == source.acknowledged
    assert len(source.acknowledged) == 30
