"""A recorder among several that share the partitions of the raw log on Kafka."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from devices.city.model import City
from haulwatch.process import system_clock
from haulwatch.settings.load import Settings
from haulwatch.wiring.log import kafka_connection
from haulwatch.wiring.stores import shared_tables
from ingest.ledger.quarantine import Quarantine
from ingest.ledger.shared.tables import LogTopic, SharedTables
from ingest.ledger.state.port import OwnTables, StateUnavailable
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection, topic_id
from ingest.log.ports import Log
from ingest.log.records import RECORDER
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.recorder.workers import RecorderWorker
from ingest.store import LineStore

_FIRST_RETRY_S: Final = 0.5
_SLOWEST_RETRY_S: Final = 10.0

_log = logging.getLogger(__name__)


class Recording(NamedTuple):
    """What a process of the recorder does, once it is built."""

    record: Callable[[asyncio.Event], Awaitable[None]]
    leads: Callable[[], bool]
    """See `haulwatch.wiring.recorder.RecorderParts`."""


@contextmanager
def on_kafka(
    settings: Settings, store: LineStore, city: Callable[[], City], quarantine: Quarantine
) -> Iterator[Recording]:
    """What records the partitions that Kafka gives to this process. Raises StateMisfit, also once it records."""
    from ingest.log.kafka.group import GroupMember
    from ingest.log.kafka.kafka_log import KafkaLog

    connection, tables = kafka_connection(settings), shared_tables(settings)
    worker_name = f"{socket.gethostname()}/{os.getpid()}"

    def claimed(partition: int) -> OwnTables:
        topic = LogTopic(connection.topic, member.topic_id())
        return tables.claim(partition, worker_name, system_clock.now_ms(), topic)

    def recorder_of(log: Log, own: OwnTables) -> Recorder:
        state = RecorderState(own, quarantine=quarantine)
        return Recorder(log, store, state, city, max_payload_bytes=settings.limits.max_payload_bytes)

    with closing(KafkaLog(connection)) as places:
        worker = RecorderWorker(
            claimed,
            recorder_of,
            places.find,
            system_clock.now_ms,
            connection.partitions,
        )
        member = GroupMember(connection, RECORDER, worker)

        async def record(stop: asyncio.Event) -> None:
            await _prepare(tables, connection, stop)
            await worker.run(member, stop)

        yield Recording(record, lambda: 0 in worker.owned)


async def _prepare(tables: SharedTables, connection: KafkaConnection, stop: asyncio.Event) -> None:
    """As `SharedTables.prepare`, once Kafka and PostgreSQL answer. Raises StateMisfit."""
    backoff = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
    while not stop.is_set():
        try:
            found = await asyncio.to_thread(topic_id, connection)
            tables.prepare(connection.partitions, LogTopic(connection.topic, found))
        except (StateUnavailable, RawLogUnavailable) as exc:
            pause_s = backoff.next_pause_s()
            _log.warning("recorder: Kafka or PostgreSQL does not answer, trying again in %.1f s: %s", pause_s, exc)
            await pause(stop, pause_s)
        else:
            return
