"""Files that are locked, full or half written."""

import os
from pathlib import Path
from typing import Final

from haulwatch.settings.data_files import recorder_state_path
from tests.chaos.faults import Fault, Size
from tests.chaos.small_disk_yard import SmallDiskYard
from tests.chaos.small_disk_yard import absent as small_disk_absent
from tests.chaos.yard import Yard

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


def one_disk_full(yard: Yard, size: Size) -> None:
    """Not a byte is left for any file, the broker's neither. The collector stops acknowledging and /readyz says so;
    when there is room again, all go on by themselves.
    """
    assert isinstance(yard, SmallDiskYard)
    yard.rest(0.5, 1.5)
    ballast = yard.fill()
    yard.expect_unready("collector", "nothing is acknowledged", 30)
    yard.rest(size.outage_s, size.outage_s)
    ballast.unlink()
    yard.expect(yard.ready, "/readyz says ready", 60)


def half_written(yard: Yard, size: Size) -> None:
    """Power fails in the middle of a write: the half frame is ignored, everything before it is read.

    All four processes are killed, so that none holds the log open. The synced part stays, as on a disk; half of a frame
    and noise follow it; a draft of a segment is left as well.
    """
    yard.rest(0.5, 1.5)
    yard.kill_all()
    newest = yard.log_files()[-1]
    _tear(newest.with_name(f"{newest.name}-wal"), yard.dice.randbytes(3_000))
    (newest.parent / "draft-1").write_bytes(b"half a segment")
    yard.start_all()


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
)
ON_A_SMALL_DISK: Final = (
    Fault("one disk of all files is full", one_disk_full, SmallDiskYard, absent=small_disk_absent),
)
