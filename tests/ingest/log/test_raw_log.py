"""The raw log: messages read back whole, once, in order, over segments, processes, kills and full disks."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ingest.log.raw_log import RawLog, RawLogCorrupt, RawLogError, RawLogFull
from ingest.log.records import LogRecord, RawMessage
from tests.closing import closed_later
from tests.ingest.log.parts import SMALL_BYTES, files, message, no_file_larger_than, numbers
from tests.spoiled import spoil_pages
from tests.waiting import PATIENCE_S


def test_an_empty_log_has_nothing_to_read(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path / "log"))
    assert log.read(0, 10) == []
    assert (log.first_offset(), log.last_offset(), log.committed()) == (1, 0, {})
    assert log.append([message(1)]) == 1
    assert log.read(0, 10) == [LogRecord(1, message(1))]
    assert log.read(1, 10) == []


def test_a_reader_that_polls_sees_what_another_handle_appends_over_segments(tmp_path: Path) -> None:
    writer, reader = closed_later(RawLog(tmp_path, SMALL_BYTES)), closed_later(RawLog(tmp_path, SMALL_BYTES))
    after, read = 0, []
    for number in range(60):
        writer.append([message(number, size=2000)])
        records = reader.read(after, 100)
        read += records
        after = records[-1].offset
        assert reader.read(after, 100) == []
    assert numbers(read) == list(range(60))
    assert len(files(tmp_path)) > 3
    assert numbers(closed_later(RawLog(tmp_path)).read(0, 1000)) == list(range(60)), "one read crosses segments"


class LogAsAList(RuleBasedStateMachine):
    """Whatever is done with two handles on one log, it reads as a list would."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.directory = Path(self.folder.name)
        self.handles = [RawLog(self.directory, size) for size in self.sizes]
        self.model: list[RawMessage] = []
        self.first = 1
        self.judged_to = 0

    sizes = (SMALL_BYTES, 3 * SMALL_BYTES)
    """Two processes may have different settings."""
    texts = st.text(st.characters(codec="utf-8"), max_size=30)
    messages = st.builds(
        RawMessage, texts, st.binary(max_size=40) | st.just(6000).map(bytes), st.integers(-(2**63), 2**63 - 1)
    )

    @rule(handle=st.integers(0, 1), batch=st.lists(messages, max_size=8))
    def append(self, handle: int, batch: list[RawMessage]) -> None:
        self.model += batch
        assert self.handles[handle].append(batch) == len(self.model)

    @rule(handle=st.integers(0, 1), after=st.integers(0, 60), limit=st.integers(1, 60))
    def read(self, handle: int, after: int, limit: int) -> None:
        start = max(after, self.first - 1)
        expected = [LogRecord(start + 1 + i, m) for i, m in enumerate(self.model[start : start + limit])]
        assert self.handles[handle].read(after, limit) == expected

    @rule(handle=st.integers(0, 1))
    def reopen(self, handle: int) -> None:
        self.handles[handle].close()
        self.handles[handle] = RawLog(self.directory, self.sizes[handle])

    @rule(handle=st.integers(0, 1), back=st.integers(0, 10))
    def commit_and_trim(self, handle: int, back: int) -> None:
        self.judged_to = max(self.judged_to, len(self.model) - back)
        self.handles[handle].commit("judge", self.judged_to)
        self.handles[1 - handle].trim(keep_bytes=0)
        self.first = self.handles[handle].first_offset()
        assert self.first <= self.judged_to + 1

    @invariant()
    def ends_agree(self) -> None:
        assert [handle.last_offset() for handle in self.handles] == [len(self.model)] * 2

    def teardown(self) -> None:
        for handle in self.handles:
            handle.close()
        self.folder.cleanup()


TestLogAsAList = LogAsAList.TestCase
TestLogAsAList.settings = settings(max_examples=60, stateful_step_count=12)


APPEND_FOR_EVER = """
import sys
from pathlib import Path
from ingest.log.records import RawMessage
from ingest.log.raw_log import RawLog
log, name, batches = RawLog(Path(sys.argv[1]), int(sys.argv[2])), sys.argv[3], int(sys.argv[4])
for batch in range(batches):
    log.append([RawMessage(name, b"%d %d" % (batch, i) + b"x" * 500, 0) for i in range(20)])
    print(batch, flush=True)
"""


def appender(directory: Path, name: str, batches: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", APPEND_FOR_EVER, str(directory), str(256 * 1024), name, str(batches)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_a_kill_during_appends_leaves_each_batch_whole_or_not_at_all(tmp_path: Path) -> None:
    dice = random.Random(20)
    for run in range(5):
        with appender(tmp_path, f"run-{run}", 1_000_000) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(dice.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
            acknowledged = [0] + [int(line) for line in process.stdout.read().splitlines() if line.isdigit()]
        log = closed_later(RawLog(tmp_path))
        records: list[LogRecord] = []
        while more := log.read(len(records), 1_000_000):  # a read is bounded in bytes
            records += more
        assert [record.offset for record in records] == list(range(1, len(records) + 1))
        mine = [record.message.payload.split(b"x")[0] for record in records if record.message.topic == f"run-{run}"]
        batches = len(mine) // 20
        assert mine == [b"%d %d" % (batch, i) for batch in range(batches) for i in range(20)], "a torn batch"
        assert batches > max(acknowledged), "a batch that was acknowledged is gone"
        log.close()
    assert len(files(tmp_path)) > 1


def test_two_processes_append_without_gap_or_clash(tmp_path: Path) -> None:
    processes = [appender(tmp_path, name, 60) for name in ("collector", "redrive")]
    for process in processes:
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
    records = closed_later(RawLog(tmp_path)).read(0, 10_000)
    assert [record.offset for record in records] == list(range(1, 2 * 60 * 20 + 1))
    for name in ("collector", "redrive"):
        mine = [record.message.payload.split(b"x")[0] for record in records if record.message.topic == name]
        assert mine == [b"%d %d" % (batch, i) for batch in range(60) for i in range(20)]
    assert len(files(tmp_path)) > 1


def test_a_write_that_the_kernel_refuses_leaves_nothing_and_later_appends_succeed(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path))
    log.append([message(1)])
    (wal,) = tmp_path.glob("*-wal")
    batch = [message(number, size=5000) for number in range(100, 150)]
    with no_file_larger_than(max(wal.stat().st_size, 64 * 1024) + 50_000):
        for _ in range(3):
            with pytest.raises(RawLogFull, match="segment"):
                log.append(batch)
        assert numbers(closed_later(RawLog(tmp_path)).read(0, 1000)) == [1]
        assert log.append([message(2)]) == 2, "a small batch still fits"
    assert log.append(batch) == 52
    assert numbers(closed_later(RawLog(tmp_path)).read(0, 1000)) == [1, 2, *range(100, 150)]


def test_a_disk_without_room_for_the_next_segment_is_full_and_nothing_worse(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path, SMALL_BYTES))
    while len(files(tmp_path)) < 2:
        last = log.append([message(1, size=3000)] * 4)
    log.append([message(1, size=3000)] * 4)
    with no_file_larger_than(0), pytest.raises(RawLogFull):
        log.append([message(2)])
    assert log.append([message(3)]) == last + 5
    assert numbers(closed_later(RawLog(tmp_path)).read(last + 4, 10)) == [3]
    assert not list(tmp_path.glob("draft-*"))


def test_a_changed_record_is_named_and_its_neighbours_are_read(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path))
    log.append([message(number) for number in range(1, 6)])
    with sqlite3.connect(next(tmp_path.glob("*.segment"))) as db:
        db.execute("UPDATE message SET payload = ? WHERE offset = 3", (b"3 forged",))
    db.close()
    assert numbers(log.read(0, 10)) == [1, 2]
    with pytest.raises(RawLogCorrupt, match="offset 3: checksum") as caught:
        log.read(2, 10)
    assert numbers(log.read(caught.value.offset, 10)) == [4, 5]


@pytest.mark.parametrize("column", ["topic", "payload", "received_at", "crc"])
def test_a_column_damaged_into_another_type_is_named_as_well(tmp_path: Path, column: str) -> None:
    """A flipped bit in the header of a row changes the type of a value."""
    log = closed_later(RawLog(tmp_path))
    log.append([message(number) for number in range(1, 4)])
    with sqlite3.connect(next(tmp_path.glob("*.segment"))) as db:
        db.execute(
            f"UPDATE message SET {column} = x'00ff' WHERE offset = 2"
            if column != "payload"
            else "UPDATE message SET payload = 7 WHERE offset = 2"
        )
    db.close()
    assert numbers(log.read(0, 10)) == [1]
    with pytest.raises(RawLogCorrupt, match="offset 2"):
        log.read(1, 10)
    assert numbers(log.read(2, 10)) == [3]


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path))
    log.append([message(number) for number in range(1, 4)])
    with sqlite3.connect(next(tmp_path.glob("*.segment"))) as db:
        db.execute("DELETE FROM message WHERE offset = 2")
    db.close()
    assert numbers(log.read(0, 10)) == [1]
    with pytest.raises(RawLogCorrupt, match="offset 2: missing"):
        log.read(1, 10)


def test_trimming_waits_for_the_slowest_consumer_and_keeps_the_newest_segment(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path, SMALL_BYTES))
    for number in range(1, 41):
        log.append([message(number, size=3000)])
    before = log.stat()
    assert before.segments > 4
    assert log.trim(keep_bytes=0) == 0, "no consumer has read anything"
    log.commit("recorder", 40)
    log.commit("judge", 11)
    assert log.trim(keep_bytes=10**9) == 0, "there is room"
    assert log.trim(keep_bytes=0) > 0
    assert 1 < log.first_offset() <= 12
    assert numbers(log.read(11, 100)) == list(range(12, 41)), "the judge misses nothing"
    assert numbers(log.read(0, 1)) == [log.first_offset()], "a late reader begins at the oldest record kept"
    log.commit("judge", 40)
    log.trim(keep_bytes=0)
    after = log.stat()
    assert (after.segments, after.last_offset, after.committed) == (1, 40, {"recorder": 40, "judge": 40})
    assert after.size_bytes < before.size_bytes
    assert log.append([message(41)]) == 41


def test_a_writer_whose_segment_was_trimmed_away_meanwhile_goes_on_in_the_newest(tmp_path: Path) -> None:
    idle_writer, log = closed_later(RawLog(tmp_path, SMALL_BYTES)), closed_later(RawLog(tmp_path, SMALL_BYTES))
    idle_writer.append([message(1, size=3000)])
    for number in range(2, 30):
        log.append([message(number, size=3000)])
    log.commit("recorder", 29)
    log.trim(keep_bytes=0)
    kept = files(tmp_path)
    assert len(kept) == 1
    assert idle_writer.append([message(30)]) == 30
    assert files(tmp_path) == kept
    assert numbers(log.read(28, 10)) == [29, 30]


def test_a_damaged_page_costs_the_records_on_it_and_no_others(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path))
    log.append([message(number, size=1000) for number in range(1, 101)])
    log.close()
    (segment,) = tmp_path.glob("*.segment")
    whole, page = segment.read_bytes(), 4096
    at = whole.index(b"50 xxx") // page * page
    segment.write_bytes(whole[:at] + b"\xff" * page + whole[at + page :])
    log, after, read, lost = closed_later(RawLog(tmp_path)), 0, list[int](), list[int]()
    while after < 100:
        try:
            read += numbers(log.read(after, 1000))
            after = read[-1]
        except RawLogCorrupt as exc:
            lost += range(exc.offset, exc.through + 1)
            after = exc.through
    assert 50 in lost
    assert len(lost) <= 6
    assert sorted(read + lost) == list(range(1, 101))
    assert log.read(100, 10) == []


def test_a_damaged_file_is_skipped_at_once_and_names_what_is_lost(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path, SMALL_BYTES))
    while len(files(tmp_path)) < 2:
        log.append([message(0, size=3000)] * 4)
    log.close()
    oldest, newest = sorted(tmp_path.glob("*.segment"))
    oldest.write_bytes(b"no database" * 1000)
    log, first = closed_later(RawLog(tmp_path, SMALL_BYTES)), int(newest.stem)
    with pytest.raises(RawLogCorrupt, match=f"{oldest.name}: offsets 3 to {first - 1}") as caught:
        log.read(2, 1000)
    assert (caught.value.offset, caught.value.through) == (3, first - 1)
    assert [record.offset for record in log.read(first - 1, 1)] == [first]


def test_a_damaged_newest_file_is_an_error_of_the_log_until_the_next_message_begins_another(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path))
    log.append([message(1)])
    log.close()
    (segment,) = tmp_path.glob("*.segment")
    segment.write_bytes(b"no database" * 1000)
    for call in (lambda: log.read(0, 1), lambda: log.read(7, 1), log.last_offset):
        with pytest.raises(RawLogError, match=segment.name) as caught:
            call()
        assert not isinstance(caught.value, RawLogCorrupt), "a reader would skip records for ever"
    other = closed_later(RawLog(tmp_path))
    last = log.append([message(2)])
    assert other.append([message(3)]) == last + 1 == log.last_offset(), "two collectors go on in one segment"
    assert last > 4_000_000, "no offset is given out twice"
    with pytest.raises(RawLogCorrupt, match=segment.name) as damage:
        log.read(0, 10)
    assert numbers(log.read(damage.value.through, 10)) == [2, 3]


@pytest.mark.parametrize("newest", [False, True])
def test_spoiled_pages_cost_the_records_on_them_and_the_rest_is_read(tmp_path: Path, newest: bool) -> None:
    """Real pages at random places, also the first one and those that lead to others. Every record is read or named."""
    for seed in range(25):
        folder, dice = tmp_path / str(seed), random.Random(seed)
        log = closed_later(RawLog(folder, 400_000))
        last = 0
        for _ in range(8):
            last = log.append([message(last + number, size=dice.choice((10, 900, 9_000))) for number in range(1, 41)])
        log.close()
        segments = files(folder)
        spoil_pages(folder / segments[-1 if newest else 0], dice, pages=dice.choice((1, 3)))
        log = closed_later(RawLog(folder, 400_000))
        end = log.append([message(-1)])
        read, lost, after, damages = list[int](), list[int](), 0, 0
        while after < end:
            try:
                records = log.read(after, 50)
            except RawLogCorrupt as exc:
                damages += 1
                lost += range(exc.offset, min(exc.through, last) + 1)
                after = exc.through
            else:
                read += [record.offset for record in records]
                after = records[-1].offset
        assert sorted({*read, *lost}) == [*range(1, last + 1), end], f"seed {seed}"
        assert damages < 200, f"seed {seed}: what is lost is skipped in pieces, not one by one"
        log.close()


def test_one_read_returns_a_few_large_payloads_at_a_time(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path, segment_bytes=20_000_000))
    for number in range(1, 6):
        log.append([message(number, size=6_000_000)])
    first = log.read(0, 2_000)
    assert 1 <= len(first) < 5
    read = list(first)
    while more := log.read(read[-1].offset, 2_000):
        read += more
    assert numbers(read) == [1, 2, 3, 4, 5]
    log.append([message(6)])
    assert numbers(log.read(5, 10)) == [6]


def test_a_committed_offset_that_a_power_cut_has_spoiled_keeps_everything(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path, SMALL_BYTES))
    for number in range(1, 41):
        log.append([message(number, size=3000)])
    log.commit("recorder", 40)
    (tmp_path / "judge.consumer").write_bytes(b"\0\0")
    assert log.committed() == {"judge": 0, "recorder": 40}
    assert log.trim(keep_bytes=0) == 0
