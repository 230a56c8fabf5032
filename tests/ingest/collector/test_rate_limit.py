"""The rate limit: bursts pass, floods are counted before they are acknowledged, other devices are unharmed."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ingest.collector.collector import read_status, run_collector
from ingest.collector.rate_limit import DeviceRateLimit
from ingest.log.raw_log import RawLog
from ingest.log.records import FLOOD_TOPIC, TICK_TOPIC, RawMessage
from tests.closing import closed_later
from tests.ingest.collector.parts import ScriptedSource
from tests.ingest.mqtt.foreign_codec import FOREIGN_TOPIC, add_foreign_codec


def sent(device: str, count: int, at: int = 0, payload: bytes = b"{}") -> list[RawMessage]:
    return [RawMessage(f"haulwatch/v1/{device}/position", payload, at) for _ in range(count)]


def floods(messages: Sequence[RawMessage]) -> list[dict[str, Any]]:
    return [json.loads(message.payload) for message in messages if message.topic == FLOOD_TOPIC]


def passed(messages: Sequence[RawMessage]) -> Counter[str]:
    return Counter(m.topic.split("/")[2] for m in messages if m.topic not in {FLOOD_TOPIC, TICK_TOPIC})


def test_a_device_may_empty_its_buffer_and_is_held_to_its_rate_after_it() -> None:
    rates = DeviceRateLimit(messages_per_s=10, burst=1_000)
    kept, flooded = rates.sift(sent("truck-1", 1_000), now=0)
    assert (len(kept), flooded) == (1_000, 0), "a buffer of hours"
    kept, flooded = rates.sift(sent("truck-1", 100), now=1_000)
    assert (passed(kept), flooded) == ({"truck-1": 10}, 90), "a second later there is room for ten"
    kept, flooded = rates.sift(sent("truck-1", 1_200), now=1_000 + 99_900)
    assert (passed(kept), flooded) == ({"truck-1": 999}, 201), "0.1 s before the bucket is full"
    kept, flooded = rates.sift(sent("truck-1", 1_200), now=10_000_000)
    assert (passed(kept), flooded) == ({"truck-1": 1_000}, 200), "it never holds more than a full bucket"


def test_at_its_rate_a_device_may_send_for_ever() -> None:
    rates = DeviceRateLimit(messages_per_s=10, burst=3)
    assert sum(rates.sift(sent("truck-1", 1), now)[1] for now in range(0, 1_000_000, 100)) == 0
    assert sum(rates.sift(sent("truck-2", 1), now)[1] for now in range(0, 10_000, 50)) == 98, (
        "at twice the rate: half of them, less 2"
    )


def test_large_messages_are_limited_by_their_bytes() -> None:
    """9,500 messages of 60 KB are inside the limit of messages."""
    rates = DeviceRateLimit(messages_per_s=100, burst=10_000, bytes_per_s=32_768, burst_bytes=32 << 20)
    junk = b"x" * 60_000
    kept, flooded = rates.sift([*sent("truck-1", 9_500, payload=junk), *sent("truck-2", 5)], now=0)
    assert passed(kept) == {"truck-1": (32 << 20) // 60_000 + 1, "truck-2": 5}
    assert flooded == 9_500 - passed(kept)["truck-1"]
    [flood] = floods(kept)
    assert (flood["count"], len(base64.b64decode(flood["sample"]))) == (flooded, 1_024)
    kept, _ = rates.sift(sent("truck-1", 100, payload=junk), now=10_000)
    assert passed(kept) == {"truck-1": 5}, "327,680 bytes later, less what the last one took too much"
    day = sent("truck-3", 288, payload=b"x" * 60_000)
    assert rates.sift(day, now=0) == (day, 0)


def test_one_device_floods_and_its_neighbours_are_unharmed_and_in_order() -> None:
    rates = DeviceRateLimit(messages_per_s=100, burst=100)
    offered: Counter[str] = Counter()
    kept_of: Counter[str] = Counter()
    beyond = 0
    for step in range(40):  # a second, in batches of 25 ms: 20,000/s of one, 40/s of another
        batch = [*sent("flooder", 250, step), *sent("quiet", 1, step), *sent("flooder", 250, step)]
        kept, flooded = rates.sift(batch, now=step * 25)
        offered.update(passed(batch))
        kept_of.update(passed(kept))
        beyond += flooded
        assert sum(record["count"] for record in floods(kept)) == flooded
        assert len(floods(kept)) == (step > 0 or flooded > 0)
    assert kept_of["quiet"] == offered["quiet"] == 40
    assert kept_of["flooder"] == 100 + 97, "the burst, and the messages of 0.975 s"
    assert beyond == offered["flooder"] - kept_of["flooder"]
    mixed = [*sent("quiet", 1, 7), *sent("flooder", 3, 8), *sent("quiet-2", 1, 9)]
    kept, _ = rates.sift(mixed, now=975)
    assert [m.topic.split("/")[-2] for m in kept if m.topic != FLOOD_TOPIC] == ["quiet", "quiet-2"]


def test_the_flood_record_names_device_count_times_and_the_first_message() -> None:
    rates = DeviceRateLimit(messages_per_s=1, burst=1)
    batch = [
        RawMessage("haulwatch/v1/truck-1/position", b"passes", 5),
        RawMessage("haulwatch/v1/truck-1/status", b"\xff\x00", 6),
        RawMessage("haulwatch/v1/truck-1/position", b"last", 9),
    ]
    kept, flooded = rates.sift(batch, now=0)
    assert flooded == 2
    assert kept[0] == batch[0]
    assert (kept[1].topic, kept[1].received_at) == (FLOOD_TOPIC, 9)
    assert floods(kept) == [
        {
            "device": "truck-1",
            "count": 2,
            "first_at": 6,
            "last_at": 9,
            "topic": "haulwatch/v1/truck-1/status",
            "sample": base64.b64encode(b"\xff\x00").decode(),
        }
    ]


def test_messages_that_the_broker_kept_while_the_collector_was_away_are_no_flood() -> None:
    """Ten messages a second for an hour away, drained at once; a flooder gains no more than its rate."""
    rates = DeviceRateLimit(messages_per_s=10, burst=100)
    hour = 3_600_000
    rates.sift([*sent("truck-1", 100), *sent("flooder", 100)], now=0)
    rates.away(since=0, now=hour)
    assert rates.sift(sent("truck-1", 36_000), now=hour)[1] == 0
    kept, _ = rates.sift(sent("flooder", 100_000), now=hour)
    assert passed(kept) == {"flooder": 36_000}
    kept, _ = rates.sift(sent("truck-2", 100_000), now=2 * hour)
    assert passed(kept) == {"truck-2": 100}, "the hour of grace is over"


def test_made_up_ids_cannot_fill_the_memory_and_flooders_are_not_forgotten() -> None:
    rates = DeviceRateLimit(messages_per_s=10, burst=10, most_devices=1_000)
    rates.sift(sent("flooder", 10), now=0)
    for number in range(50):
        made_up = [RawMessage(f"haulwatch/v1/{number}-{n}-{'x' * 60_000}/fill", b"", 0) for n in range(100)]
        rates.sift(made_up, now=number)
        assert len(rates._full_at) <= 1_100
    assert rates.sift(sent("flooder", 5), now=50)[1] == 5
    assert max(map(len, rates._full_at)) <= 64


def test_a_topic_of_another_tree_is_counted_too() -> None:
    rates = DeviceRateLimit(messages_per_s=1, burst=1)
    kept, flooded = rates.sift([RawMessage("nonsense", b"", 0)] * 3, now=0)
    assert (len(kept), flooded, floods(kept)[0]["device"]) == (2, 2, "nonsense")


def test_a_device_has_one_bucket_for_all_the_kinds_that_it_makes_up() -> None:
    rates = DeviceRateLimit(messages_per_s=1, burst=1)
    made_up = [RawMessage(f"haulwatch/v1/truck-1/kind-{number}", b"", 0) for number in range(4)]
    kept, flooded = rates.sift([*sent("truck-1", 1), *made_up], now=0)
    assert (len(kept), flooded, floods(kept)[0]["device"]) == (2, 4, "truck-1")


def test_the_codec_of_a_message_names_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    add_foreign_codec(monkeypatch)
    rates = DeviceRateLimit(messages_per_s=1, burst=1)
    foreign = [RawMessage(FOREIGN_TOPIC, b"", 0, "jt808")] * 3
    long_id = [RawMessage(f"jt808/{'x' * 60_000}-{number}/up", b"", 0, "jt808") for number in range(3)]
    kept, flooded = rates.sift([*foreign, *sent("truck-1", 2), *long_id], now=0)
    assert flooded == 5
    assert [(record["device"], record["count"]) for record in floods(kept)] == [
        ("013812345678", 2), ("truck-1", 1), ("x" * 64, 2),
    ]  # fmt: skip


def test_the_collector_acknowledges_what_it_only_counted_and_the_log_accounts_for_all(tmp_path: Path) -> None:
    script = [[*sent("flooder", 40, step), *sent("quiet", 2, step)] for step in range(20)]
    source = ScriptedSource(script, Event(), step_ms=100)
    log = closed_later(RawLog(tmp_path / "log"))
    rates = DeviceRateLimit(messages_per_s=20, burst=60)
    run_collector(source, log, source.stop, tmp_path / "status.json", lambda: source.now_ms, rates)
    kept = [record.message for record in log.read(0, 10_000)]
    counted = sum(record["count"] for record in floods(kept))
    assert len(source.acknowledged) == 20 * 42 == sum(passed(kept).values()) + counted
    assert passed(kept) == {"quiet": 40, "flooder": 60 + 19 * 2}
    assert len(floods(kept)) == 19, "one for each batch with a flood"
    status = read_status(tmp_path / "status.json")
    assert status is not None
    assert (status.received, status.flooded) == (840, counted)


def test_a_collector_that_was_away_takes_the_backlog_of_that_time(tmp_path: Path) -> None:
    """The process before it ended an hour ago; the broker delivers the messages of that hour at once."""
    source = ScriptedSource([sent("truck-1", 1)], Event())
    log, path = closed_later(RawLog(tmp_path / "log")), tmp_path / "status.json"
    run_collector(source, log, source.stop, path, lambda: source.now_ms, DeviceRateLimit(1, 10))
    status = json.loads(path.read_bytes())
    path.write_text(json.dumps({**status, "listened_at": status["listened_at"] - 3_600_000}))
    for device, count, beyond in (("truck-1", 3_600, False), ("flooder", 10_000, True)):
        source = ScriptedSource([sent(device, count)], Event())
        run_collector(source, log, source.stop, tmp_path / "status.json", lambda: source.now_ms, DeviceRateLimit(1, 10))  # noqa: B023
        now = read_status(path)
        assert now is not None
        assert (now.flooded > 0) == beyond
        path.write_text(json.dumps({**status, "listened_at": status["listened_at"] - 3_600_000}))
