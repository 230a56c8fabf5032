"""Messages that waited for their device's share lie in the log among later ones: time goes on for everybody else as if
they were not there.
"""

import json
from pathlib import Path

import pytest

from devices.codecs.topics import reading_topic
from devices.readings.models import Kind
from ingest.collector.fair_log import FairLog
from ingest.collector.waiting_file import WaitingFile
from ingest.judge.judge_record import judge_record
from ingest.log.raw_log import RawLog
from ingest.log.records import LogRecord, RawMessage
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.closing import closed_later
from tests.rules.town import PLANE, T0, town

SHARE = 10
"""Readings per second."""
HONEST = ("T1", "T2", "T3")
JUNK = b"{" + b"x" * 5_120  # takes as long as ten readings: one second of the share
UPLOADS_S = range(20, 60, 5)
END_S = 300


def honest(second: int) -> list[RawMessage]:
    """Loaded trucks at the source, each heard every second."""
    at = T0 + second * 1000
    return [
        RawMessage(
            reading_topic(device, Kind.POSITION),
            json.dumps({"ts": at, "lat": PLANE.centre.lat, "lon": PLANE.centre.lon, "load": "loaded"}).encode(),
            at,
        )
        for device in HONEST
    ]


def logged(folder: Path) -> list[LogRecord]:
    """The log of a collector to which T6 sends a hundred times its share."""
    now = T0
    log = closed_later(RawLog(folder / "raw"))
    fair = FairLog(log, closed_later(WaitingFile(folder / "waiting.db")), SHARE, lambda: now)
    for second in range(END_S):
        now = T0 + second * 1000
        fair.append(honest(second))
        if second in UPLOADS_S:
            fair.append([RawMessage(reading_topic("T6", Kind.STATUS), JUNK, now) for _ in range(50)])
        fair.append_waiting()
    return log.read(0, 100_000)


@pytest.fixture
def records(tmp_path: Path) -> list[LogRecord]:
    return logged(tmp_path)


def test_the_log_holds_messages_minutes_older_than_those_around_them(records: list[LogRecord]) -> None:
    newest, oldest_by_ms = 0, 0
    for record in records:
        newest = max(newest, record.message.received_at)
        oldest_by_ms = max(oldest_by_ms, newest - record.message.received_at)
    assert oldest_by_ms > 120_000  # or this tests nothing


def test_nobody_counts_as_silent_because_another_device_waits(records: list[LogRecord]) -> None:
    engine, changes = RuleEngine(town(), build_rules()), list[AlertChange]()
    for record in records:
        changes += judge_record(engine, record)
    assert [change.title.en for change in changes if change.subject in {*HONEST, "system"}] == []


def test_fleet_time_goes_on_as_receive_time_does(records: list[LogRecord]) -> None:
    engine, newest = RuleEngine(town(), build_rules()), 0
    for record in records:
        judge_record(engine, record)
        newest = max(newest, record.message.received_at)
        assert engine.fleet_time in {0, newest}
