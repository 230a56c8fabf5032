"""Both stages of judgement without Kafka: a log in partitions, judged by as many device stages and one fleet stage."""

from collections.abc import Callable, Iterable, Sequence
from random import Random

from devices.city.model import City
from ingest.judge.workers.device_stage import DeviceStage, Rules
from ingest.judge.workers.fleet_stage import FleetStage
from ingest.log.kafka.record_format import as_in, is_for_all, key_of, message_of, partition_of, partition_of_device
from ingest.log.kafka.writer import IDLE_MS
from ingest.log.records import REVISION_TOPICS, TICK_TOPIC, LogRecord, RawMessage
from rules.alerts.model import AlertChange


def in_partitions(messages: Sequence[RawMessage], partitions: int) -> list[list[LogRecord]]:
    """The messages as `ingest.log.kafka.writer` puts them into partitions, one call of it a message."""
    logs: list[list[LogRecord]] = [[] for _ in range(partitions)]
    newest = [messages[0].received_at] * partitions

    def put(partition: int, message: RawMessage) -> None:
        home = partition_of(key_of(message), partitions)
        payload, headers = as_in(message, message.payload, partition, home)
        found = message_of(headers, payload, message.received_at, copies=True)
        logs[partition].append(LogRecord(len(logs[partition]) + 1, found))
        newest[partition] = message.received_at

    for message in messages:
        chosen = range(partitions) if is_for_all(message) else [partition_of(key_of(message), partitions)]
        for partition in chosen:
            put(partition, message)
        for partition in range(partitions):
            now = message.received_at
            if message.topic not in REVISION_TOPICS and abs(now - newest[partition]) >= IDLE_MS:
                put(partition, RawMessage(TICK_TOPIC, b"0", now))
    return logs


def judged_in_partitions(
    messages: Sequence[RawMessage], partitions: int, city: City, rules: Rules, seed: int
) -> list[AlertChange]:
    """The alert changes; the order in which stages of partitions go on depends on the seed."""
    logs = in_partitions(messages, partitions)
    dice, changes = Random(seed), list[AlertChange]()
    fleet = FleetStage(partitions, lambda: city, lambda: rules)
    stages: list[DeviceStage] = []
    for partition, log in enumerate(logs):
        stage = DeviceStage(partition, _of(partition, partitions), lambda: city, lambda: rules)
        stage.begin(_first_revisions(log))
        stages.append(stage)
    at = [0] * partitions
    left = [partition for partition, log in enumerate(logs) if log]
    while left:
        partition = dice.choice(left)
        end = at[partition] + dice.randint(1, 60)
        for record in logs[partition][at[partition] : end]:
            stages[partition].take(record)
        at[partition] = end
        for message in stages[partition].output():
            changes += fleet.take(message)
        left = [one for one in left if at[one] < len(logs[one])]
    return changes


def _of(partition: int, partitions: int) -> Callable[[str], bool]:
    return lambda device_id: partition_of_device(device_id, partitions) == partition


def _first_revisions(log: Iterable[LogRecord]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for record in log:
        if record.message.topic in REVISION_TOPICS:
            found.setdefault(record.message.topic, record.message.payload)
    return found
