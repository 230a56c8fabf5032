import pytest

from devices.codecs.topics import (
    _KEPT,
    ReadingTopic,
    _known,
    alert_topic,
    command_ack_topic,
    command_topic,
    parse_topic,
    remembered_devices,
)
from devices.readings.models import Kind
from devices.readings.refusals import DecodeError


@pytest.mark.parametrize("kind", Kind)
def test_topic_is_read_back_as_written(kind: Kind) -> None:
    topic = ReadingTopic("truck-001", kind)
    assert parse_topic(str(topic)) == topic


@pytest.mark.parametrize(
    "topic",
    [command_topic("truck-001"), command_ack_topic("truck-001"), alert_topic("P1", "illegal_dumping")],
)
def test_neighbours_in_the_tree_are_no_readings(topic: str) -> None:
    with pytest.raises(DecodeError, match="foreign_topic"):
        parse_topic(topic)


@pytest.mark.parametrize("device_id", ["a", "A.b_c-9", "x" * 64])
def test_device_ids_of_up_to_64_safe_letters(device_id: str) -> None:
    assert parse_topic(f"haulwatch/v1/{device_id}/fill").device_id == device_id


@pytest.mark.parametrize("device_id", ["", "-a", ".a", "a b", "a+", "a#", "车", "x" * 65, "a\n", "alerts"])
def test_other_device_ids_are_foreign(device_id: str) -> None:
    with pytest.raises(DecodeError, match="foreign_topic"):
        parse_topic(f"haulwatch/v1/{device_id}/fill")


def test_refusal_of_a_huge_topic_stays_short() -> None:
    with pytest.raises(DecodeError) as caught:
        parse_topic("x" * 60_000)
    assert len(caught.value.refusal.detail) < 300


def test_made_up_topics_do_not_fill_the_memory() -> None:
    most = 0
    for n in range(_KEPT + 2):
        parse_topic(f"haulwatch/v1/made-up-{n}/fill")
        assert len(_known) <= _KEPT
        most = max(most, len(_known))
    assert most == _KEPT
    assert parse_topic("haulwatch/v1/made-up-1/fill") == ReadingTopic("made-up-1", Kind.FILL)


def test_devices_of_topics_are_remembered_once_they_were_parsed() -> None:
    topics = ["haulwatch/v1/only-here/fill", "somebody/else", "haulwatch/v1/truck-001/position"]
    parse_topic(topics[2])
    assert remembered_devices(topics) == ["truck-001"]
    parse_topic(topics[0])
    assert remembered_devices(topics) == ["only-here", "truck-001"]
