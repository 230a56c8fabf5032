"""Retention of the raw log, and the disk guard."""

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.log.disk_errors import disk_error_text
from ingest.log.disk_guard import DiskFloor, DiskPolicy, GuardedLog
from ingest.log.raw_log import RawLog, RawLogError, RawLogFull, Removed
from ingest.log.records import CONSUMERS
from tests.closing import closed_later
from tests.ingest.log.parts import SMALL_BYTES, files, message, numbers

NOW = 1_700_000_100_000
MIB = 1 << 20


def filled(folder: Path, count: int = 40) -> RawLog:
    log = closed_later(RawLog(folder, SMALL_BYTES))
    for number in range(1, count + 1):
        log.append([message(number, size=3000)])
    return log


def firsts(folder: Path) -> list[int]:
    return [int(name.split(".")[0]) for name in files(folder)]


def test_records_that_every_consumer_has_read_are_kept_for_their_age_and_no_longer(tmp_path: Path) -> None:
    log = filled(tmp_path)
    bounds = firsts(tmp_path)
    newest_of_second = message(bounds[2] - 1).received_at
    log.commit("recorder", 40)
    log.commit("judge", 40)
    assert log.trim(keep_bytes=10**9, keep_since=newest_of_second) == 1, (
        "the newest of the second segment is just young enough"
    )
    assert log.trim(keep_bytes=10**9, keep_since=newest_of_second + 1) == 1
    assert firsts(tmp_path) == bounds[2:]
    log.trim(keep_bytes=10**9, keep_since=NOW)
    assert firsts(tmp_path) == bounds[-1:], "the newest segment stays, however old"


def test_age_removes_nothing_that_a_consumer_has_still_to_read(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.commit("recorder", 40)
    log.commit("judge", 11)
    log.trim(keep_bytes=10**9, keep_since=NOW)
    assert log.first_offset() <= 12
    assert numbers(log.read(11, 100)) == list(range(12, 41))


def test_a_damaged_segment_has_no_age_and_stays(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.commit("recorder", 40)
    bounds = firsts(tmp_path)
    (tmp_path / files(tmp_path)[0]).write_bytes(b"no database" * 1000)
    assert log.trim(keep_bytes=10**9, keep_since=NOW) == 0
    assert firsts(tmp_path) == bounds


class Disk:
    """A disk whose free space is what the log leaves."""

    def __init__(self, folder: Path, free_bytes: int) -> None:
        self.folder = folder
        self.size_bytes = self.used() + free_bytes

    def used(self) -> int:
        return sum(file.stat().st_size for file in self.folder.iterdir())

    def free(self) -> int:
        return self.size_bytes - self.used()


def guarded(log: RawLog, free: Callable[[], int], reserve: int, policy: DiskPolicy = DiskPolicy.STOP) -> GuardedLog:
    return GuardedLog(log, free, reserve, policy, CONSUMERS, lambda: NOW)


def test_below_the_reserve_read_segments_go_first_and_only_as_many_as_needed(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.commit("recorder", 40)
    log.commit("judge", 40)
    before = firsts(tmp_path)
    disk = Disk(tmp_path, free_bytes=400_000)
    guard = guarded(log, disk.free, reserve=200_000)
    assert guard.append([message(41)]) == 41
    assert firsts(tmp_path)[: len(before)] == before, "there is room"
    disk.size_bytes -= 250_000
    assert guard.append([message(42)]) == 42
    assert disk.free() >= 200_000
    assert len(before) > len(firsts(tmp_path)) > 3
    assert log.removed() == Removed(), "no consumer has missed anything"


def test_unread_segments_are_kept_and_the_log_is_full_until_there_is_room(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.commit("recorder", 40)  # the judge has not begun: it has still to read everything
    kept = files(tmp_path)
    free = 99 * MIB
    guard = guarded(log, lambda: free, reserve=100 * MIB)
    with pytest.raises(RawLogFull, match=r"99 MiB are free .* 100 MiB are kept in reserve"):
        guard.append([message(41)])
    free = 105 * MIB
    with pytest.raises(RawLogFull):
        guard.append([message(41)])  # not at the first byte: it would stop and go
    assert files(tmp_path) == kept
    free = 111 * MIB
    assert guard.append([message(41)]) == 41
    free = 101 * MIB
    assert guard.append([message(42)]) == 42


def test_a_disk_that_fails_while_room_is_made_is_a_full_log(tmp_path: Path) -> None:
    log = filled(tmp_path)
    answers = [99 * MIB]

    def free() -> int:
        if answers:
            return answers.pop()
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(RawLogFull, match="I/O error"):
        guarded(log, free, reserve=100 * MIB).append([message(41)])


def test_the_judge_catches_up_and_the_log_takes_messages_again_by_itself(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.commit("recorder", 40)
    log.commit("judge", 0)
    disk = Disk(tmp_path, free_bytes=199_999)
    guard = guarded(log, disk.free, reserve=200_000)
    with pytest.raises(RawLogFull):
        guard.append([message(41)])
    log.commit("judge", 40)
    assert guard.append([message(41)]) == 41


def test_drop_oldest_removes_unread_segments_and_counts_each_record_once_for_each_consumer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log, reader = filled(tmp_path), closed_later(RawLog(tmp_path))
    log.commit("recorder", 2)
    seen = reader.read(0, 3)
    disk = Disk(tmp_path, free_bytes=199_999)
    guard = guarded(log, disk.free, 200_000, DiskPolicy.DROP_OLDEST)
    with caplog.at_level(logging.ERROR):
        assert guard.append([message(41)]) == 41
    removed, first = log.removed(), log.first_offset()
    assert 20 > first > 4
    assert removed.through == first - 1
    assert removed.unread == {"recorder": first - 1 - 2, "judge": first - 1}, "the judge never committed"
    assert removed.at == NOW
    assert "removed unread" in caplog.text
    after = reader.read(seen[-1].offset, 100)
    assert numbers(after) == list(range(first, 42)), "a reader goes on at the oldest record kept"
    assert log.stat().removed == removed

    while log.remove_oldest(CONSUMERS, NOW):
        pass
    remaining = log.first_offset()
    assert remaining > first
    assert log.removed().unread == {"recorder": remaining - 1 - 2, "judge": remaining - 1}
    assert numbers(log.read(0, 100)) == list(range(remaining, 42))


def test_a_removal_that_was_interrupted_is_not_counted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = filled(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(log, "_remove", lambda first: None)  # killed between the count and the removal
        log.remove_oldest(CONSUMERS, NOW)
    counted = log.removed()
    log.remove_oldest(CONSUMERS, NOW)
    assert log.removed().unread == counted.unread == dict.fromkeys(CONSUMERS, log.first_offset() - 1)


def test_disk_space_is_freed_although_a_process_holds_the_file_open(tmp_path: Path) -> None:
    log, reader = filled(tmp_path), closed_later(RawLog(tmp_path))
    reader.read(0, 2)
    oldest = tmp_path / files(tmp_path)[0]
    held = os.open(oldest, os.O_RDONLY)
    try:
        log.remove_oldest(CONSUMERS, NOW)
        assert os.fstat(held).st_size == 0
        assert os.fstat(held).st_nlink == 0
    finally:
        os.close(held)
    assert numbers(reader.read(2, 3)) == [log.first_offset() + n for n in range(3)]


def test_a_writer_whose_segment_was_removed_goes_on_in_the_newest(tmp_path: Path) -> None:
    idle_writer = closed_later(RawLog(tmp_path, SMALL_BYTES))
    idle_writer.append([message(1, size=3000)])
    log = closed_later(RawLog(tmp_path, SMALL_BYTES))
    for number in range(2, 30):
        log.append([message(number, size=3000)])
    while log.remove_oldest(CONSUMERS, NOW):
        pass
    assert idle_writer.append([message(30)]) == 30


def test_offsets_of_a_segment_that_was_taken_away_are_not_assigned_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A consumer that has read 1 to 40 would take a new record 35 for an old one, and skip it."""
    log, reader = filled(tmp_path), closed_later(RawLog(tmp_path))
    after = reader.read(0, 100)[-1].offset
    log.commit("recorder", after)
    log.close()
    reader.close()
    newest = tmp_path / files(tmp_path)[-1]
    newest.write_bytes(b"no database" * 1000)
    with pytest.raises(RawLogError, match="move it elsewhere"):
        log.last_offset()
    newest.rename(tmp_path.parent / "evidence")
    offset = log.append([message(41)])
    assert offset > 40 + 2_000, "beyond what a consumer may have read and not yet committed"
    assert "taken away" in caplog.text
    assert numbers(reader.read(after, 10)) == [41]
    assert log.append([message(42)]) == offset + 1
    assert numbers(reader.read(offset, 10)) == [42]
    assert numbers(closed_later(RawLog(tmp_path)).read(0, 1000)) == [*range(1, int(newest.stem)), 41, 42]


def test_a_log_of_which_only_the_committed_offsets_are_left_does_not_begin_at_one(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.commit("judge", 40)
    for name in files(tmp_path):
        (tmp_path / name).unlink()
    assert log.append([message(41)]) > 40


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, "no space is left"), (errno.EIO, "I/O error"), (errno.ENOTDIR, "Not a directory"), (None, "odd")],
)
def test_an_error_of_the_disk_is_described_without_its_number(number: int | None, expected: str) -> None:
    text = disk_error_text(OSError(number, os.strerror(number)) if number else OSError("odd"))
    assert expected in text
    assert "Errno" not in text


@pytest.mark.parametrize(
    ("free_bytes", "trouble"),
    [(100 * MIB, None), (99 * MIB, "99 MiB are free on the disk of the data directory, and 100 MiB stay free")],
)
def test_recorder_and_judge_leave_a_quarter_of_the_reserve(free_bytes: int, trouble: str | None) -> None:
    found = DiskFloor(lambda: free_bytes, 400 * MIB).trouble()
    assert found is None if trouble is None else (found or "").startswith(trouble)


def test_a_disk_that_does_not_say_how_much_is_free_is_trouble() -> None:
    def free_bytes() -> int:
        raise OSError(errno.EIO, "")

    assert "does not say how much is free" in (DiskFloor(free_bytes, MIB).trouble() or "")
