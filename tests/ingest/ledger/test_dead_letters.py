"""Dead letters are found, shown and redriven; the ledger balances at every moment."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from devices.city.model import Device, DeviceRole
from devices.readings.refusals import Reason
from ingest.ledger.dead_letters import AlreadyRedriven, DeadLetters, NoSuchLetter
from ingest.log.raw_log import RawLogFull
from ingest.log.records import RawMessage
from tests.ingest.recorder.parts import CITY, NOW, Bench, MemoryLog, counts, position

UNREGISTERED = position(1, device="truck-9")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def letters(bench: Bench) -> DeadLetters:
    return DeadLetters(bench.state_path)


def register_truck_9(bench: Bench) -> None:
    bench.city = replace(CITY, devices={**CITY.devices, "truck-9": Device("truck-9", DeviceRole.TRUCK)})


async def test_the_letter_of_a_device_registered_later_is_redriven(bench: Bench, letters: DeadLetters) -> None:
    bench.receive(UNREGISTERED, position(1))
    recorder = bench.start()
    await bench.drain(recorder)
    register_truck_9(bench)
    [letter] = letters.list(device="truck-9")
    assert letters.redrive(letter.id, bench.log, NOW + 1) == 3
    assert counts(bench.ledger()) == {"received": 2, "stored": 1, "queued": 1}
    assert counts(await bench.drain(recorder)) == {"received": 2, "stored": 2}
    assert bench.ledger().balanced
    assert letters.list() == []
    assert [letter.redriven_offset for letter in letters.list(redriven=True)] == [3]
    with pytest.raises(AlreadyRedriven):
        letters.redrive(letter.id, bench.log, NOW + 2)
    assert counts(bench.ledger()) == {"received": 2, "stored": 2}


async def test_a_letter_redriven_with_nothing_fixed_is_refused_again(bench: Bench, letters: DeadLetters) -> None:
    bench.receive(UNREGISTERED)
    await bench.drain()
    [letter] = letters.list()
    letters.redrive(letter.id, bench.log, NOW)
    assert counts(await bench.drain()) == {"received": 1, "quarantined": {"unknown_device": 1}}
    [again] = letters.list()
    assert again.id > letter.id


async def test_a_redriven_conflict_is_a_conflict_again_not_a_duplicate_of_itself(
    bench: Bench, letters: DeadLetters
) -> None:
    bench.receive(position(1), position(1, lat=36.0))
    recorder = bench.start()
    await bench.drain(recorder)
    [letter] = letters.list(reason=Reason.CONFLICT)
    letters.redrive(letter.id, bench.log, NOW)
    assert counts(await bench.drain(recorder)) == {"received": 2, "stored": 1, "quarantined": {"conflict": 1}}
    assert len(letters.list()) == 1


@dataclass
class FailingLog:
    """Fails before or after the append."""

    log: MemoryLog
    after: bool
    error: Exception

    def append(self, messages: Sequence[RawMessage]) -> int:
        if self.after:
            self.log.append(messages)
        raise self.error


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_around_the_append_never_loses_a_letter(bench: Bench, letters: DeadLetters, after: bool) -> None:
    bench.receive(UNREGISTERED)
    await bench.drain()
    register_truck_9(bench)
    [letter] = letters.list()
    with pytest.raises(KeyError):
        letters.redrive(letter.id, FailingLog(bench.log, after, KeyError("power cut")), NOW)
    assert bench.ledger().balanced
    assert [waiting.id for waiting in letters.list()] == [letter.id], "it still waits"
    letters.redrive(letter.id, bench.log, NOW)
    expected = {"received": 2, "stored": 1, "duplicate": 1} if after else {"received": 1, "stored": 1}
    assert counts(await bench.drain()) == expected
    assert bench.ledger().balanced


async def test_a_full_log_leaves_everything_as_it_was(bench: Bench, letters: DeadLetters) -> None:
    bench.receive(UNREGISTERED)
    before = await bench.drain()
    [letter] = letters.list()
    with pytest.raises(RawLogFull):
        letters.redrive(letter.id, FailingLog(bench.log, after=False, error=RawLogFull("disk full")), NOW)
    assert bench.ledger() == before
    assert letters.list() == [letter]


@dataclass
class LogWithAnotherRedrive:
    """Another process redrives the same letter meanwhile; one of the two finds the disk full."""

    bench: Bench
    letter_id: int
    other_fails: bool

    def append(self, messages: Sequence[RawMessage]) -> int:
        letters, full = DeadLetters(self.bench.state_path), RawLogFull("disk full")
        if self.other_fails:
            with pytest.raises(RawLogFull):
                letters.redrive(self.letter_id, FailingLog(self.bench.log, after=False, error=full), NOW)
            return self.bench.log.append(messages)
        letters.redrive(self.letter_id, self.bench.log, NOW)
        raise full


@pytest.mark.parametrize("other_fails", [False, True])
async def test_the_failing_one_of_two_simultaneous_redrives_undoes_nothing(
    bench: Bench, letters: DeadLetters, other_fails: bool
) -> None:
    bench.receive(UNREGISTERED)
    await bench.drain()
    register_truck_9(bench)
    [letter] = letters.list()
    with nullcontext() if other_fails else pytest.raises(RawLogFull):
        letters.redrive(letter.id, LogWithAnotherRedrive(bench, letter.id, other_fails), NOW)
    assert counts(await bench.drain()) == {"received": 1, "stored": 1}
    assert letters.list() == []


async def test_letters_are_found_by_device_reason_and_time_and_paged(bench: Bench, letters: DeadLetters) -> None:
    for number in range(5):
        bench.receive_raw("haulwatch/v1/truck-1/position", b"noise", NOW + number)
    bench.receive_raw("haulwatch/v1/truck-2/position", b'{"ts":1700000000000,"lat":1.0}', NOW + 2)
    await bench.drain()
    assert len(letters.list(device="truck-1")) == 5
    assert [letter.device for letter in letters.list(reason=Reason.MISSING_FIELD)] == ["truck-2"]
    assert [letter.device for letter in letters.list(devices=["truck-2", "truck-9"])] == ["truck-2"]
    assert letters.list(devices=[]) == letters.list(devices=["truck-2"], device="truck-1") == []
    assert [letter.received_at - NOW for letter in letters.list(since=NOW + 1, until=NOW + 3)] == [1, 2, 2]
    first = letters.list(device="truck-1", limit=3)
    rest = letters.list(device="truck-1", limit=3, after_id=first[-1].id)
    assert [letter.received_at - NOW for letter in first + rest] == [0, 1, 2, 3, 4]


async def test_hostile_bytes_are_safe_to_show_and_kept_as_they_came(bench: Bench, letters: DeadLetters) -> None:
    hostile = b"\x1b[2J\x00\xff\r\n" + "\u202e沁水".encode() + b"a" * 9_000
    bench.receive_raw("haulwatch/v1/truck-1/position", hostile)
    await bench.drain()
    [letter] = letters.list()
    assert letters.show(letter.id) == letter
    assert letter.shown.startswith(r"\x1b[2J\x00\xff\r\n\u202e沁水aaa")
    assert letter.shown.isprintable()
    assert len(letter.shown) < 5_000
    assert (letter.size_bytes, letters.payload(letter.id)) == (len(hostile), hostile)


def test_an_unknown_id_raises(bench: Bench, letters: DeadLetters) -> None:
    for ask in (letters.show, letters.payload, lambda letter_id: letters.redrive(letter_id, bench.log, NOW)):
        with pytest.raises(NoSuchLetter, match="77"):
            ask(77)
    assert bench.log.messages == []


async def test_the_recorder_is_not_held_up_while_the_log_is_written(bench: Bench, letters: DeadLetters) -> None:
    bench.receive(UNREGISTERED)
    await bench.drain()

    class LogThatLooks(MemoryLog):
        def append(self, messages: Sequence[RawMessage]) -> int:
            with closing(sqlite3.connect(bench.state_path, timeout=0)) as other:
                other.execute("BEGIN IMMEDIATE")
            return super().append(messages)

    [letter] = letters.list()
    assert letters.redrive(letter.id, LogThatLooks(), NOW) == 1
