"""Figures of the topic and of its readers, by the admin client: one question for all partitions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import (
    KafkaConnection,
    admin_library,
    library,
    topic_description,
    translated,
    unavailable,
)
from ingest.log.kafka.writer import check_partitions
from ingest.log.raw_log import Removed
from ingest.log.records import CONSUMERS, FLEET, LogRecord


@dataclass(frozen=True, slots=True)
class PartitionFigures:
    """One partition: its first and next offset as Kafka counts (from 0), and the next offset of each consumer."""

    partition: int
    first: int
    end: int
    read: Mapping[str, int]
    leader: int = 0
    """The broker that takes its messages; negative: none does."""
    replicas: int = 1
    in_sync: int = 1
    """Replicas that have all that was acknowledged."""

    def lag(self, consumer: str) -> int:
        """Records that Kafka keeps and the consumer has not committed as read."""
        return self.end - max(self.read.get(consumer, 0), self.first)


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """Who judges the verdicts of shared judges, and how far."""

    owner: str
    """Client id of the member that has them, which names its machine and process; empty: none has."""
    members: int
    """It and its spares."""
    lag: int
    """Offsets after what was kept last, up to a minute ago. Ends of transactions count, so it is seldom 0."""


class KafkaFigures:
    """Asks Kafka at each call. Any thread may call it. Methods raise RawLogUnavailable, RawLogMisfit."""

    partition: int = 0

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._wait_s = connection.figures_s
        self._kafka = library()
        self._admin: Any = None
        self._checked = False

    def ends(self) -> dict[int, int]:
        """Offset after the last record, by partition."""
        return self._offsets(admin_library().OffsetSpec.latest())

    def starts(self) -> dict[int, int]:
        """Offset of the oldest record kept, by partition."""
        return self._offsets(admin_library().OffsetSpec.earliest())

    def last_offset(self) -> int:
        return sum(self.ends().values())

    def first_offset(self) -> int:
        return sum(self.starts().values()) + 1

    def read_to(self, consumer: str, topic: str = "") -> dict[int, int]:
        """Next offset of a consumer by partition, as it committed; without the partitions of which it read nothing.

        `topic`: by default that of the raw log.
        """
        topic = topic or self._connection.topic
        group = self._connection.group(consumer)
        with translated(self._connection):
            asked = self._kafka.ConsumerGroupTopicPartitions(group)
            [answer] = self._opened().list_consumer_group_offsets([asked], request_timeout=self._wait_s).values()
            try:
                found = answer.result().topic_partitions
            except self._kafka.KafkaException as exc:
                if exc.args[0].code() == self._kafka.KafkaError.GROUP_ID_NOT_FOUND:
                    return {}
                raise
        return {one.partition: one.offset for one in found if one.topic == topic and one.offset >= 0}

    def committed(self) -> dict[str, int]:
        """The sum of a consumer's offsets, by consumer; those that committed one.

        A partition counts from its oldest record at least: what Kafka removed by age is not still to be read.
        """
        found = {consumer: offsets for consumer in CONSUMERS if (offsets := self.read_to(consumer))}
        if not found:
            return {}
        starts = self.starts()
        return {
            consumer: sum(max(offsets.get(partition, 0), start) for partition, start in starts.items())
            for consumer, offsets in found.items()
        }

    def at_work(self) -> list[str]:
        """The consumers whose group has members now, on whatever machine."""
        with translated(self._connection):
            groups = {self._connection.group(consumer): consumer for consumer in CONSUMERS}
            answers = self._opened().describe_consumer_groups([*groups], request_timeout=self._wait_s)
            found = []
            for group, answer in answers.items():
                try:
                    if answer.result().members:
                        found.append(groups[group])
                except self._kafka.KafkaException as exc:
                    if exc.args[0].code() != self._kafka.KafkaError.GROUP_ID_NOT_FOUND:
                        raise
        return found

    def fleet(self) -> FleetFigures:
        """The group that judges verdicts. Needs Describe on it and on their topic."""
        topic = self._connection.verdicts_topic
        specs = admin_library().OffsetSpec
        [first], [end] = (self._offsets(spec, topic, 1).values() for spec in (specs.earliest(), specs.latest()))
        read = max(self.read_to(FLEET, topic).get(0, 0), first)
        group = self._connection.group(FLEET)
        with translated(self._connection):
            [answer] = self._opened().describe_consumer_groups([group], request_timeout=self._wait_s).values()
            try:
                members = answer.result().members
            except self._kafka.KafkaException as exc:
                if exc.args[0].code() != self._kafka.KafkaError.GROUP_ID_NOT_FOUND:
                    raise
                members = []
        owners = [one.client_id for one in members if one.assignment and one.assignment.topic_partitions]
        return FleetFigures(owners[0] if owners else "", len(members), end - read)

    def unread(self, positions: Mapping[int, int]) -> int:
        """Records after these positions that Kafka still keeps: it removes by age, read or not."""
        starts, ends = self.starts(), self.ends()
        return sum(max(end - max(positions.get(one, 0), starts[one]), 0) for one, end in ends.items())

    def commit(self, consumer: str, positions: Mapping[int, int]) -> None:
        """Note a consumer's next offsets; one that is behind what was noted changes nothing."""
        before = self.read_to(consumer)
        moved = [
            self._kafka.TopicPartition(self._connection.topic, partition, offset)
            for partition, offset in positions.items()
            if offset > before.get(partition, -1)
        ]
        if not moved:
            return
        group = self._kafka.ConsumerGroupTopicPartitions(self._connection.group(consumer), moved)
        with translated(self._connection):
            [answer] = self._opened().alter_consumer_group_offsets([group], request_timeout=self._wait_s).values()
            for one in answer.result().topic_partitions:
                if one.error is not None:
                    raise unavailable(self._connection, one.error)

    def partitions(self) -> list[PartitionFigures]:
        """Every partition, in order."""
        starts, ends = self.starts(), self.ends()
        read = {consumer: self.read_to(consumer) for consumer in CONSUMERS}
        topic = self._connection.topic
        with translated(self._connection):
            found = {
                one.id: one
                for one in topic_description(self._connection, topic, self._wait_s, self._opened()).partitions
            }
        return [
            PartitionFigures(
                partition,
                starts[partition],
                end,
                {consumer: offsets[partition] for consumer, offsets in read.items() if partition in offsets},
                leader_of(found[partition]),
                len(found[partition].replicas),
                len(found[partition].isr),
            )
            for partition, end in sorted(ends.items())
        ]

    def size_bytes(self) -> int:
        """Unknown to this client: 0. Kafka's own tools say what a topic takes on each broker."""
        return 0

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """Nothing: figures are read without a message."""
        return []

    def removed(self) -> Removed:
        """None that this client could count: Kafka removes by age, and a reader says what it missed."""
        return Removed()

    def close(self) -> None:
        """Nothing: whoever holds it asks again and again, over one connection."""

    def _offsets(self, spec: Any, topic: str = "", partitions: int = 0) -> dict[int, int]:
        """By default of the topic of the raw log."""
        topic, partitions = topic or self._connection.topic, partitions or self._connection.partitions
        with translated(self._connection):
            admin = self._opened()
            asked = {self._kafka.TopicPartition(topic, partition): spec for partition in range(partitions)}
            answers = admin.list_offsets(asked, request_timeout=self._wait_s)
            found = {there.partition: int(answer.result().offset) for there, answer in answers.items()}
        if silent := [partition for partition, offset in found.items() if offset < 0]:
            # The client gives an impossible offset, and no error, where the broker of a partition does not answer.
            raise RawLogUnavailable(
                f"Kafka at {self._connection.servers}: the broker of partition {silent[0]} of {topic} gives no answer"
            )
        return found

    def _opened(self) -> Any:
        """The client; the topic is checked once. Inside `translated`."""
        if self._admin is None:
            self._admin = admin_library().AdminClient(self._connection.properties())
        if not self._checked:
            check_partitions(self._connection, self._admin, self._wait_s)
            self._checked = True
        return self._admin


def leader_of(partition: Any) -> int:
    """Id of the broker that leads a partition as `topic_description` has it; -1: none does."""
    return -1 if partition.leader is None else int(partition.leader.id)
