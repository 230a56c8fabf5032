"""What a reader does about errors of one partition: every record is read, once, in the order of its partition."""

import pytest

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.reader import KafkaReader
from ingest.log.records import LogRecord
from tests.ingest.log.kafka.fakes import CODES, OUT_OF_RANGE, FakeConsumer, FakeMessage, payload_at, reader_of


def read_through(reader: KafkaReader, after: int = 0, tries: int = 5) -> list[LogRecord]:
    """All records up to the end, as a process reads them that tries again after an error."""
    found: list[LogRecord] = []
    for _ in range(tries):
        try:
            while records := reader.read(after, 100):
                found += records
                after = records[-1].offset
        except RawLogUnavailable:
            continue
        return found
    raise AssertionError(f"not read to the end in {tries} tries: {found}")


def payloads_of(records: list[LogRecord], partition: int) -> list[bytes]:
    return [one.message.payload for one in records if one.message.payload.startswith(b"%d/" % partition)]


def test_records_behind_an_error_of_another_partition_are_read() -> None:
    first = [FakeMessage(1, 0), FakeMessage(0, 0, CODES._BAD_MSG), FakeMessage(1, 1), FakeMessage(1, 2)]
    reader = reader_of(FakeConsumer([first], {0: range(0), 1: range(4)}))
    with pytest.raises(RawLogUnavailable, match="_BAD_MSG"):
        reader.read(0, 100)
    records = read_through(reader)
    assert payloads_of(records, 1) == [payload_at(1, offset) for offset in range(4)]
    assert [record.offset for record in records] == [1, 2, 3, 4]


def test_an_error_after_some_answers_repeats_none_of_them() -> None:
    later = [FakeMessage(0, 3), FakeMessage(1, 0, CODES._BAD_MSG), FakeMessage(0, 4)]
    reader = reader_of(FakeConsumer([], consumer_held := {0: range(3), 1: range(2)}))
    records = reader.read(0, 4)
    reader._consumer._answers = [later]
    consumer_held[0] = range(6)
    records += read_through(reader, records[-1].offset)
    assert [record.offset for record in records] == list(range(1, 9))
    assert payloads_of(records, 0) == [payload_at(0, offset) for offset in range(6)]


def test_a_partition_whose_ends_were_not_answered_at_first_goes_on() -> None:
    consumer = FakeConsumer([[FakeMessage(0, 0, OUT_OF_RANGE)]], {0: range(50, 60), 1: range(2)})
    consumer.times_out = 1
    reader = reader_of(consumer)
    with pytest.raises(RawLogUnavailable, match="_TIMED_OUT"):
        reader.read(0, 100)
    records = read_through(reader)
    assert payloads_of(records, 0) == [payload_at(0, offset) for offset in range(50, 60)]
    assert payloads_of(records, 1) == [payload_at(1, offset) for offset in range(2)]


def test_a_partition_that_waited_for_others_when_an_answer_failed_goes_on() -> None:
    """It has so many records waiting that it is paused."""
    many = range(4_500)
    first = [*(FakeMessage(0, offset) for offset in many), FakeMessage(1, 0, CODES._BAD_MSG)]
    consumer = FakeConsumer([first], {0: many, 1: range(1)})
    reader = reader_of(consumer)
    with pytest.raises(RawLogUnavailable, match="_BAD_MSG"):
        reader.read(0, 100)
    assert consumer.paused == {0}
    assert len(payloads_of(read_through(reader), 0)) == len(many)


def test_the_start_is_known_however_many_reads_ago() -> None:
    reader = reader_of(FakeConsumer([], {0: range(1_100), 1: range(0)}))
    for after in range(1_050):
        [record] = reader.read(after, 1)
        assert record.offset == after + 1
    assert [record.offset for record in reader.read(0, 3)] == [1, 2, 3]


def test_an_error_of_range_inside_the_range_repeats_nothing(caplog: pytest.LogCaptureFixture) -> None:
    first = [FakeMessage(0, 0), FakeMessage(0, 1), FakeMessage(0, 2, OUT_OF_RANGE)]
    reader = reader_of(FakeConsumer([first], {0: range(4), 1: range(1)}))
    records = read_through(reader)
    assert payloads_of(records, 0) == [payload_at(0, offset) for offset in range(4)]
    assert "are gone" not in caplog.text


def test_a_record_with_a_header_without_a_value_is_kept_for_quarantine() -> None:
    strange = FakeMessage(0, 0)
    strange.its_headers.append(("dialect", None))
    reader = reader_of(FakeConsumer([[strange]], {0: range(2), 1: range(0)}))
    records = read_through(reader)
    assert [record.message.topic for record in records] == ["$kafka/0/0", "haulwatch/v1/truck-1/position"]
    assert payloads_of(records, 0) == [payload_at(0, 0), payload_at(0, 1)]


def test_a_topic_made_anew_is_refused_also_once_it_is_longer_than_what_was_read() -> None:
    consumer = FakeConsumer([], {0: range(5), 1: range(5)})
    reader = reader_of(consumer)
    assert len(reader.read(0, 20)) == 10
    for longer in (2, 50):
        consumer._held = {0: range(longer), 1: range(longer)}
        with pytest.raises(RawLogMisfit, match="made anew"):
            reader.read(10, 20)
