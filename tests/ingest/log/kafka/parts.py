"""A topic of its own for each test, on the worker's Kafka."""

from collections.abc import Sequence
from typing import Any

import confluent_kafka.admin

from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.records import LogRecord, RawMessage
from tests.closing import closed_later

PARTITIONS = 6
T0 = 1_700_000_000_000


KAFKA_ADMIN: Any = confluent_kafka.admin


def admin(connection: KafkaConnection) -> Any:
    return KAFKA_ADMIN.AdminClient({"bootstrap.servers": connection.servers, "log_level": 0})


def opened(connection: KafkaConnection, consumer: str = "reader") -> KafkaLog:
    return closed_later(KafkaLog(connection, consumer))


def of_device(device: str, n: int, received_at: int | None = None) -> RawMessage:
    topic = f"haulwatch/v1/{device}/position"
    return RawMessage(topic, f'{{"n": {n}}}'.encode(), T0 + n if received_at is None else received_at)


def fleet(messages: int, devices: int = 17) -> list[RawMessage]:
    """Messages of many devices, a millisecond apart."""
    return [of_device(f"truck-{n * 7 % devices}", n) for n in range(messages)]


def read_all(log: KafkaLog, after: int = 0, limit: int = 100) -> list[LogRecord]:
    found: list[LogRecord] = []
    while records := log.read(after, limit):
        found += records
        after = records[-1].offset
    return found


def payloads(records: Sequence[LogRecord]) -> list[bytes]:
    return [record.message.payload for record in records]
