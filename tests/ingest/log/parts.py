"""Helpers for tests of the raw log: messages, small segments, and a disk that refuses writes."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.log.records import LogRecord, RawMessage

SMALL_BYTES = 16 * 1024
"""Size of a segment that a few messages fill."""


def message(number: int, size: int = 10) -> RawMessage:
    return RawMessage("haulwatch/v1/truck-1/position", b"%d " % number + b"x" * size, 1_700_000_000_000 + number)


def numbers(records: list[LogRecord]) -> list[int]:
    return [int(record.message.payload.split()[0]) for record in records]


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.segment"))


@contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """The kernel itself refuses the write (EFBIG), half-way through the batch; needs no privileges."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
