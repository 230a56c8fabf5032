"""Verdicts that cannot be read: damaged ones are passed aloud, those of a newer program are refused and wait."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from ingest.judge.workers.device_stage import BEGIN_TOPIC, DeviceStage, verdicts_topic
from ingest.judge.workers.figures import LocalFigures
from ingest.judge.workers.fleet_stage import FleetStage, VerdictsUnknown
from ingest.log.records import RawMessage
from rules.catalogue import build_rules
from rules.engine.stages.handed_on_codec import VERSION
from tests.ingest.judge.test_shuffle import CITY

T0 = 1_700_000_000_000


@pytest.fixture
def figures(tmp_path: Path) -> Iterator[LocalFigures]:
    with closing(LocalFigures(tmp_path / "judge.db")) as found:
        yield found


@pytest.fixture
def stage(figures: LocalFigures) -> FleetStage:
    found = FleetStage(2, lambda: CITY, build_rules, figures.note_damaged)
    found.take(RawMessage(BEGIN_TOPIC, b"", 0))
    for partition in range(2):
        found.take(time_passed(partition, T0))
    return found


def time_passed(partition: int, ms: int) -> RawMessage:
    """As a device stage hands on that nothing happened."""
    return RawMessage(verdicts_topic(partition), msgspec.msgpack.encode([[ms, [], None, []]]), 0)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (verdicts_topic(0), b"\xc1"),
        (verdicts_topic(0), msgspec.msgpack.encode([[T0, [["newkind", {}]], None, []]])),
        (verdicts_topic(0), msgspec.msgpack.encode([[T0, [["verdict", {}]], None, []]])),
        (verdicts_topic(7), msgspec.msgpack.encode([[T0, [], None, []]])),
        ("$haulwatch/verdicts/x", b""),
        ("$kafka/0/12", b"what someone else wrote"),
    ],
)
def test_a_damaged_record_is_counted_and_passed(
    stage: FleetStage, figures: LocalFigures, topic: str, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert stage.take(RawMessage(topic, payload, 0)) == []
    assert figures.damaged == 1
    assert "is damaged and passed" in caplog.text
    for partition in range(2):
        stage.take(time_passed(partition, T0 + 5))
    assert stage.fleet_time == T0 + 5


def test_verdicts_of_a_newer_program_are_refused_and_say_what_to_do(stage: FleetStage, figures: LocalFigures) -> None:
    newer = RawMessage(verdicts_topic(0, VERSION + 1), b"\xc1", 0)
    for _ in range(2):
        with pytest.raises(VerdictsUnknown, match=f"version {VERSION + 1} .* start this one in the same release"):
            stage.take(newer)
    assert figures.damaged == 0
    assert stage.fleet_time == T0


def test_what_a_device_stage_hands_on_names_its_partition_and_version() -> None:
    device_stage = DeviceStage(1, lambda _device: True, lambda: CITY, build_rules)
    device_stage.begin({})
    assert [message.topic for message in device_stage.output()] == [verdicts_topic(1, VERSION)]


def test_verdicts_that_wait_for_a_partition_name_it(caplog: pytest.LogCaptureFixture) -> None:
    waiting = FleetStage(4, lambda: CITY, build_rules)
    waiting.take(RawMessage(BEGIN_TOPIC, b"", 0))
    for ms in range(2_100):
        waiting.take(time_passed(ms % 2, T0 + ms))
    assert [record.getMessage() for record in caplog.records] == [
        f"judge: {count} records with verdicts wait in memory and no devices are compared: nothing was judged in"
        " partitions 2, 3"
        for count in (1_024, 2_048)
    ]
