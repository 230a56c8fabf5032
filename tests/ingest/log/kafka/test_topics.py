"""Topics on a broker that creates what anybody asks for: to look creates none, and one made so is refused."""

from collections.abc import Iterator

import pytest

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection, topic_id
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.topic import check_judge_topics, create_topic, found_settings
from ingest.log.kafka.writer import KafkaWriter
from tests.ingest.log.kafka.parts import KAFKA_ADMIN, admin, fleet
from tests.servers.kafka import KafkaServer, running_kafka
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    with running_kafka(tmp_path_factory.mktemp("auto") / "kafka", {"auto.create.topics.enable": "true"}) as server:
        yield server


def topics(connection: KafkaConnection) -> set[str]:
    found = admin(connection).list_topics(timeout=PATIENCE_S).topics
    return {name for name in found if name.startswith(connection.prefix)}


def test_to_look_for_a_topic_does_not_create_it(server: KafkaServer) -> None:
    connection = KafkaConnection(server.servers, prefix="looked", partitions=1)
    looks = (
        lambda: check_judge_topics(connection),
        lambda: topic_id(connection),
        lambda: found_settings(connection),
        KafkaFigures(connection).partitions,
        lambda: KafkaWriter(connection).append(fleet(1)),
    )
    for look in looks:
        for _ in range(2):
            with pytest.raises(RawLogUnavailable, match=r"has no topic .* run `haulwatch kafka init`"):
                look()
    assert topics(connection) == set()


def test_state_of_which_kafka_removes_rows_is_refused(server: KafkaServer) -> None:
    connection = KafkaConnection(server.servers, prefix="removed", partitions=1)
    new = [
        KAFKA_ADMIN.NewTopic(topic, 1, 1)
        for topic in (connection.verdicts_topic, connection.state_topic, connection.fleet_state_topic)
    ]
    client = admin(connection)  # it ends what it was asked for when it goes
    for answer in client.create_topics(new).values():
        answer.result()
    with pytest.raises(RawLogMisfit, match=r"removed\.state has cleanup.policy=delete: .* run `haulwatch kafka init`"):
        check_judge_topics(connection)
    create_topic(connection, keep_ms=0, replicas=1)
    check_judge_topics(connection)
    assert len(topic_id(connection)) > 10
