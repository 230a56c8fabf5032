"""Judges that share the partitions: the same alerts with 1, 2 and 4 of them, and while they die, pause, come and go."""

from pathlib import Path
from uuid import uuid4

import pytest

from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from tests.closing import closed_later
from tests.judge_workers.events import begun, run_events, settle
from tests.judge_workers.honest_day import honest_day
from tests.judge_workers.yard import yard
from tests.servers.kafka import KafkaServer
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.long]

PARTITIONS = 7


@pytest.fixture
def connection(kafka_server: KafkaServer) -> KafkaConnection:
    found = KafkaConnection(kafka_server.servers, prefix=f"test-{uuid4().hex[:12]}", partitions=PARTITIONS)
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
