"""A recorder among several that share the partitions of the raw log on Kafka."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from devices.city.model import City
from haulwatch.process import system_clock
from haulwatch.settings.load import Settings
from haulwatch.wiring.log import kafka_connection
from haulwatch.wiring.stores import shared_tables
from ingest.ledger.quarantine import Quarantine
from ingest.ledger.state.port import OwnTables
from ingest.log.ports import Log
from ingest.log.records import RECORDER
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.recorder.workers import RecorderWorker
from ingest.store import LineStore


class Recording(NamedTuple):
    """What a process of the recorder does, once it is built."""

    record: Callable[[asyncio.Event], Awaitable[None]]
    leads: Callable[[], bool]
    """See `haulwatch.wiring.recorder.RecorderParts`."""


@contextmanager
def on_kafka(
    settings: Settings, store: LineStore, city: Callable[[], City], quarantine: Quarantine
) -> Iterator[Recording]:
    """What records the partitions that Kafka gives to this process. Raises StateMisfit, StateUnavailable."""
    from ingest.log.kafka.group import GroupMember
    from ingest.log.kafka.kafka_log import KafkaLog

    connection, tables = kafka_connection(settings), shared_tables(settings)
    tables.prepare(connection.partitions)
    worker_name = f"{socket.gethostname()}/{os.getpid()}"

    def recorder_of(log: Log, own: OwnTables) -> Recorder:
        state = RecorderState(own, quarantine=quarantine)
        return Recorder(log, store, state, city, max_payload_bytes=settings.limits.max_payload_bytes)

    with closing(KafkaLog(connection)) as places:
        worker = RecorderWorker(
            lambda partition: tables.claim(partition, worker_name, system_clock.now_ms()),
            recorder_of,
            places.find,
            system_clock.now_ms,
            connection.partitions,
        )
        member = GroupMember(connection, RECORDER, worker)
        yield Recording(lambda stop: worker.run(member, stop), lambda: 0 in worker.owned)
