"""Packs of alerts whose messages are on Kafka: those of a log on disk, each named by its partition and offset."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from devices.readings.instants import HOUR_MS, MINUTE_MS
from ingest.evidence import log_window, selection
from ingest.evidence.archive import read_archive
from ingest.evidence.errors import PackRefused
from ingest.evidence.raw_messages import MESSAGES_FILE, read_lines
from ingest.evidence.verification import Verified, verify
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.timed_log import TimedLog
from ingest.log.kafka.topic import create_topic
from ingest.log.records import place_in
from ingest.log.revisions import city_record
from tests.closing import closed_later
from tests.ingest.evidence.office import EXPORTED, KEY, Office, dump_of, town_office
from tests.ingest.evidence.test_selection import LATER, busy, outage, sent, whole_fleet, with_silence
from tests.rules.town import town
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.real

PARTITIONS = 5


@pytest.fixture
def connection(kafka_server: KafkaServer) -> KafkaConnection:
    found = kafka_server.connection(PARTITIONS)
    create_topic(found, keep_ms=0, replicas=1)
    return found


def on_kafka(office: Office, connection: KafkaConnection) -> Callable[[str], bytes]:
    """Puts the messages of the office onto the topic; returns what exports from there."""
    log = closed_later(KafkaLog(connection, "collector"))
    messages = [record.message for record in office.records]
    for start in range(0, len(messages), 500):
        log.append(messages[start : start + 500])
    exporter = replace(office.exporter, open_log=lambda: TimedLog(connection))
    return lambda alert_id: exporter.export(alert_id, EXPORTED)


def payloads(content: bytes) -> list[str]:
    lines = map(json.loads, read_archive(content)[MESSAGES_FILE].splitlines())
    return [line["payload"] for line in lines if "payload" in line]


def verified(content: bytes) -> Verified:
    return verify(content, KEY.public, "9.9.9")


def test_a_pack_has_the_messages_that_one_of_a_log_on_disk_has_and_names_their_places(
    tmp_path: Path, connection: KafkaConnection
) -> None:
    office = town_office(tmp_path)
    export, alert_id = on_kafka(office, connection), dump_of(office)
    content, there = export(alert_id), office.export(alert_id)
    found = verified(content)
    assert found.same
    assert found.manifest.notes == verified(there).manifest.notes
    assert payloads(content) == payloads(there)
    assert len(payloads(content)) > 50
    log = closed_later(KafkaLog(connection))
    lines = [json.loads(line) for line in read_archive(content)[MESSAGES_FILE].splitlines()]
    for line in [one for one in lines if "payload" in one][::8]:
        record = log.find(place_in(line["partition"], line["partition_offset"] + 1))
        assert record is not None
        assert (record.message.topic, record.message.received_at) == (line["topic"], line["received_at"])
    files = read_archive(content)
    revisions = {name: one for name, one in files.items() if name.startswith("judging/")}
    kept, _ = read_lines(files[MESSAGES_FILE], revisions)
    assert sum(record.place > 0 for record in kept) >= len(payloads(content))
    with pytest.raises(PackRefused, match="is not the message with offset"):
        read_lines(files[MESSAGES_FILE].replace(b'"partition_offset": 1', b'"partition_offset": 2', 1), revisions)


def test_what_the_whole_fleet_shows_is_judged_again_from_all_partitions(
    tmp_path: Path, connection: KafkaConnection
) -> None:
    office = closed_later(Office(tmp_path, town(), with_silence(sent(whole_fleet(600)), 60)))
    found = verified(on_kafka(office, connection)(outage(office).alert_id))
    assert (found.same, found.manifest.messages.scope) == (True, "all")


def test_where_a_day_is_too_much_it_begins_later_and_the_city_of_that_time_is_found(
    tmp_path: Path, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = busy(tmp_path)
    export, alert_id = on_kafka(office, connection), dump_of(office)
    later = city_record(LATER, office.records[-1].message.received_at)
    closed_later(KafkaLog(connection, "collector")).append([later])
    office.city = LATER
    [opened_at] = {one.opened_at for one in office.changes("illegal_dumping") if one.alert_id == alert_id}
    with closing(TimedLog(connection)) as log:
        since = log.offset_at(opened_at - 90 * MINUTE_MS)
        monkeypatch.setattr(log_window, "MAX_SCANNED", log.last_offset() - since)
    monkeypatch.setattr(selection, "ATTEMPTS", selection.ATTEMPTS[:1])
    found = verified(export(alert_id))
    assert (found.same, found.manifest.notes) == (True, ())
    assert HOUR_MS < found.manifest.messages.lead_ms < 91 * MINUTE_MS
    assert 0 < found.manifest.messages.first_offset - since < 100
