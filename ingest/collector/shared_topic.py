"""The raw log on Kafka, for several collectors on any machines.

Only ticks need care, as on one machine (`shared_log`): it is no silence if one collector receives nothing. One of them
has the turn, and says that nothing was received if nothing was appended between two of its looks. Kafka gives the turn:
it goes with the first partition, in a group of the collectors, which fetch nothing.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.owned_partition import PartitionLog
from ingest.log.ports import LogWriter
from ingest.log.records import TICK_TOPIC, RawMessage

GROUP: Final = "collector"
_FIRST: Final = 0

_log = logging.getLogger(__name__)


class Turn(Protocol):
    """Who of all collectors says that nothing was received."""

    def is_ours(self) -> bool: ...
    def close(self) -> None: ...


class SharedTopic:
    """A topic that takes a tick only from the collector whose turn it is, and only if nothing was appended since that
    one looked last. So ticks never add up to more time than has passed.

    They lag by one interval at each start of a silence, and by the time in which Kafka notices that the collector died
    whose turn it was.
    """

    def __init__(self, log: LogWriter, last_offset: Callable[[], int], turn: Turn) -> None:
        """`last_offset`: of the topic as it is, whoever appended. Raises RawLogUnavailable."""
        self._log, self._last_offset, self._turn = log, last_offset, turn
        self._seen: int | None = None
        """Where the topic ended at the last look; None: it was not our turn then."""

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Append as the log does; a tick may be passed over: then what is returned says nothing."""
        if len(messages) != 1 or messages[0].topic != TICK_TOPIC:
            return self._log.append(messages)
        if not self._turn.is_ours():
            self._seen = None
            return 0
        last = self._last_offset()
        if last == self._seen:
            self._log.append(messages)
            last = self._last_offset()  # what the log returns leaves out what others appended
        self._seen = last
        return last

    def close(self) -> None:
        """Give the turn away at once."""
        self._turn.close()


class PartitionTurn:
    """The turn as Kafka gives it. A collector that asks no more, since it receives or is not connected, loses it within
    five minutes; one that died when Kafka notices.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._member = GroupMember(connection, GROUP, self)
        self._failing = False

    def is_ours(self) -> bool:
        try:
            self._member.poll(0)
        except RawLogUnavailable as exc:
            if not self._failing:
                _log.warning("collector: Kafka does not say whose turn it is, no silence is noted: %s", exc)
            self._failing = True
            return False
        self._failing = False
        return _FIRST in self._member.owned

    def close(self) -> None:
        self._member.close()

    def assigned(self, log: PartitionLog) -> None:
        """Nothing: a partition that is not read stays paused."""

    def revoked(self, log: PartitionLog) -> None: ...

    def lost(self, log: PartitionLog) -> None: ...
