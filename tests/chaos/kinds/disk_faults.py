"""Files that are locked, full or half written."""

import os
from pathlib import Path
from typing import Final

from haulwatch.settings.data_files import judge_state_path, publisher_cursors_path, recorder_state_path
from tests.chaos.faults import Fault, Size
from tests.chaos.yard import PROCESSES, Yard
from tests.spoiled import spoil_pages

_ROOM_BYTES: Final = 16_384
"""Enough for the status file and log lines, too little for the raw log."""
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24


def journal_locked(yard: Yard, size: Size) -> None:
    """Judgement goes on and its changes wait in the outbox; then each is journaled once."""
    with yard.locked(yard.folder / "haulwatch.db"):
        yard.rest(size.locked_s, size.locked_s)


def recorder_locked(yard: Yard, size: Size) -> None:
    """The recorder waits, keeps its batch, and commits it once."""
    with yard.locked(recorder_state_path(yard.settings)):
        yard.rest(size.locked_s, size.locked_s)


def disk_full(yard: Yard, size: Size) -> None:
    """The collector stops acknowledging, /readyz says so, and it continues by itself when there is room."""
    with yard.full_disk("collect", _ROOM_BYTES):
        yard.expect_unready("collector", "nothing is acknowledged", 15)
        yard.rest(size.outage_s, size.outage_s)
    yard.expect(lambda: yard.readiness().get("collector", (False, ""))[0], "the collector is ready again", 20)


def half_written(yard: Yard, size: Size) -> None:
    """Power fails in the middle of a write: the half frame is ignored, everything before it is read.

    All four processes are killed, so that none holds the log open. The synced part stays, as on a disk; half of a frame
    and noise follow it; a draft of a segment is left as well.
    """
    yard.rest(0.5, 1.5)
    for name in PROCESSES:
        yard.kill(name)
        yard.kills += 1
    newest = yard.log_files()[-1]
    _tear(newest.with_name(f"{newest.name}-wal"), yard.dice.randbytes(3_000))
    (newest.parent / "draft-1").write_bytes(b"half a segment")
    for name in PROCESSES:
        yard.start(name)
    yard.until_connected()


def spoiled_pages(yard: Yard, size: Size) -> None:
    """Checkpoint and positions of the publishers are set aside and made again; no alert is lost or judged twice.

    All four processes are killed, since a process has pages of its own in memory.
    """
    yard.rest(0.5, 1.5)
    for name in PROCESSES:
        yard.kill(name)
        yard.kills += 1
    for path in (judge_state_path(yard.settings), publisher_cursors_path(yard.settings)):
        spoil_pages(path, yard.dice, pages=4)
    for name in PROCESSES:
        yard.start(name)
    yard.until_connected()
    yard.until_at_work("judge")


def _tear(wal: Path, noise: bytes) -> None:
    """Append to the last whole frame of a write-ahead log the first half of a copy of it, and noise (SQLite file
    format, section 4).
    """
    with wal.open("r+b") as file:
        header = file.read(_WAL_HEADER)
        frame_bytes = _FRAME_HEADER + int.from_bytes(header[8:12], "big")
        end, last = _WAL_HEADER, b""
        while len(frame := file.read(frame_bytes)) == frame_bytes and frame[8:16] == header[16:24]:
            end, last = end + frame_bytes, frame
        file.seek(end)
        file.write(last[: len(last) // 2] + noise)
        file.flush()
        os.fsync(file.fileno())


FAULTS: Final = (
    Fault("registry and journal locked", journal_locked),
    Fault("recorder's file locked", recorder_locked),
    Fault("disk full under the raw log", disk_full),
    Fault("last segment half written", half_written),
    Fault("pages of the judge's files spoiled", spoiled_pages),
)
