"""Notes are overwritten in place: no disk space is needed, and one that is cut short leaves the one before."""

from contextlib import closing
from pathlib import Path

import pytest

from ingest.log.notes import SLOT_BYTES, prepare_note, read_note, write_note
from ingest.log.raw_log import RawLog
from ingest.log.records import CONSUMERS, RawMessage


def identity(path: Path) -> tuple[int, int, int]:
    """A new file has another inode; a larger one other sizes."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_blocks


def test_the_last_text_is_read_and_no_space_is_taken_after_the_first(tmp_path: Path) -> None:
    path = tmp_path / "note"
    assert read_note(path) is None
    prepare_note(path)
    assert read_note(path) is None
    before = identity(path)
    for text in ("1", "22", "4", "five words, and a sentence"):
        write_note(path, text, durable=True)
        assert read_note(path) == text
    assert identity(path) == before
    assert [file.name for file in tmp_path.iterdir()] == ["note"]


def test_a_write_that_is_cut_short_anywhere_leaves_the_text_before(tmp_path: Path) -> None:
    path = tmp_path / "note"
    write_note(path, "111111")
    write_note(path, "222222")
    before = path.read_bytes()
    write_note(path, "333333")
    after = path.read_bytes()
    for cut in range(2 * SLOT_BYTES):
        path.write_bytes(after[:cut] + before[cut:])
        assert read_note(path) in {"222222", "333333"}


def test_the_note_of_a_former_version_is_read_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "judge.consumer"
    path.write_text("4711")
    assert read_note(path) == "4711"
    write_note(path, "4712")
    assert (read_note(path), path.stat().st_size) == ("4712", 2 * SLOT_BYTES)


def test_a_text_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write_note(tmp_path / "note", "x" * SLOT_BYTES)


def test_consumers_commit_and_segments_are_counted_and_removed_without_new_files(tmp_path: Path) -> None:
    """A full disk would take none."""
    with closing(RawLog(tmp_path, segment_bytes=1)) as log:
        for _ in range(5):
            log.append([RawMessage("t", bytes(1_000), 0)])
        for consumer in CONSUMERS:
            log.commit(consumer, 1)
        notes = {path: identity(path) for path in tmp_path.iterdir() if path.suffix in {".consumer", ".json"}}
        assert len(notes) == 3
        names = {path.name for path in tmp_path.iterdir()}
        for consumer in CONSUMERS:
            log.commit(consumer, 2)
        assert log.remove_oldest(CONSUMERS, now=0)
        assert log.remove_oldest(CONSUMERS, now=0)
        assert log.remove_oldest(CONSUMERS, now=0)
        assert log.removed().unread == {"recorder": 1, "judge": 1}
        assert {path: identity(path) for path in notes} == notes
        assert {path.name for path in tmp_path.iterdir()} < names
