"""Records of several topics that are written all or not at all, by one writer of a name at a time.

Whoever begins with a name (`transactional.id`) fences the former one: what that left half written is undone, and
whatever it tries to write is refused. So a worker that was paused while others took its partition over does no harm.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import Any, Final, NamedTuple

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import ANSWER_S, MAX_MESSAGE_BYTES, KafkaConnection, error_text, library
from ingest.log.kafka.group import fenced

_UNDONE_AFTER_MS: Final = 10_000
"""A transaction whose writer died is undone by the broker after that, unless another writer of its name comes first.
Until then nobody reads what others wrote after it. One whose writer stands still for so long is judged again."""
_TRIES: Final = 5
_GIVEN_UP_AFTER_S: Final = 3 * ANSWER_S
"""Offsets and commit have a limit each. What is given up is undone by the next writer."""


class _Hanging(RawLogUnavailable):
    """The client did not return."""


class Keyed(NamedTuple):
    """A record to be written."""

    topic: str
    partition: int
    key: str
    value: bytes | None
    """None ends what a compacted topic keeps by this key."""
    headers: Sequence[tuple[str, bytes]] = ()


class Transactions:
    """The only writer of its name. For one thread at a time.

    After PartitionGone or RawLogUnavailable nothing of the transaction is written; begin with a new object.
    """

    def __init__(self, connection: KafkaConnection, name: str) -> None:
        """Fences the former writer. Raises RawLogUnavailable."""
        self._connection = connection
        self._kafka = library()
        self._failed: Any = None
        self._producer = self._kafka.Producer(
            connection.properties(
                transactional_id=f"{connection.prefix}.{name}",
                transaction_timeout_ms=_UNDONE_AFTER_MS,
                compression_type="lz4",
                linger_ms=5,
                message_max_bytes=MAX_MESSAGE_BYTES,
            )
        )
        self._bounded(lambda: self._producer.init_transactions(ANSWER_S))

    def write(self, records: Sequence[Keyed], offsets: Sequence[Any], member: Any) -> None:
        """Write records, and the offsets up to which a member of a group has read; on return all of it is there.

        `member`: `GroupMember.metadata`. Raises PartitionGone: another one writes by this name, or the member lost its
        partitions. Raises RawLogUnavailable.
        """
        try:
            self._bounded(lambda: self._write(records, offsets, member))
        except _Hanging:
            raise
        except RawLogUnavailable:
            self._undo()
            raise

    def _write(self, records: Sequence[Keyed], offsets: Sequence[Any], member: Any) -> None:
        self._producer.begin_transaction()
        for record in records:
            self._produce(record)
        if offsets:
            self._producer.send_offsets_to_transaction(list(offsets), member, ANSWER_S)
        self._commit()

    def _bounded(self, call: Callable[[], None]) -> None:
        """Call the client, in a thread that is given up if it does not return: it can wait for ever for a coordinator
        whose broker was killed, whatever limit it is given (librdkafka 2.16, issues 5456 and 5511).

        The next writer of this name undoes what was begun. Raises PartitionGone, RawLogUnavailable.
        """
        failed: list[BaseException] = []

        def run() -> None:
            try:
                call()
            except BaseException as exc:  # noqa: BLE001 - raised below
                failed.append(exc)

        thread = Thread(target=run, name="transaction", daemon=True)
        thread.start()
        thread.join(_GIVEN_UP_AFTER_S)
        if thread.is_alive():
            raise _Hanging(
                f"Kafka at {self._connection.servers}: the client gives no answer to a transaction for "
                f"{_GIVEN_UP_AFTER_S:.0f} s"
            )
        with fenced(self._connection):
            if failed:
                raise failed[0]

    def _produce(self, record: Keyed) -> None:
        while True:
            try:
                self._producer.produce(
                    *(record.topic, record.value, record.key, record.partition),
                    headers=list(record.headers),
                    on_delivery=self._note_failure,
                )
            except BufferError:  # the client's queue is full
                self._producer.poll(0.1)
            else:
                return

    def _commit(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self._producer.commit_transaction(ANSWER_S)
            except self._kafka.KafkaException as exc:
                if not exc.args[0].retriable() or not left:
                    raise
            else:
                break
        if self._failed is not None:
            raise RawLogUnavailable(f"Kafka at {self._connection.servers}: {error_text(self._failed)}")

    def _note_failure(self, error: Any, _record: Any) -> None:
        self._failed = self._failed or error

    def _undo(self) -> None:
        with suppress(RawLogUnavailable):  # it is fenced, or does not return: the next writer of this name undoes it
            self._bounded(lambda: self._producer.abort_transaction(ANSWER_S))
