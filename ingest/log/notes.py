"""Notes: small texts on disk that are overwritten in place, so that a full disk cannot stop progress from being noted.

A note has two slots of one disk sector each. A write goes to the older one, so that one that is cut short, by a crash
or under the eyes of a reader, leaves the other.
"""

import os
from pathlib import Path
from typing import IO, Final
from zlib import crc32

SLOT_BYTES: Final = 512
_SLOTS: Final = 2


def read_note(path: Path) -> str | None:
    """Return the last text that was written whole; None where there is none. Raises OSError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(content) != _SLOTS * SLOT_BYTES:  # written by a former version, which replaced the file each time
        return content.decode(errors="replace")
    slots = [slot for slot in _slots(content) if slot is not None]
    return max(slots)[1] if slots else None


def write_note(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace the text (not empty), and sync it to the disk if it is to be durable. One writer at a time.

    Raises OSError.
    """
    with _opened(path) as file:
        slots = _slots(file.read())
        numbers = [-1 if slot is None else slot[0] for slot in slots]
        index, number = numbers.index(min(numbers)), max(numbers) + 1
        file.seek(index * SLOT_BYTES)
        file.write(_slot(number, text))
        file.flush()
        if durable:
            os.fsync(file.fileno())


def prepare_note(path: Path) -> None:
    """Take the space on disk for a note that may have to be written when there is none left. Raises OSError."""
    _opened(path).close()


def _opened(path: Path) -> IO[bytes]:
    """The file, at its full size; made, or made anew from that of a former version, where that is not so."""
    if not path.exists() or path.stat().st_size != _SLOTS * SLOT_BYTES:
        former = read_note(path)
        draft = path.with_suffix(f".draft-{os.getpid()}")
        empty = b" " * (SLOT_BYTES - 1) + b"\n"
        draft.write_bytes((empty if former is None else _slot(0, former)) + empty)
        draft.replace(path)
    return path.open("r+b")


def _slot(number: int, text: str) -> bytes:
    body = f"{number} {text}".encode()
    packed = b"%08x " % crc32(body) + body
    if len(packed) >= SLOT_BYTES:
        raise ValueError(f"a note of {len(packed)} bytes does not fit into {SLOT_BYTES}")
    return packed.ljust(SLOT_BYTES - 1) + b"\n"


def _slots(content: bytes) -> list[tuple[int, str] | None]:
    return [_read_slot(content[start : start + SLOT_BYTES]) for start in range(0, _SLOTS * SLOT_BYTES, SLOT_BYTES)]


def _read_slot(slot: bytes) -> tuple[int, str] | None:
    """Number and text; None if it is empty or cut short."""
    crc, _, body = slot.rstrip().partition(b" ")
    if not body or crc != b"%08x" % crc32(body):
        return None
    number, _, text = body.decode().partition(" ")
    return int(number), text
