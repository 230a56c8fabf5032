"""Judges that share the partitions: the same alerts with 1, 2 and 4 of them, and while they die, pause, come and go."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.judge.workers.worker import Worker
from ingest.log.errors import LogMadeAnew
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from ingest.log.records import RawMessage
from tests.closing import closed_later
from tests.ingest.log.kafka.parts import admin
from tests.judge_workers.events import begun, run_events, settle
from tests.judge_workers.honest_day import honest_day
from tests.judge_workers.process import worker_of
from tests.judge_workers.shared_journal import SharedJournal
from tests.judge_workers.yard import yard
from tests.servers.kafka import KafkaServer
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.long]

PARTITIONS = 7


@pytest.fixture
def connection(kafka_server: KafkaServer) -> KafkaConnection:
    found = kafka_server.connection(PARTITIONS)
    create_topic(found, keep_ms=0, replicas=1)
    return found


@pytest.mark.parametrize("count", [1, 2, 4])
def test_so_many_judges_give_the_alerts_of_one_log(tmp_path: Path, connection: KafkaConnection, count: int) -> None:
    messages = list(honest_day())
    log = closed_later(KafkaLog(connection, "collector"))
    with yard(connection, tmp_path, count) as workers:
        begun(workers)
        until(lambda: len(set(workers.owned().values())) >= min(count, PARTITIONS), workers.log)
        for start in range(0, len(messages), 500):
            log.append(messages[start : start + 500])
        outcome = settle(workers, messages)
        assert outcome.good, outcome


def test_judges_refuse_a_raw_log_made_anew_and_what_they_ask_for_lets_them_judge_it(
    tmp_path: Path, connection: KafkaConnection
) -> None:
    messages = list(honest_day())[:400]
    journal = closed_later(SharedJournal(tmp_path / "journal.db", os.getpid()))

    def judged(worker: Worker, messages: Sequence[RawMessage]) -> None:
        log = closed_later(KafkaLog(connection, "collector"))
        log.append(messages)
        end = log.last_offset()
        until(lambda: worker.step(0.05) == 0 and sum(one.offset for one in worker.devices.work.values()) == end)

    first = worker_of(connection, journal)
    judged(first, messages)
    first.close()
    topics = (connection.verdicts_topic, connection.state_topic, connection.fleet_state_topic)
    client = admin(connection)  # it ends what it was asked for when it goes
    for answer in client.delete_topics([connection.topic]).values():
        answer.result()
    create_topic(connection, keep_ms=0, replicas=1)
    refused = worker_of(connection, journal)
    with pytest.raises(LogMadeAnew, match=r"was made anew .* delete the topics .*kafka init"):
        judged(refused, [*messages, *messages])  # longer than the former one
    refused.close()
    for answer in client.delete_topics([*topics]).values():
        answer.result()
    create_topic(connection, keep_ms=0, replicas=1)
    again = worker_of(connection, journal)
    judged(again, [])
    again.close()


def test_judges_that_die_pause_come_and_go_miss_and_repeat_no_alert(
    tmp_path: Path, connection: KafkaConnection
) -> None:
    messages = list(honest_day())
    log = closed_later(KafkaLog(connection, "collector"))
    kinds = ("kill", "add", "pause", "remove", "add", "kill", "pause", "add", "kill", "remove", "add", "kill")
    with yard(connection, tmp_path, 3) as workers:
        begun(workers)
        run_events(workers, log, messages, kinds, seed=7)
        outcome = settle(workers, messages)
        assert outcome.good, outcome
        assert {worker for _, worker, lost in workers.losses if lost}
