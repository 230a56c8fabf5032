"""Each device has a share of the raw log: what one sends beyond it waits on disk, in order, and the others pass it."""

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from ingest.collector.fair_log import FairLog, cost
from ingest.collector.waiting_file import WaitingFile, read_waiting
from ingest.log.raw_log import RawLogFull
from ingest.log.records import FLOOD_TOPIC, TICK_TOPIC, RawMessage
from tests.closing import closed_later
from tests.ingest.recorder.parts import MemoryLog
from tests.spoiled import spoil_pages

SHARE = 1_000
"""Readings per second."""


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Bench:
    def __init__(self, folder: Path) -> None:
        self.path, self.clock, self.log = folder / "waiting.db", Clock(), MemoryLog()
        self.fair = self.start()

    def start(self) -> FairLog:
        return FairLog(self.log, closed_later(WaitingFile(self.path)), SHARE, self.clock)

    def payloads(self, device: str) -> list[bytes]:
        return [message.payload for message in self.log.messages if f"/{device}/" in message.topic]

    def pass_ms(self, ms: int) -> int:
        self.clock.now += ms
        return self.fair.append_waiting()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def upload(device: str, messages: int, readings: int, first: int = 0) -> list[RawMessage]:
    """Arrays of readings; each begins with its number."""
    return [
        RawMessage(
            f"haulwatch/v1/{device}/position", b"[%d" % n + b',{"ts":1790000000000,"lat":35.5}' * readings + b"]", n
        )
        for n in range(first, first + messages)
    ]


def one(device: str, n: int = 0) -> RawMessage:
    return RawMessage(f"haulwatch/v1/{device}/position", b'{"n":%d}' % n, n)


def test_a_day_of_readings_passes_as_its_share_allows_and_the_others_at_once(bench: Bench) -> None:
    day = upload("truck-1", 288, 300)
    bench.fair.append(day)
    passed = len(bench.payloads("truck-1"))
    assert 6 <= passed <= 8, "two seconds' worth"
    for second in range(1, 86):
        bench.fair.append([one("truck-2", second)])
        assert bench.log.messages[-1].topic.startswith("haulwatch/v1/truck-2/")
        bench.pass_ms(1_000)
        readings = len(bench.payloads("truck-1")) * 300
        assert readings <= SHARE * (second + 2) + 300
    assert bench.pass_ms(5_000) > 0
    assert bench.payloads("truck-1") == [message.payload for message in day], "all of them, in order"
    assert not bench.fair.waits


def test_single_readings_at_any_ordinary_pace_never_wait(bench: Bench) -> None:
    for n in range(10_000):
        bench.fair.append([one("truck-1", n), one("truck-2", n)])
        bench.clock.now += 10
    assert bench.fair.waiting_devices() == {}
    assert len(bench.log.messages) == 20_000


def test_what_comes_after_something_that_waits_waits_behind_it(bench: Bench) -> None:
    bench.fair.append([*upload("truck-1", 20, 300), one("truck-1", 99), one("truck-2")])
    bench.fair.append([one("truck-1", 100)])
    while bench.fair.waits:
        bench.pass_ms(100)
    assert bench.payloads("truck-1")[-2:] == [one("", 99).payload, one("", 100).payload]
    bench.fair.append([one("truck-1", 101)])
    assert bench.payloads("truck-1")[-1] == one("", 101).payload


def test_what_waits_survives_a_restart_and_nothing_is_lost_or_doubled(bench: Bench) -> None:
    sent = upload("truck-1", 60, 300)
    bench.fair.append(sent)
    waiting = bench.fair.waiting_devices()["truck-1"]
    assert read_waiting([bench.path, bench.path.with_name("none.db")]) == {"truck-1": waiting}
    while bench.fair.waits:
        bench.fair = bench.start()
        bench.pass_ms(300)
    assert bench.payloads("truck-1") == [message.payload for message in sent]
    assert read_waiting([bench.path]) == {}


class FullLog(MemoryLog):
    full = False

    def append(self, messages: Sequence[RawMessage]) -> int:
        if self.full:
            raise RawLogFull("no space")
        return super().append(messages)


def test_while_the_log_is_full_what_waits_waits_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.log = log = FullLog()
    bench.fair = bench.start()
    sent = upload("truck-1", 20, 300)
    bench.fair.append(sent)
    log.full = True
    with pytest.raises(RawLogFull):
        bench.pass_ms(5_000)
    log.full = False
    while bench.fair.waits:
        bench.pass_ms(500)
    assert Counter(bench.payloads("truck-1")) == Counter(message.payload for message in sent)


def test_records_of_the_collector_itself_never_wait(bench: Bench) -> None:
    own = [RawMessage(topic, b"x" * 60_000, 0) for topic in (TICK_TOPIC, FLOOD_TOPIC) for _ in range(100)]
    bench.fair.append(own)
    assert bench.log.messages == own


def test_junk_takes_its_share_by_its_bytes(bench: Bench) -> None:
    bench.fair.append([RawMessage("haulwatch/v1/truck-1/fill", b"x" * 60_000, n) for n in range(1_000)])
    assert len(bench.log.messages) <= 2 * SHARE // 117 + 1
    assert cost(b"") == 1


def test_an_emptied_file_gives_its_space_back(bench: Bench) -> None:
    bench.fair.append(upload("truck-1", 400, 1_500))
    assert bench.path.stat().st_size + bench.path.with_name("waiting.db-wal").stat().st_size > 16 << 20
    while bench.fair.waits:
        bench.pass_ms(60_000)
    assert bench.path.stat().st_size < 1 << 20


def test_only_devices_that_wait_longer_than_any_upload_takes_are_named(bench: Bench) -> None:
    bench.fair.append(upload("truck-1", 1_000, 2_000))
    assert bench.fair.kept_waiting() == {}
    bench.clock.now += 299_999
    assert bench.fair.kept_waiting() == {}
    bench.clock.now += 1
    assert bench.fair.kept_waiting().keys() == {"truck-1"}
    assert bench.fair.kept_waiting() == {}, "once a minute"
    bench.clock.now += 60_000
    assert bench.fair.kept_waiting().keys() == {"truck-1"}


def test_a_device_has_one_share_for_all_the_kinds_that_it_makes_up(bench: Bench) -> None:
    """A topic that no codec reads must not be a way around the share."""
    made_up = [RawMessage(f"haulwatch/v1/truck-1/made-up-{n}", b"x" * 51_200, n) for n in range(200)]
    bench.fair.append(made_up)
    assert 20 <= len(bench.payloads("truck-1")) <= 21, "100 readings each, two seconds' worth"
    assert bench.fair.waiting_devices().keys() == {"truck-1"}


@pytest.mark.parametrize("under_way", [False, True])
def test_of_a_file_with_spoiled_pages_what_can_be_read_goes_on_and_the_rest_is_named(
    tmp_path: Path, under_way: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Real pages of a real file at random places: it holds messages that were acknowledged."""
    set_aside = 0
    for seed in range(12):
        bench, dice = Bench(tmp_path / str(seed)), random.Random(seed)
        sent = {f"truck-{n}": upload(f"truck-{n}", 40, 300) for n in range(5)}
        for messages in sent.values():
            bench.fair.append(messages)
        if under_way:
            bench.fair._waiting._db.execute("PRAGMA shrink_memory")
        else:
            bench.fair._waiting.close()
        spoil_pages(bench.path, dice, pages=dice.choice((1, 3)))
        if not under_way:
            bench.fair = bench.start()
        for _ in range(60):
            with suppress(RawLogFull):
                bench.pass_ms(20_000)
        assert not bench.fair.waits, f"seed {seed}"
        arrived = 0
        for device, messages in sent.items():
            payloads = [message.payload for message in messages]
            assert set(bench.payloads(device)) <= set(payloads), "no message is another one than was sent"
            assert [payload for payload in payloads if payload in bench.payloads(device)] == bench.payloads(device)
            arrived += len(bench.payloads(device))
        named = caplog.text.count("could not be read and are lost")
        caplog.clear()
        assert named or arrived == 200, f"seed {seed}: {200 - arrived} are lost and not named"
        assert arrived > 100, f"seed {seed}"
        set_aside += bool(list(bench.path.parent.glob("waiting.db.spoiled-*")))
    assert set_aside > 6
