"""Dead letters are bounded, and purged; every reading stays counted, and the ledger balances all along."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from devices.city.model import Device, DeviceRole
from devices.codecs.native import encode_array
from devices.readings.models import Reading
from devices.readings.refusals import Reason
from ingest.ledger.dead_letters import DeadLetters, NotKept
from ingest.ledger.quarantine import LETTER_BYTES, LetterLimits, Quarantine
from ingest.ledger.unregistered import unregistered_devices
from ingest.recorder.state import RecorderState
from tests.ingest.recorder.parts import CITY, NOW, Bench, counts, position

TOPIC = "haulwatch/v1/truck-1/position"
JUNK = b"{" + b"x" * 60_000


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def letters(bench: Bench) -> DeadLetters:
    return DeadLetters(bench.state_path)


def state(bench: Bench, limits: LetterLimits, *, has_disk: bool = True) -> RecorderState:
    return RecorderState(bench.state_path, quarantine=Quarantine(limits, lambda: has_disk))


def disk_bytes(bench: Bench) -> int:
    return sum(path.stat().st_size for path in bench.folder.glob("recorder.db*"))


async def test_junk_beyond_the_room_of_its_device_is_one_letter_and_the_disk_is_bounded(
    bench: Bench, letters: DeadLetters
) -> None:
    limits = LetterLimits(device_bytes=20 * (len(JUNK) + LETTER_BYTES))
    for n in range(400):
        bench.receive_raw(TOPIC, JUNK, NOW + n)
    bench.receive_raw("haulwatch/v1/truck-2/position", b"{", NOW)
    ledger = await bench.drain(bench.start(state=state(bench, limits)))
    assert counts(ledger) == {"received": 401, "quarantined": {"broken_json": 401}}
    assert ledger.balanced
    kept = letters.list(limit=1_000)
    assert [(letter.device, letter.stands_for, letter.kept) for letter in kept] == [
        *[("truck-1", 1, True)] * 20,
        ("truck-2", 1, True),
        ("truck-1", 380, False),
    ]
    summed = kept[-1]
    assert summed.detail.startswith("380 readings between 2023-11-14T23:13:20.020+00:00 and 2023-11-14T23:13:20.399")
    assert (summed.size_bytes, summed.received_at) == (1_024, NOW + 20)
    assert disk_bytes(bench) < 2 * limits.device_bytes + (8 << 20)  # the write-ahead log among it
    with pytest.raises(NotKept, match="380 readings, of which only the first is kept"):
        letters.redrive(summed.id, bench.log, NOW)


async def test_the_next_readings_without_room_join_the_letter_of_the_hour(bench: Bench, letters: DeadLetters) -> None:
    recorder = bench.start(state=state(bench, LetterLimits(device_bytes=0)))
    for received_at in (NOW, NOW + 3_599_999, NOW + 3_600_000, NOW + 3_600_001):
        bench.receive_raw(TOPIC, b"{", received_at)
        await bench.drain(recorder)
    assert [letter.stands_for for letter in letters.list()] == [2, 2]


async def test_all_devices_together_have_a_bound(bench: Bench, letters: DeadLetters) -> None:
    for device in ("truck-1", "truck-2", "truck-9"):
        bench.receive_raw(f"haulwatch/v1/{device}/position", b"{")
    await bench.drain(bench.start(state=state(bench, LetterLimits(total_bytes=2 * (LETTER_BYTES + 1)))))
    assert [letter.kept for letter in letters.list()] == [True, True, False]


async def test_without_room_on_the_disk_refused_readings_are_only_counted(bench: Bench, letters: DeadLetters) -> None:
    for _ in range(5):
        bench.receive_raw(TOPIC, JUNK)
    ledger = await bench.drain(bench.start(state=state(bench, LetterLimits(), has_disk=False)))
    assert counts(ledger) == {"received": 5, "quarantined": {"broken_json": 5}}
    assert [(letter.stands_for, letter.size_bytes) for letter in letters.list()] == [(5, 0)]


async def test_an_array_of_bad_elements_is_a_few_letters(bench: Bench, letters: DeadLetters) -> None:
    """400 messages of 4 KB once became 819,200 letters."""
    for _ in range(400):
        bench.receive_raw(TOPIC, b"[" + b",".join([b"1"] * 2_047) + b"]")
        bench.receive_raw(TOPIC, b"[" + b",".join([b'{"ts": "2026-11-29T17:00:00Z", "lat": 35}'] * 97) + b"]")
    ledger = await bench.drain()
    assert ledger.balanced
    assert counts(ledger)["quarantined"] == {"not_a_reading": 400, "wrong_type": 400 * 97}
    assert len(letters.list(limit=10_000)) == 400 * (1 + 8 + 1)


async def test_readings_of_an_unregistered_device_in_one_letter_are_all_redriven(
    bench: Bench, letters: DeadLetters
) -> None:
    sent: list[Reading] = [position(second, device="truck-9") for second in range(300)]
    bench.receive_raw("haulwatch/v1/truck-9/position", encode_array(sent))
    recorder = bench.start()
    await bench.drain(recorder)
    [waiting] = unregistered_devices(letters, CITY.devices)
    assert (waiting.waiting, waiting.lat) == (300, 35.5)
    joined = letters.list()[-1]
    assert (joined.stands_for, joined.kept) == (292, True)
    assert joined.detail.startswith("292 elements of one array, the first: device_id: 'truck-9' is not registered")
    bench.city = replace(CITY, devices={**CITY.devices, "truck-9": Device("truck-9", DeviceRole.TRUCK)})
    letters.redrive_all([letter.id for letter in letters.list()], bench.log, NOW + 1)
    assert counts(bench.ledger()) == {"received": 300, "queued": 300}
    assert counts(await bench.drain(recorder)) == {"received": 300, "stored": 300}
    assert bench.ledger().balanced


async def test_purged_letters_stay_counted_and_give_their_space_back(bench: Bench, letters: DeadLetters) -> None:
    for n in range(1_200):
        bench.receive_raw(TOPIC, JUNK[:20_000], NOW + n)
    bench.receive_raw("haulwatch/v1/truck-2/position", b"{", NOW)
    before = await bench.drain()
    size = disk_bytes(bench)
    assert letters.purge(device="truck-1", before=NOW + 1_000) == (1_000, 1_000 * (20_000 + LETTER_BYTES))
    assert [letter.received_at for letter in letters.list(device="truck-1", limit=1)] == [NOW + 1_000]
    assert letters.purge(reason=Reason.BROKEN_JSON)[0] == 201
    assert letters.list() == []
    assert bench.ledger() == before
    assert before.balanced
    with closing(sqlite3.connect(bench.state_path)) as db:
        assert db.execute("SELECT bytes FROM letters_kept").fetchone() == (0,)
        assert db.execute("SELECT DISTINCT bytes FROM quarantine").fetchall() == [(0,)]
    assert disk_bytes(bench) < size / 10
    assert letters.purge() == (0, 0)


async def test_room_that_a_purge_made_is_used_again(bench: Bench, letters: DeadLetters) -> None:
    recorder = bench.start(state=state(bench, LetterLimits(device_bytes=LETTER_BYTES + 1)))
    for kept in (True, False, True):
        bench.receive_raw(TOPIC, b"{")
        await bench.drain(recorder)
        assert letters.list()[-1].kept is kept
        if not kept:
            letters.purge()
