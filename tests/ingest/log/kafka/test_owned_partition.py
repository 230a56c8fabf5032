"""What the client fails to give of a partition, or leaves out: all others go on, and nothing is lost."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka import partition_store
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.owned_partition import PartitionGone, PartitionLog
from ingest.log.kafka.partition_store import PartitionStore
from tests.ingest.log.kafka.fakes import CODES, FakeMessage

RECORDS = 6


class Owner:
    def __init__(self) -> None:
        self.logs: dict[int, PartitionLog] = {}

    def assigned(self, log: PartitionLog) -> None:
        self.logs[log.partition] = log
        log.read(0, 0)

    def revoked(self, log: PartitionLog) -> None: ...
    def lost(self, log: PartitionLog) -> None: ...


class Client:
    """Holds `RECORDS` records a partition, and passes over what it has given or failed to give, as the library does."""

    def __init__(self, partitions: int) -> None:
        self.at = dict.fromkeys(range(partitions), 0)
        self.paused: set[int] = set()
        self.errors: dict[tuple[int, int], list[int]] = {}
        """By partition and offset: codes of the answers that are given in place of two records there, one a time."""
        self.never: set[tuple[int, int]] = set()
        """Partition and offset of what Kafka does not have any more."""
        self.without_partition: list[int] = []
        self._on_assign: Any = None

    def subscribe(self, _topics: object, on_assign: Any, **_more: object) -> None:
        self._on_assign = on_assign

    def incremental_assign(self, partitions: object) -> None: ...

    def pause(self, partitions: Sequence[Any]) -> None:
        self.paused.update(one.partition for one in partitions)

    def resume(self, partitions: Sequence[Any]) -> None:
        self.paused.difference_update(one.partition for one in partitions)

    def seek(self, there: Any) -> None:
        self.at[there.partition] = there.offset

    def close(self) -> None: ...

    def memberid(self) -> str:
        return "ours"

    def poll(self, _wait_s: float) -> None:
        return None

    def get_watermark_offsets(self, there: Any, timeout: float = 0, cached: bool = False) -> tuple[int, int]:
        return 0, RECORDS

    def consume(self, _most: int, _wait_s: float) -> list[FakeMessage]:
        if self._on_assign is not None:
            on_assign, self._on_assign = self._on_assign, None
            on_assign(self, [TopicPartition("raw", partition) for partition in self.at])
        given = [FakeMessage(-1, 0, code) for code in self.without_partition]
        self.without_partition = []
        for partition in self.at.keys() - self.paused:
            at = self.at[partition]
            while at < RECORDS:
                if codes := self.errors.get((partition, at)):
                    given.append(FakeMessage(partition, at, codes.pop(0)))
                    at += 2
                    continue
                if (partition, at) not in self.never:
                    given.append(FakeMessage(partition, at))
                at += 1
            self.at[partition] = at
        return given


class Bench:
    def __init__(self, topic: str = "") -> None:
        self.client, self.owner = Client(3), Owner()
        self.member = GroupMember(KafkaConnection("nowhere:1", partitions=3), "reader", self.owner, topic)
        self.member._kafka = SimpleNamespace(
            Consumer=lambda _: self.client,
            TopicPartition=TopicPartition,
            KafkaError=KafkaError,
            KafkaException=KafkaException,
        )
        self.read: dict[int, list[int]] = {partition: [] for partition in range(3)}
        self.raised: list[tuple[int | None, str]] = []

    def run(self, polls: int = 6) -> None:
        for _ in range(polls):
            try:
                self.member.poll(0.1)
            except RawLogUnavailable as exc:
                self.raised.append((None, str(exc)))
            for partition, log in self.owner.logs.items():
                read = self.read[partition]
                try:
                    read += [record.offset for record in log.read(read[-1] if read else 0, 4)]
                except RawLogUnavailable as exc:
                    self.raised.append((partition, str(exc)))


ALL = [*range(1, RECORDS + 1)]


def test_an_error_is_of_its_partition_and_what_the_client_passed_comes_again() -> None:
    bench = Bench()
    bench.client.errors[1, 2] = [CODES._BAD_MSG]
    bench.run()
    assert bench.read == {0: ALL, 1: ALL, 2: ALL}
    assert [partition for partition, _ in bench.raised] == [1]
    assert "partition 1 of haulwatch.raw" in bench.raised[0][1]


def test_a_partition_that_fails_for_ever_gives_nothing_after_it_and_others_go_on() -> None:
    bench = Bench()
    bench.client.errors[1, 2] = [CODES._BAD_MSG] * 1_000
    bench.run(9)
    assert bench.read == {0: ALL, 1: ALL[:2], 2: ALL}
    assert len(bench.raised) > 2
    assert {partition for partition, _ in bench.raised} == {1}


def test_an_error_of_no_partition_is_raised_after_all_records_were_taken() -> None:
    bench = Bench()
    bench.client.without_partition = [CODES.GROUP_AUTHORIZATION_FAILED]
    bench.run()
    assert bench.read == {0: ALL, 1: ALL, 2: ALL}
    assert [partition for partition, _ in bench.raised] == [None]


def test_a_gap_is_asked_for_again_and_passed_aloud_where_kafka_has_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.client.never = {(0, 3)}
    bench.member.poll(0)  # partitions come
    bench.client.at[2] = 2  # two records that the client leaves out, and Kafka has
    bench.run()
    assert bench.read == {0: [1, 2, 3, 5, 6], 1: ALL, 2: ALL}
    assert not bench.raised
    [text] = [record.getMessage() for record in caplog.records if "are gone from Kafka" in record.getMessage()]
    assert text.startswith("raw log: records 3 to 3 of partition 0 are gone")


@pytest.mark.parametrize("owner", ["ours", "another"])
def test_who_is_none_of_the_group_any_more_fences_nobody(owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that stood still past its session restores before a poll tells it that its partitions are lost."""
    bench = Bench()
    bench.run(1)
    assignment = SimpleNamespace(topic_partitions=[TopicPartition("haulwatch.raw", 1)])
    group = SimpleNamespace(members=[SimpleNamespace(member_id=owner, assignment=assignment)])
    bench.member._admin = SimpleNamespace(
        describe_consumer_groups=lambda names, request_timeout: {names[0]: SimpleNamespace(result=lambda: group)}
    )
    begun: list[str] = []
    monkeypatch.setattr(partition_store, "Transactions", lambda _connection, name: begun.append(name))

    def opened(partition: int) -> None:
        PartitionStore(bench.member._connection, bench.member, "haulwatch.state", "judge", partition)

    if owner == "ours":
        opened(1)
        assert begun == ["judge.1"]
    else:
        with pytest.raises(PartitionGone):
            opened(1)
        assert begun == []
    with pytest.raises(PartitionGone):
        opened(2)


def test_who_restores_while_the_member_leaves_does_not_join_the_group_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.run(1)
    bench.member.close()
    joined: list[object] = []
    monkeypatch.setattr(bench.member._kafka, "Consumer", joined.append)
    for ask in (bench.member.ends, bench.member.committed, bench.member.check_owns):
        with pytest.raises(PartitionGone):
            ask(1)
    assert joined == []


def test_the_ends_of_transactions_are_no_gaps_of_verdicts(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench("haulwatch.verdicts")
    bench.client.never = {(0, 3), (0, 5)}
    bench.run()
    assert bench.read == {0: [1, 2, 3, 5], 1: ALL, 2: ALL}
    assert not caplog.records
