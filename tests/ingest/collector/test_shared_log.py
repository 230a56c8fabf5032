"""One log for several collectors: it holds the messages of each, and silence counts once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.collector.shared_log import SharedLog, remember_group
from ingest.log.raw_log import RawLog
from ingest.log.records import TICK_TOPIC, RawMessage
from tests.closing import closed_later

TICK = [RawMessage(TICK_TOPIC, b"10000", 0)]
READING = [RawMessage("haulwatch/v1/truck-1/position", b"{}", 0)]

Collector = Callable[[], SharedLog]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    logs: list[SharedLog] = []

    def new() -> SharedLog:
        log = closed_later(RawLog(tmp_path / "raw"))
        logs.append(SharedLog(log, log.last_offset, tmp_path / "ticks.lock"))
        return logs[-1]

    yield new
    for log in logs:
        log.close()


def topics(folder: Path) -> list[str]:
    return [record.message.topic for record in closed_later(RawLog(folder / "raw")).read(0, 100)]


def test_a_collector_that_receives_nothing_while_another_does_appends_no_tick(
    collector: Collector, tmp_path: Path
) -> None:
    busy, idle = collector(), collector()
    busy.append(READING)
    idle.append(TICK)
    busy.append(READING)
    idle.append(TICK)
    assert topics(tmp_path) == [READING[0].topic] * 2


def test_a_silence_of_all_collectors_is_appended_once(collector: Collector, tmp_path: Path) -> None:
    one, other = collector(), collector()
    one.append(READING)
    for _ in range(3):
        one.append(TICK)
        other.append(TICK)
    assert topics(tmp_path)[1:] == [TICK_TOPIC] * 3


def test_ticks_go_on_when_the_collector_that_appended_them_is_gone(collector: Collector, tmp_path: Path) -> None:
    gone, remaining = collector(), collector()
    gone.append(READING)
    gone.append(TICK)
    remaining.append(TICK)
    remaining.append(TICK)
    assert topics(tmp_path)[1:] == [TICK_TOPIC] * 2


def test_every_group_that_was_ever_used_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "share_groups.txt"
    assert remember_group(path, "") == {""}
    assert not path.exists()
    assert remember_group(path, "city") == {"city"}
    assert remember_group(path, "night") == {"city", "night"}
    assert remember_group(path, "city") == {"city", "night"}
    assert remember_group(path, "") == {"", "city", "night"}
    assert path.read_text() == "city\nnight\n"
