"""A flood is counted message by message, kept as one dead letter, and never redriven."""

from dataclasses import replace
from pathlib import Path

import pytest

from devices.city.model import Device, DeviceRole
from devices.codecs.native import encode
from devices.readings.refusals import Reason
from ingest.collector.rate_limit import DeviceRateLimit
from ingest.judge.rejudge import rejudge
from ingest.ledger.dead_letters import DeadLetters, NotKept
from ingest.log.records import FLOOD_TOPIC, RawMessage
from rules.catalogue import build_rules
from tests.ingest.recorder.parts import CITY, NOW, Bench, counts, position, topic_of


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def flood(bench: Bench, device: str, messages: int, burst: int = 2) -> None:
    """So many messages, one a millisecond, of which the collector accepts `burst`."""
    readings = [position(second, device=device) for second in range(messages)]
    raw = [RawMessage(topic_of(reading), encode(reading), NOW + n) for n, reading in enumerate(readings)]
    kept, summed_up = DeviceRateLimit(messages_per_s=0.001, burst=burst).sift(raw, NOW)
    assert summed_up == messages - burst
    bench.log.append(kept)


async def test_a_flood_is_counted_in_full_and_kept_as_one_letter(bench: Bench) -> None:
    flood(bench, "truck-1", 1_000)
    bench.receive(position(1, device="truck-2"))
    queued = bench.ledger()
    assert counts(queued) == {"received": 1_001, "queued": 1_001}
    ledger = await bench.drain()
    assert counts(ledger) == {"received": 1_001, "stored": 3, "quarantined": {"flood": 998}}
    assert counts(bench.line("truck-1")) == {"received": 1_000, "stored": 2, "quarantined": {"flood": 998}}
    assert (bench.line("truck-1").first_seen, bench.line("truck-1").last_seen) == (NOW, NOW + 999)
    assert ledger.balanced
    [letter] = DeadLetters(bench.state_path).list(reason=Reason.FLOOD)
    assert (letter.device, letter.stands_for, letter.received_at) == ("truck-1", 998, NOW + 2)
    assert letter.detail == (
        "998 messages beyond the limits of the device between 2023-11-14T23:13:20.002+00:00 and"
        " 2023-11-14T23:13:20.999+00:00; the first is kept"
    )
    assert (letter.topic, letter.shown.encode()) == (topic_of(position(2)), encode(position(2)))


async def test_a_flood_is_not_redriven(bench: Bench) -> None:
    flood(bench, "truck-1", 10)
    before = await bench.drain()
    letters = DeadLetters(bench.state_path)
    [letter] = letters.list()
    with pytest.raises(NotKept, match="8 readings, of which only the first is kept"):
        letters.redrive(letter.id, bench.log, NOW)
    assert bench.ledger() == before
    assert letters.list() == [letter]


async def test_the_judge_skips_a_flood(bench: Bench) -> None:
    flood(bench, "truck-1", 10)
    assert bench.log.messages[-1].topic == FLOOD_TOPIC
    assert rejudge(bench.log.read(0, 99), CITY, build_rules()) == []


async def test_the_flood_of_an_unregistered_device_is_on_its_own_line(bench: Bench) -> None:
    flood(bench, "truck-9", 10)
    assert counts(await bench.drain()) == {"received": 10, "quarantined": {"flood": 8, "unknown_device": 2}}
    assert counts(bench.line("truck-9"))["received"] == 10


async def test_a_flood_of_no_device_is_on_the_line_of_the_unknown(bench: Bench) -> None:
    raw = [RawMessage("haulwatch/v1/truck-1/colour", b"%d" % n, NOW) for n in range(5)]
    bench.log.append(DeviceRateLimit(messages_per_s=0.001, burst=1).sift(raw, NOW)[0])
    await bench.drain()
    assert bench.line("(unknown)").quarantined == {"flood": 4, "foreign_topic": 1}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"count": 5}',
        b'{"count": -1, "first_at": 1, "last_at": 1, "topic": "t", "sample": ""}',
        b'{"count": 5, "first_at": 1, "last_at": 9007199254740991, "topic": "t", "sample": ""}',
        b'{"count": 5, "first_at": 1, "last_at": 1, "topic": "t", "sample": "#"}',
        b'{"count": "5", "first_at": 1, "last_at": 1, "topic": "t", "sample": ""}',
    ],
)
async def test_a_malformed_flood_record_is_one_message_that_cannot_be_read(bench: Bench, payload: bytes) -> None:
    bench.receive_raw(FLOOD_TOPIC, payload)
    assert counts(bench.ledger()) == {"received": 1, "queued": 1}
    assert counts(await bench.drain()) == {"received": 1, "quarantined": {"foreign_topic": 1}}


async def test_many_letters_are_redriven_at_once_with_an_outcome_each(bench: Bench) -> None:
    flood(bench, "truck-9", 10, burst=4)
    await bench.drain()
    letters = DeadLetters(bench.state_path)
    waiting = letters.list()
    waiting.sort(key=lambda letter: not letter.kept)
    assert [letter.kept for letter in waiting] == [True] * 4 + [False]
    bench.city = replace(CITY, devices={**CITY.devices, "truck-9": Device("truck-9", DeviceRole.TRUCK)})
    again = letters.redrive(waiting[0].id, bench.log, NOW)
    outcome = letters.redrive_all([letter.id for letter in waiting] + [77], bench.log, NOW)
    first, *middle, last = waiting
    assert [outcome[letter.id] for letter in middle] == [again + 1, again + 2, again + 3]
    assert {type(outcome[first.id]).__name__, type(outcome[77]).__name__} == {"AlreadyRedriven", "NoSuchLetter"}
    assert isinstance(outcome[last.id], NotKept)
    assert bench.ledger().balanced
    assert counts(await bench.drain()) == {"received": 10, "stored": 4, "quarantined": {"flood": 6}}
