"""What a worker keeps and hands on of one partition that it owns: all in one transaction, by one worker at a time."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final

from ingest.log.errors import LogMadeAnew
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.record_format import headers_of, message_of
from ingest.log.kafka.state_topic import StateTopic
from ingest.log.kafka.transactions import Keyed, Transactions
from ingest.log.records import RawMessage

_ONLY: Final = 0
LOG_ID: Final = "$log"
"""Key of what Kafka names the topic by of which the state is: offsets of one say nothing of another of its name."""


class PartitionStore:
    """State of a partition in a compacted topic, and what its owner hands on. For one thread at a time.

    After an error nothing of what was to be written is there: restore by a new object.
    """

    def __init__(
        self, connection: KafkaConnection, member: GroupMember, state_topic: str, name: str, partition: int
    ) -> None:
        """Fences the former owner. `name`: of the writer, with the partition. Raises RawLogUnavailable.

        Raises PartitionGone, fencing nobody, where Kafka says that the partition is another member's.
        """
        self._connection, self._member, self._partition = connection, member, partition
        member.check_owns(partition)
        self._state_topic = state_topic
        self._transactions = Transactions(connection, f"{name}.{partition}")
        self._unbound: dict[str, bytes] = {}
        """What binds the state to its topic, until it is written."""

    def kept(self) -> Mapping[str, bytes]:
        """The last value of each key. Raises RawLogUnavailable.

        Raises LogMadeAnew if they are of a topic that this member's has taken the place of.
        """
        with closing(StateTopic(self._connection, self._state_topic)) as state:
            found = state.restore(self._partition)
        its_id, now_id = found.pop(LOG_ID, None), self._member.topic_id().encode()
        if its_id is None:  # nothing is kept, or a former version kept it
            self._unbound = {LOG_ID: now_id}
        elif its_id != now_id:
            raise LogMadeAnew(self._why_not(its_id.decode(), now_id.decode()))
        return found

    def write(self, handed_on: Sequence[RawMessage], kept: Mapping[str, bytes | None], offset: int) -> None:
        """Hand messages on to the topic of verdicts, keep values, and note that the partition is read up to `offset`.

        None in place of a value: nothing is kept by this key any more.

        Raises PartitionGone, RawLogUnavailable.
        """
        verdicts = [
            Keyed(self._connection.verdicts_topic, _ONLY, str(self._partition), one.payload, headers_of(one))
            for one in handed_on
        ]
        kept = {**self._unbound, **kept}
        state = [Keyed(self._state_topic, self._partition, key, value) for key, value in kept.items()]
        offsets = self._member.offsets({self._partition: offset})
        self._transactions.write([*verdicts, *state], offsets, self._member.metadata())
        self._unbound = {}

    def _why_not(self, its_id: str, now_id: str) -> str:
        names, topic = self._connection, self._member.topic
        return (
            f"topic {topic} was made anew (its id is {now_id}), and {self._state_topic} holds the state of the one "
            f"before ({its_id}): to judge the new one from its start, end all judges, delete the topics "
            f"{names.state_topic}, {names.fleet_state_topic} and {names.verdicts_topic}, and run `haulwatch kafka "
            "init`; if the former one is to be had, set HAULWATCH_KAFKA_URL and HAULWATCH_KAFKA_PREFIX to it"
        )


def first_revisions_in(connection: KafkaConnection, partition: int, topics: frozenset[str]) -> dict[str, bytes]:
    """Payloads of the first revisions of these topics in a partition of the raw log, by topic; those that it has.

    Raises RawLogUnavailable.
    """
    found: dict[str, bytes] = {}
    with closing(StateTopic(connection, connection.topic)) as raw:
        for record in raw.records(partition):
            try:
                message = message_of(record.headers() or (), record.value() or b"", 0)
            except ValueError:
                continue
            if message.topic in topics:
                found.setdefault(message.topic, message.payload)
                if found.keys() == topics:
                    break
    return found
