"""A member of a consumer group: Kafka shares the partitions of a topic among the members, and moves them when one
comes, leaves, or is not heard any more.

    GroupMember    one client; `poll` fetches, and says which partitions come and go
    Owner          what a worker does when they do; it reads each by its `owned_partition.PartitionLog`

The group is Kafka's, by its protocol `consumer` (KIP-848): nothing of membership, leases or heartbeats is written here.
A member that died is noticed after the broker's `group.consumer.session.timeout.ms`.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, Protocol

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import (
    ANSWER_S,
    KafkaConnection,
    admin_library,
    error_text,
    library,
    topic_id,
    translated,
    unavailable,
)
from ingest.log.kafka.owned_partition import PartitionGone, PartitionLog

_TAKEN_AT_ONCE: Final = 2_000
_POLL_AGAIN_WITHIN_MS: Final = 300_000
"""A member that does not poll for so long is taken for stuck, and loses its partitions."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """What owns partitions. Called inside `GroupMember.poll` and `close`; raises nothing."""

    def assigned(self, log: PartitionLog) -> None:
        """A partition is ours from now on. It is read from where the first `log.read` says."""

    def revoked(self, log: PartitionLog) -> None:
        """A partition is to go to another member, and is still ours until this returns: write what is not written."""

    def lost(self, log: PartitionLog) -> None:
        """A partition is another member's already: forget it, and write nothing."""


class GroupMember:
    """One client of a group, with the partitions that Kafka gives it. For one thread at a time."""

    def __init__(
        self, connection: KafkaConnection, consumer: str, owner: Owner, topic: str = "", *, copies: bool = False
    ) -> None:
        """`consumer` names the group (`KafkaConnection.group`). `topic`: by default that of the raw log. `copies`: also
        give messages that stand in this partition for a truck, and in another for their device
        (`record_format.is_for_all`).
        """
        self._connection, self._owner = connection, owner
        self._group = connection.group(consumer)
        self.topic, self.copies = topic or connection.topic, copies
        self.is_gapless = self.topic == connection.topic
        """Whether every offset is a record's: the raw log is written without transactions, whose ends take offsets."""
        self._kafka = library()
        self._consumer: Any = None
        self._admin: Any = None
        self._lock = Lock()
        self._trouble: str | None = None
        self.owned: dict[int, PartitionLog] = {}
        """By partition, those that are ours now."""

    def poll(self, wait_s: float) -> bool:
        """Fetch what there is, waiting for a first record at most `wait_s`; call the owner about partitions that come
        and go. Returns whether any record came.

        An error of one partition is raised by that partition's `PartitionLog.read`, and stops no other one. Call it
        again within five minutes, however much is to be judged meanwhile. Raises RawLogUnavailable.
        """
        failed: list[Any] = []
        with translated(self._connection):
            consumer = self._open()
            came = self._sort_in(consumer.consume(_TAKEN_AT_ONCE, 0), failed)
            if not came and wait_s and (first := consumer.poll(wait_s)) is not None:
                came = self._sort_in([first], failed)
                came |= self._sort_in(consumer.consume(_TAKEN_AT_ONCE, 0), failed)
        if failed:
            raise unavailable(self._connection, failed[0])
        return came

    def commit(self, positions: Mapping[int, int]) -> None:
        """Note that these partitions are read up to these offsets: where the next owner begins that keeps no place of
        its own, and what lag is counted from.

        Raises PartitionGone if they are not ours any more, RawLogUnavailable.
        """
        if not positions:
            return
        with fenced(self._connection):
            answers = self._opened().commit(offsets=self.offsets(positions), asynchronous=False) or ()
        for one in answers:
            if one.error is not None:
                raise RawLogUnavailable(f"Kafka at {self._connection.servers}: {error_text(one.error)}")

    def offsets(self, positions: Mapping[int, int]) -> list[Any]:
        """Positions in the client's form, for a transaction."""
        return [self._kafka.TopicPartition(self.topic, partition, offset) for partition, offset in positions.items()]

    def metadata(self) -> Any:
        """What a transaction shows to prove that this member is still in the group."""
        with translated(self._connection):
            return self._opened().consumer_group_metadata()

    def committed(self, partition: int) -> int:
        """The offset that was committed last; 0 if none was. Raises RawLogUnavailable."""
        with translated(self._connection):
            there = [self._kafka.TopicPartition(self.topic, partition)]
            [found] = self._opened().committed(there, timeout=ANSWER_S)
            return max(int(found.offset), 0)

    def check_owns(self, partition: int) -> None:
        """Ask Kafka whether a partition is ours still. Any thread may call it. Needs Describe on the group.

        Raises PartitionGone, also where a poll would not know yet, as after a standstill longer than the session, and
        RawLogUnavailable.
        """
        with translated(self._connection):
            consumer, admin = self._opened(), self._admin_client()
            asked = admin.describe_consumer_groups([self._group], request_timeout=ANSWER_S)
            [members] = [answer.result().members for answer in asked.values()]
            ours = consumer.memberid()
        if not any(
            one.member_id == ours
            and any(
                there.topic == self.topic and there.partition == partition for there in one.assignment.topic_partitions
            )
            for one in members
        ):
            raise PartitionGone(f"partition {partition} of {self.topic} is another member's")

    def ends(self, partition: int) -> tuple[int, int]:
        """Offset of the oldest record less one, and of the newest, as a PartitionLog counts them.

        Raises RawLogUnavailable.
        """
        with translated(self._connection):
            there = self._kafka.TopicPartition(self.topic, partition)
            low, high = self._opened().get_watermark_offsets(there, timeout=ANSWER_S)
            return int(low), int(high)

    def is_at_end(self, partition: int, offset: int) -> bool:
        """Whether nothing follows this offset, as of the broker's last answer. Asks nothing."""
        there = self._kafka.TopicPartition(self.topic, partition)
        _, high = self._opened().get_watermark_offsets(there, cached=True)
        return bool(0 <= high <= offset)

    def topic_id(self) -> str:
        """As `connection.topic_id`, of this member's topic as it is now. Any thread may call it.

        Raises RawLogUnavailable.
        """
        return topic_id(self._connection, self.topic, self._admin_client())

    def close(self) -> None:
        """Leave the group: the owner is called as when partitions are revoked, and others get them at once."""
        if self._consumer is None:
            return
        logs, self.owned = [*self.owned.values()], {}
        for log in logs:
            self._tell(self._owner.revoked, log)
            log.is_owned = False
        try:
            self._consumer.close()
        finally:
            self._consumer = None

    def seek(self, partition: int, after: int) -> bool:
        """Let the records after this offset come next; False if the client is not ready for it: call it again."""
        there = self._kafka.TopicPartition(self.topic, partition, after)
        codes = self._kafka.KafkaError
        try:
            self._opened().seek(there)
            self._opened().resume([self._kafka.TopicPartition(self.topic, partition)])
        except self._kafka.KafkaException as exc:
            if exc.args[0].code() in {codes._STATE, codes._TIMED_OUT, codes._IN_PROGRESS}:
                return False
            raise RawLogUnavailable(f"Kafka at {self._connection.servers}: {error_text(exc.args[0])}") from exc
        return True

    def pause(self, partition: int) -> None:
        self._opened().pause([self._kafka.TopicPartition(self.topic, partition)])

    def resume(self, partition: int) -> None:
        self._opened().resume([self._kafka.TopicPartition(self.topic, partition)])

    def _admin_client(self) -> Any:
        """One for all threads: what a client was asked for is never answered once it is gone."""
        with self._lock:
            self._admin = self._admin or admin_library().AdminClient(self._connection.properties())
            return self._admin

    def _opened(self) -> Any:
        """The client, as long as this member is in the group. Raises PartitionGone.

        A thread that still restores a partition must not join the group again for a process that ends: nobody would
        poll, and others would wait for that partition.
        """
        if (consumer := self._consumer) is None:
            raise PartitionGone(f"this member has left the group {self._group}")
        return consumer

    def _open(self) -> Any:
        """Join the group, unless this member is in it."""
        if self._consumer is None:
            consumer = self._kafka.Consumer(
                self._connection.reading(
                    self._group,
                    client_id=f"{self._connection.prefix}/{socket.gethostname()}/{os.getpid()}",
                    group_protocol="consumer",
                    enable_auto_offset_store=False,
                    auto_offset_reset="earliest",
                    fetch_wait_max_ms=100,
                    fetch_message_max_bytes=1 << 20,
                    queued_max_messages_kbytes=32 << 10,
                    max_poll_interval_ms=_POLL_AGAIN_WITHIN_MS,
                    error_cb=self._note_trouble,
                )
            )
            consumer.subscribe([self.topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)
            self._consumer = consumer
        return self._consumer

    def _note_trouble(self, error: Any) -> None:
        text = error_text(error)
        if text != self._trouble:
            _log.warning("raw log: Kafka at %s: %s; the client tries again", self._connection.servers, text)
        self._trouble = text

    def _assign(self, consumer: Any, partitions: Sequence[Any]) -> None:
        consumer.incremental_assign(list(partitions))
        consumer.pause(list(partitions))  # until the owner says from where on
        for one in partitions:
            log = self.owned[one.partition] = PartitionLog(self, one.partition)
            self._tell(self._owner.assigned, log)

    def _revoke(self, consumer: Any, partitions: Sequence[Any]) -> None:
        for one in partitions:
            if (log := self.owned.pop(one.partition, None)) is not None:
                self._tell(self._owner.revoked, log)
                log.is_owned = False
        if partitions:
            consumer.incremental_unassign(list(partitions))

    def _lose(self, consumer: Any, partitions: Sequence[Any]) -> None:
        for one in partitions:
            if (log := self.owned.pop(one.partition, None)) is not None:
                log.is_owned = False
                self._tell(self._owner.lost, log)
        if partitions:
            consumer.incremental_unassign(list(partitions))

    def _tell(self, what: Callable[[PartitionLog], None], log: PartitionLog) -> None:
        try:
            what(log)
        except Exception:  # noqa: BLE001 - raised inside the callback it leaves the assignment undone
            _log.exception("raw log: partition %d of %s came or went, and its owner failed", log.partition, self.topic)

    def _sort_in(self, messages: Sequence[Any], failed: list[Any]) -> bool:
        """Give each partition its messages: all of them, for the client has passed them. Returns whether one came."""
        came = False
        for message in messages:
            if (error := message.error()) is None:
                self._trouble = None
                log = self.owned.get(message.partition())
                came |= log is not None and log.take(message)
            elif not self._is_of_a_partition(error, message.partition()):
                failed.append(error)
        return came

    def _is_of_a_partition(self, error: Any, partition: int | None) -> bool:
        """Let a partition take its error, or pass over one that needs nothing. Returns False for all others."""
        codes = self._kafka.KafkaError
        if error.code() == codes._PARTITION_EOF:
            return True
        if error.retriable() or error.code() == codes._ALL_BROKERS_DOWN:
            self._note_trouble(error)
            return True
        if error.fatal() or partition is None or partition < 0:
            return False
        if (log := self.owned.get(partition)) is not None:
            log.fail(unavailable(self._connection, error, f"partition {partition} of {self.topic}: "))
        return True


@contextmanager
def fenced(connection: KafkaConnection) -> Iterator[None]:
    """As `translated`, and PartitionGone where the client says that another member owns the partition now."""
    try:
        with translated(connection):
            yield
    except RawLogUnavailable as exc:
        if is_fenced(exc.__cause__):
            raise PartitionGone(str(exc)) from exc
        raise


def is_fenced(cause: object) -> bool:
    """Whether this exception of the client says that another member owns the partition now."""
    kafka = library()
    if not isinstance(cause, kafka.KafkaException):
        return False
    codes = kafka.KafkaError
    return cause.args[0].code() in {
        codes._FENCED,
        codes.PRODUCER_FENCED,
        codes.INVALID_PRODUCER_EPOCH,
        codes.ILLEGAL_GENERATION,
        codes.UNKNOWN_MEMBER_ID,
        codes.STALE_MEMBER_EPOCH,
        codes.FENCED_MEMBER_EPOCH,
        codes.FENCED_INSTANCE_ID,
    }
