"""Retention of the raw log (size, age, and nothing that a consumer has not read) and of dead letters."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from devices.readings.refusals import Reason, Refusal
from haulwatch.process import system_clock
from haulwatch.process.retention import PacedClock, Retention
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.deltas import LedgerDelta
from ingest.ledger.refused import RefusedReading
from ingest.log.raw_log import RawLog
from ingest.log.records import CONSUMERS, RawMessage
from ingest.recorder.state import BatchCommit, RecorderState

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
    Retention(log, keep_bytes=0, keep_ms=1, clock=system_clock.now_ms).trim()
    assert log.first_offset() == 1


def test_only_read_segments_are_removed(log: RawLog) -> None:
    commit(log, 10, 4)
    Retention(log, keep_bytes=0, keep_ms=0, clock=system_clock.now_ms).trim()
    assert 1 < log.first_offset() <= 5


def test_old_segments_are_removed_although_there_is_room(log: RawLog) -> None:
    commit(log, 10, 10)
    Retention(log, keep_bytes=1 << 30, keep_ms=3 * DAY_MS, clock=system_clock.now_ms).trim()
    assert log.first_offset() == 1
    Retention(log, keep_bytes=1 << 30, keep_ms=DAY_MS, clock=system_clock.now_ms).trim()
    assert log.first_offset() > 1


def test_without_a_limit_of_age_old_segments_stay(log: RawLog) -> None:
    commit(log, 10, 10)
    Retention(log, keep_bytes=1 << 30, keep_ms=0, clock=system_clock.now_ms).trim()
    assert log.first_offset() == 1


class Clocks:
    """A wall clock that people set, and one that nobody can set."""

    def __init__(self) -> None:
        self.wall_ms, self.monotonic_s = 1_790_000_000_000, 0.0

    def wall(self) -> int:
        return self.wall_ms

    def monotonic(self) -> float:
        return self.monotonic_s

    def pass_(self, ms: int) -> None:
        self.wall_ms += ms
        self.monotonic_s += ms / 1000


def test_one_jump_of_the_clock_removes_nothing_also_over_a_restart(tmp_path: Path) -> None:
    clocks, file = Clocks(), tmp_path / "retention.clock"
    with closing(RawLog(tmp_path / "raw", segment_bytes=1)) as log:
        for hour in range(10):
            log.append([RawMessage("t", bytes(1_000), clocks.wall_ms - (10 - hour) * 3_600_000)])
        commit(log, 10, 10)

        def trim() -> int:
            clock = PacedClock(file, clocks.wall_ms, clocks.wall, clocks.monotonic)
            kept = Retention(log, keep_bytes=1 << 30, keep_ms=30 * DAY_MS, clock=clock)
            for _ in range(60):
                clocks.pass_(60_000)
                kept.trim()
            return log.first_offset()

        assert trim() == 1
        clocks.wall_ms += 31 * DAY_MS
        assert [trim() for _ in range(3)] == [1, 1, 1], "an hour each, in processes of their own"
        clocks.wall_ms -= 31 * DAY_MS
        assert trim() == 1


def test_age_is_still_age(tmp_path: Path) -> None:
    """Segments go when their time has passed, a process that was away catches up, and a spoiled file begins anew."""
    clocks, file = Clocks(), tmp_path / "retention.clock"
    clock = PacedClock(file, None, clocks.wall, clocks.monotonic)
    for _ in range(48):
        clocks.pass_(3_600_000)
        assert clock() == clocks.wall_ms
    clocks.wall_ms += 5 * DAY_MS  # the process was away
    clock = PacedClock(file, clocks.wall_ms, clocks.wall, clocks.monotonic)
    for _ in range(5):
        clocks.pass_(DAY_MS)
        clock()
    assert clock() == clocks.wall_ms
    file.write_bytes(b"?")
    assert PacedClock(file, 7, clocks.wall, clocks.monotonic)() == 7


def test_old_dead_letters_are_purged(log: RawLog, tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "recorder.db")
    now = system_clock.now_ms()
    refused = [
        RefusedReading("truck-1", "truck-1", Refusal(Reason.BROKEN_JSON, "cut"), "t", b"{", now - days * DAY_MS)
        for days in (1, 3)
    ]
    with closing(RecorderState(tmp_path / "recorder.db")) as state:
        state.commit(BatchCommit({}, [], [], refused, [], LedgerDelta()))
    Retention(log, keep_bytes=1 << 30, keep_ms=0, clock=system_clock.now_ms, letters=letters, keep_letters_ms=0).purge()
    assert len(letters.list()) == 2
    Retention(
        log, keep_bytes=1 << 30, keep_ms=0, clock=system_clock.now_ms, letters=letters, keep_letters_ms=2 * DAY_MS
    ).purge()
    assert [letter.received_at for letter in letters.list()] == [now - DAY_MS]
