"""One worker as a process: `python -m tests.judge_workers.process SERVERS PREFIX PARTITIONS JOURNAL`."""

import asyncio
import logging
import os
import sys
from functools import partial
from pathlib import Path

from devices.city.model import City
from haulwatch.process.lifetime import stop_event
from ingest.judge.workers import pace
from ingest.judge.workers.device_stage import DeviceStage
from ingest.judge.workers.device_work import DeviceWork
from ingest.judge.workers.fleet_stage import FleetStage
from ingest.judge.workers.fleet_work import FleetWork
from ingest.judge.workers.run import run_worker
from ingest.judge.workers.worker import Owned, Worker
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.owned_partition import PartitionLog
from ingest.log.kafka.partition_store import PartitionStore, first_revisions_in
from ingest.log.kafka.record_format import partition_of_device
from rules.catalogue import build_rules
from tests.ingest.judge.test_shuffle import CITY
from tests.judge_workers.shared_journal import SharedJournal


def worker_of(connection: KafkaConnection, journal: SharedJournal, city: City = CITY) -> Worker:
    """A worker with the same parts as `haulwatch.wiring.workers.judge`."""
    rules, partitions = build_rules(), connection.partitions

    def begin_devices(log: PartitionLog) -> DeviceWork:
        own = log.partition
        stage = DeviceStage(own, lambda id_: partition_of_device(id_, partitions) == own, lambda: city, lambda: rules)
        store = partial(PartitionStore, connection, raw, connection.state_topic, "judge")
        work = DeviceWork(log, store, stage, partial(first_revisions_in, connection))
        journal.note_owner("raw", own)
        return work

    def begin_fleet(log: PartitionLog) -> FleetWork:
        store = partial(PartitionStore, connection, verdicts, connection.fleet_state_topic, "fleet")
        work = FleetWork(log, store, FleetStage(partitions, lambda: city, lambda: rules), journal)
        journal.note_owner("verdicts", log.partition)
        return work

    devices, fleet = Owned("raw", begin_devices), Owned("verdicts", begin_fleet)
    raw = GroupMember(connection, "judge", devices, copies=True)
    verdicts = GroupMember(connection, "fleet", fleet, connection.verdicts_topic)
    return Worker((raw, devices), (verdicts, fleet))


async def _run(connection: KafkaConnection, journal: SharedJournal) -> None:
    await run_worker(worker_of(connection, journal), stop_event())


def main() -> None:
    servers, prefix, partitions, path = sys.argv[1:]
    logging.basicConfig(format="%(asctime)s %(process)d %(message)s")
    setattr(pace, "KEEP_MIN_RECORDS", 200)  # noqa: B010 - rows are kept several times in a short run
    journal = SharedJournal(Path(path), os.getpid())
    asyncio.run(_run(KafkaConnection(servers, prefix, int(partitions)), journal))
    journal.close()


if __name__ == "__main__":
    main()
