"""A topic of its own for each test."""

import pytest

from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.topic import create_topic
from tests.ingest.log.kafka.parts import PARTITIONS
from tests.servers.kafka import KafkaServer


@pytest.fixture
def connection(kafka_server: KafkaServer) -> KafkaConnection:
    found = kafka_server.connection(PARTITIONS)
    assert create_topic(found, keep_ms=0, replicas=1)
    return found
