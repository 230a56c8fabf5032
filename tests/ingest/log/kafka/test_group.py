"""Members of a group on a real Kafka: each partition has one owner, and goes on where the last one was."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.figures import FleetFigures, KafkaFigures
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.owned_partition import PartitionGone, PartitionLog
from ingest.log.kafka.state_topic import StateTopic
from ingest.log.kafka.topic import check_judge_topics, create_topic
from ingest.log.kafka.transactions import Keyed, Transactions
from ingest.log.records import FLEET, RawMessage
from tests.closing import closed_later
from tests.ingest.log.kafka.parts import PARTITIONS, fleet, opened
from tests.servers.kafka import KafkaServer
from tests.waiting import until

pytestmark = pytest.mark.real


class Reader:
    """Owns partitions, and keeps what it read of each in `read`, which may be shared with other readers."""

    def __init__(self, connection: KafkaConnection, read: dict[int, list[RawMessage]]) -> None:
        self.read = read
        self.gone: list[tuple[str, int]] = []
        self.member = GroupMember(connection, "recorder", self)

    def assigned(self, log: PartitionLog) -> None:
        self.read.setdefault(log.partition, [])

    def revoked(self, log: PartitionLog) -> None:
        self.gone.append(("revoked", log.partition))

    def lost(self, log: PartitionLog) -> None:
        self.gone.append(("lost", log.partition))

    def step(self) -> int:
        """Read what there is and commit it; where each partition begins is what was committed."""
        self.member.poll(0.05)
        count = 0
        for partition, log in [*self.member.owned.items()]:
            after = self.member.committed(partition)
            records = log.read(after, 50)
            if records:
                self.read[partition] += [record.message for record in records]
                log.commit("recorder", records[-1].offset)
            count += len(records)
        return count

    def all(self) -> list[RawMessage]:
        return [message for partition in self.read.values() for message in partition]


@pytest.fixture
def connection(kafka_server: KafkaServer) -> KafkaConnection:
    found = kafka_server.connection(PARTITIONS)
    create_topic(found, keep_ms=0, replicas=1)
    return found


@pytest.fixture
def log(connection: KafkaConnection) -> KafkaLog:
    return opened(connection, "collector")


@pytest.fixture
def read() -> dict[int, list[RawMessage]]:
    return {}


@pytest.fixture
def readers(connection: KafkaConnection, read: dict[int, list[RawMessage]]) -> Iterator[list[Reader]]:
    found = [Reader(connection, read), Reader(connection, read)]
    yield found
    for reader in found:
        reader.member.close()


def test_two_members_share_the_partitions_and_one_that_leaves_hands_over(log: KafkaLog, readers: list[Reader]) -> None:
    messages, (one, other) = fleet(600), readers
    log.append(messages[:300])
    until(lambda: one.step() == 0 and len(one.all()) == 300)

    def shared() -> bool:
        one.step()
        other.step()
        return len(one.member.owned) == len(other.member.owned) == PARTITIONS // 2

    until(shared)
    assert not one.member.owned.keys() & other.member.owned.keys()
    assert {how for how, _ in one.gone} == {"revoked"}
    log.append(messages[300:])
    until(lambda: one.step() + other.step() == 0 and len(one.all()) == 600)
    one.member.close()
    until(lambda: other.step() == 0 and len(other.member.owned) == PARTITIONS)
    assert sorted(one.all(), key=lambda message: message.received_at) == messages


def test_a_partition_that_is_gone_is_refused(log: KafkaLog, readers: list[Reader]) -> None:
    one, _ = readers
    log.append(fleet(20))
    until(lambda: one.step() == 0 and len(one.all()) == 20)
    kept = [*one.member.owned.values()]
    one.member.close()
    with pytest.raises(PartitionGone):
        kept[0].read(0, 10)


def test_a_partition_is_read_again_from_any_offset(log: KafkaLog, readers: list[Reader]) -> None:
    one, _ = readers
    log.append(fleet(200))
    until(lambda: one.step() == 0 and len(one.all()) == 200)
    partition, its = next(iter(one.member.owned.items()))
    again: list[RawMessage] = []

    def read_again() -> bool:
        one.member.poll(0.05)
        records = its.read(0 if not again else len(again), 7)
        again.extend(record.message for record in records)
        return len(again) == len(one.read[partition])

    until(read_again)
    assert again == one.read[partition]
    assert its.is_at_end(len(again))


def test_a_writer_fences_the_former_one_of_its_name(connection: KafkaConnection) -> None:
    topic, state = connection.state_topic, closed_later(StateTopic(connection, connection.state_topic))
    former = Transactions(connection, "judge.3")
    former.write([Keyed(topic, 3, "T1", b"1"), Keyed(topic, 3, "T2", b"1")], [], None)
    assert state.restore(3) == {"T1": b"1", "T2": b"1"}
    later = Transactions(connection, "judge.3")
    with pytest.raises(PartitionGone):
        former.write([Keyed(topic, 3, "T1", b"2")], [], None)
    later.write([Keyed(topic, 3, "T2", b"3")], [], None)
    assert state.restore(3) == {"T1": b"1", "T2": b"3"}
    assert state.restore(4) == {}


def test_figures_name_who_has_the_verdicts_its_spares_and_what_follows_what_was_kept(
    connection: KafkaConnection,
) -> None:
    figures = KafkaFigures(connection)
    assert figures.fleet() == FleetFigures("", 0, 0)
    topic = connection.verdicts_topic
    writer = Transactions(connection, "judge.0")
    writer.write([Keyed(topic, 0, "0", b"1"), Keyed(topic, 0, "0", b"2")], [], None)
    owner, spare = (GroupMember(connection, FLEET, Reader(connection, {}), topic) for _ in range(2))

    def shared() -> bool:
        owner.poll(0.05)
        spare.poll(0.05)
        return figures.fleet().members == 2 and bool(owner.owned or spare.owned)

    until(shared)
    member = owner if owner.owned else spare
    found = figures.fleet()
    assert found.owner == f"{connection.prefix}/{socket.gethostname()}/{os.getpid()}"
    assert found.lag == 3, "two records, and the end of their transaction"
    member.commit({0: 2})
    assert figures.fleet().lag == 1
    for one in (owner, spare):
        one.close()
    assert figures.fleet() == FleetFigures("", 0, 1)


def test_a_topic_that_a_shared_judge_lacks_is_named(connection: KafkaConnection) -> None:
    check_judge_topics(connection)
    other = replace(connection, prefix=f"{connection.prefix}-other")
    with pytest.raises(RawLogUnavailable, match="run `haulwatch kafka init`"):
        check_judge_topics(other)
    with pytest.raises(RawLogMisfit, match="HAULWATCH_KAFKA_PARTITIONS is 9"):
        check_judge_topics(replace(connection, partitions=9))
