"""Retention of the raw log: size, age, and nothing that a consumer has not read."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from haulwatch.process import system_clock
from haulwatch.process.retention import Retention
from ingest.log.raw_log import RawLog
from ingest.log.records import CONSUMERS, RawMessage

DAY_MS = 86_400_000


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RawLog]:
    """Ten messages of two days ago, each in a segment of its own."""
    with closing(RawLog(tmp_path / "raw", segment_bytes=1)) as log:
        for _ in range(10):
            log.append([RawMessage("t", bytes(1_000), system_clock.now_ms() - 2 * DAY_MS)])
        yield log


def commit(log: RawLog, *offsets: int) -> None:
    for consumer, offset in zip(CONSUMERS, offsets, strict=False):
        log.commit(consumer, offset)


def test_nothing_is_removed_before_every_consumer_has_committed(log: RawLog) -> None:
    commit(log, 10)
    Retention(log, keep_bytes=0, keep_ms=1).trim()
    assert log.first_offset() == 1


def test_only_read_segments_are_removed(log: RawLog) -> None:
    commit(log, 10, 4)
    Retention(log, keep_bytes=0, keep_ms=0).trim()
    assert 1 < log.first_offset() <= 5


def test_old_segments_are_removed_although_there_is_room(log: RawLog) -> None:
    commit(log, 10, 10)
    Retention(log, keep_bytes=1 << 30, keep_ms=3 * DAY_MS).trim()
    assert log.first_offset() == 1
    Retention(log, keep_bytes=1 << 30, keep_ms=DAY_MS).trim()
    assert log.first_offset() > 1


def test_without_a_limit_of_age_old_segments_stay(log: RawLog) -> None:
    commit(log, 10, 10)
    Retention(log, keep_bytes=1 << 30, keep_ms=0).trim()
    assert log.first_offset() == 1
