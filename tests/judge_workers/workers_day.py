"""A recorded day through Kafka with recorders and judges, one to four each: alerts, ledger and store of one machine.

`make chaos` runs it. By its name it is not among the tests of `make test`, which start recorders and judges apart.
"""

from contextlib import closing
from pathlib import Path

import pytest

from ingest.log.kafka.kafka_log import KafkaLog
from tests.chaos.recorder_workers import Yard, same_as_on_one_machine
from tests.ingest.judge.test_shuffle import CITY
from tests.judge_workers.events import settle
from tests.judge_workers.honest_day import honest_day
from tests.judge_workers.yard import yard as judges_of
from tests.servers.influxdb import InfluxServer
from tests.servers.kafka import KafkaServer
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.long]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_so_many_recorders_and_judges_end_as_one_machine_does(
    tmp_path: Path, kafka_server: KafkaServer, postgres_url: str, influx_server: InfluxServer, count: int
) -> None:
    messages = list(honest_day())
    with closing(Yard(tmp_path, kafka_server, postgres_url, influx_server, CITY)) as recorders:
        with judges_of(recorders.connection, tmp_path, count) as judges:
            until(lambda: len(set(judges.owned().values())) >= count, judges.log)
            with closing(KafkaLog(recorders.connection, "collector")) as log:
                for start in range(0, len(messages), 500):
                    log.append(messages[start : start + 500])
            for _ in range(count):  # later: they append the registry's revision, of this machine's time
                recorders.add()
            assert not same_as_on_one_machine(recorders, messages)
            outcome = settle(judges, messages)
        assert outcome.good, outcome
        assert outcome.expected > 20
