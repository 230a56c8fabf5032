"""Creates the topics, and says whether that of the raw log is as it should be."""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from devices.errors import OperatorError
from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import (
    ANSWER_S,
    MAX_MESSAGE_BYTES,
    KafkaConnection,
    admin_library,
    library,
    topic_description,
    translated,
    unavailable,
)
from ingest.log.kafka.figures import KafkaFigures, leader_of
from ingest.log.kafka.writer import check_partitions

_log = logging.getLogger(__name__)

_LOOK_S: Final = 0.1
_FOREVER: Final = -1
_LATEST: Final = (1 << 63) - 1
_VERDICTS_MS: Final = 7 * 86_400_000


class TopicRefused(OperatorError):
    """The cluster does not create the topic."""


def topic_settings(keep_ms: int, replicas: int) -> Mapping[str, str]:
    """The settings of the topic. `keep_ms` 0: for ever.

    Records are removed by receive time, read or not. A collector whose clock is wrong is not refused: what a message
    says of time is judged later. Kafka acknowledges before it syncs its files, and is durable by its replicas; a topic
    without replicas syncs each append.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(keep_ms or _FOREVER),
        "retention.bytes": str(_FOREVER),
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "message.timestamp.type": "CreateTime",
        "message.timestamp.before.max.ms": str(_LATEST),
        "message.timestamp.after.max.ms": str(_LATEST),
        # Acknowledged is what a majority has: of three brokers one may be lost, and no message with it.
        "min.insync.replicas": str(replicas // 2 + 1),
        "unclean.leader.election.enable": "false",
        "flush.messages": str(1 if replicas == 1 else _LATEST),
    }


def judge_topics(connection: KafkaConnection, replicas: int) -> Mapping[str, tuple[int, Mapping[str, str]]]:
    """The topics between and behind the judge's workers: partitions and settings by name.

    State is kept by key for ever, the last value of each; verdicts for a week, which is longer than the stage that
    compares devices may stand still.
    """
    durable = {
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "min.insync.replicas": str(replicas // 2 + 1),
        "unclean.leader.election.enable": "false",
        "flush.messages": str(1 if replicas == 1 else _LATEST),
    }
    state = durable | {"cleanup.policy": "compact", "segment.bytes": str(64 << 20), "min.cleanable.dirty.ratio": "0.2"}
    verdicts = durable | {
        "cleanup.policy": "delete",
        "retention.ms": str(_VERDICTS_MS),
        "retention.bytes": str(_FOREVER),
    }
    return {
        connection.verdicts_topic: (1, verdicts),
        connection.state_topic: (connection.partitions, state),
        connection.fleet_state_topic: (1, state),
    }


def check_judge_topics(connection: KafkaConnection) -> None:
    """Raise RawLogUnavailable if a topic of `judge_topics` is not there, RawLogMisfit for other partitions, or for
    topics of state of which Kafka removes rows by age.
    """
    with translated(connection):
        admin = admin_library().AdminClient(connection.properties())
        for topic, (partitions, settings) in judge_topics(connection, replicas=1).items():
            check_partitions(connection, admin, topic=topic, partitions=partitions)
            if settings["cleanup.policy"] == "compact":
                _check_is_compacted(connection, admin, topic)


def _check_is_compacted(connection: KafkaConnection, admin: Any, topic: str) -> None:
    admin_of, kafka = admin_library(), library()
    resource = admin_of.ConfigResource(admin_of.ResourceType.TOPIC, topic)
    [answer] = admin.describe_configs([resource], request_timeout=ANSWER_S).values()
    try:
        found = str(answer.result()["cleanup.policy"].value)
    except kafka.KafkaException as exc:
        if exc.args[0].code() != kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise
        _log.warning("judge: this login may not read the settings of %s (DescribeConfigs): not checked", topic)
        return
    if found != "compact":
        raise RawLogMisfit(
            f"topic {topic} has cleanup.policy={found}: Kafka would remove state that holds; run `haulwatch kafka "
            "init`, which sets it to compact, and let brokers create no topics by themselves "
            "(auto.create.topics.enable=false)"
        )


def create_topic(connection: KafkaConnection, keep_ms: int, replicas: int) -> bool:
    """Create the topics, or give those that exist their settings; True if that of the raw log was created.

    Raises RawLogMisfit if one exists with another number of partitions, TopicRefused, RawLogUnavailable.
    """
    for topic, (partitions, settings) in judge_topics(connection, replicas).items():
        _create(connection, topic, partitions, replicas, settings)
    created = _create(connection, connection.topic, connection.partitions, replicas, topic_settings(keep_ms, replicas))
    if created:
        _wait_for_leaders(connection)
    return created


def _create(
    connection: KafkaConnection, topic: str, partitions: int, replicas: int, settings: Mapping[str, str]
) -> bool:
    admin_of, kafka = admin_library(), library()
    with translated(connection):
        admin = admin_of.AdminClient(connection.properties())
        new = admin_of.NewTopic(topic, partitions, replicas, config=dict(settings))
        [answer] = admin.create_topics([new], request_timeout=ANSWER_S).values()
        try:
            answer.result()
        except kafka.KafkaException as exc:
            error = exc.args[0]
            if error.code() != kafka.KafkaError.TOPIC_ALREADY_EXISTS:
                if error.retriable():
                    raise
                raise TopicRefused(f"Kafka does not create {topic}: {unavailable(connection, error)}") from exc
            check_partitions(connection, admin, topic=topic, partitions=partitions)
            _set(admin_of, admin, topic, settings)
            return False
    return True


def use_settings(
    connection: KafkaConnection, settings: Mapping[str, str] | None, keep_ms: int = 0, replicas: int = 1
) -> None:
    """Give the topic these settings; None: those of `topic_settings`. Raises RawLogMisfit, RawLogUnavailable."""
    admin_of = admin_library()
    with translated(connection):
        admin = admin_of.AdminClient(connection.properties())
        check_partitions(connection, admin)
        _set(admin_of, admin, connection.topic, topic_settings(keep_ms, replicas) if settings is None else settings)


def _wait_for_leaders(connection: KafkaConnection) -> None:
    """Return when every partition of the new topic has a broker that takes messages. Raises RawLogUnavailable."""
    figures, deadline = KafkaFigures(connection), time.monotonic() + ANSWER_S
    while True:
        try:
            figures.ends()
        except RawLogUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_S)
        else:
            return


def found_settings(connection: KafkaConnection) -> Mapping[str, str]:
    """The settings of the topic as it is, and `replicas` of the partition that has fewest in sync.

    Every broker that leads a partition is asked: while a majority of the controllers is away, the others still name
    brokers that are gone. Raises RawLogUnavailable if one does not answer, RawLogMisfit.
    """
    admin_of = admin_library()
    with translated(connection):
        admin = admin_of.AdminClient(connection.properties())
        check_partitions(connection, admin, connection.figures_s)
        resource = admin_of.ConfigResource(admin_of.ResourceType.TOPIC, connection.topic)
        [answer] = admin.describe_configs([resource], request_timeout=connection.figures_s).values()
        found = {name: str(entry.value) for name, entry in answer.result().items()}
        partitions = topic_description(connection, connection.topic, connection.figures_s, admin).partitions
    if all(leader_of(one) >= 0 for one in partitions):
        KafkaFigures(connection).ends()
    return found | {
        "replicas": str(min(len(one.replicas) for one in partitions)),
        "in sync": str(min(len(one.isr) for one in partitions)),
        "without leader": str(sum(leader_of(one) < 0 for one in partitions)),
    }


def _set(admin_of: Any, admin: Any, topic: str, settings: Mapping[str, str]) -> None:
    entries = [
        admin_of.ConfigEntry(name, value, incremental_operation=admin_of.AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = admin_of.ConfigResource(admin_of.ResourceType.TOPIC, topic, incremental_configs=entries)
    [answer] = admin.incremental_alter_configs([resource], request_timeout=ANSWER_S).values()
    answer.result()
