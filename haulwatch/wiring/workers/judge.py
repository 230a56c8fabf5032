"""The parts of `haulwatch judge` as one of several workers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from haulwatch.process.current_city import CurrentCity
from haulwatch.process.current_rules import CurrentRules
from haulwatch.settings.data_files import heartbeat_path, judge_state_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_journal
from haulwatch.wiring.desk.manifests import ManifestLoops, manifest_loops
from haulwatch.wiring.judge import alert_publishing
from haulwatch.wiring.log import kafka_connection, open_revision_writer
from ingest.alerts.publisher import AlertPublisher
from ingest.judge.workers.device_stage import LEADER, DeviceStage
from ingest.judge.workers.device_work import DeviceWork
from ingest.judge.workers.figures import LocalFigures
from ingest.judge.workers.fleet_stage import FleetStage
from ingest.judge.workers.fleet_work import FleetWork
from ingest.judge.workers.worker import Owned, Worker
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.owned_partition import PartitionLog
from ingest.log.kafka.partition_store import PartitionStore, first_revisions_in
from ingest.log.kafka.record_format import partition_of_device
from ingest.log.kafka.topic import check_judge_topics
from ingest.log.records import FLEET, JUDGE
from ingest.log.revision_writer import RevisionFollower


class WorkerParts(NamedTuple):
    """The loops of one worker."""

    worker: Worker
    figures: LocalFigures
    publishers: tuple[AlertPublisher, ...]
    """They run where verdicts are judged."""
    revisions: RevisionFollower
    """It runs where the first partition is judged: so one process writes revisions."""
    manifests: ManifestLoops
    """Its writer likewise; what judgement found of them is written where it was found."""
    heartbeat_path: Path

    def judges_verdicts(self) -> bool:
        return bool(self.worker.fleet.partitions)

    def leads(self) -> bool:
        return LEADER in self.worker.devices.partitions


@asynccontextmanager
async def worker_parts(settings: Settings, city: CurrentCity, rules: CurrentRules) -> AsyncIterator[WorkerParts]:
    """Build the parts, and close sinks, cursors and files at the end of the block.

    Raises JudgeStateUnavailable, CursorsUnavailable, DatabaseError, RawLogError.
    """
    connection, partitions = kafka_connection(settings), settings.kafka.partitions
    check_judge_topics(connection)  # one that was made before there were shared judges has the raw log only
    journal = open_journal(settings)
    async with AsyncExitStack() as held:
        figures = held.enter_context(closing(LocalFigures(judge_state_path(settings))))
        publishing = await held.enter_async_context(alert_publishing(settings, city, journal, anywhere=True))
        manifests = held.enter_context(manifest_loops(settings, city, rules))

        def begin_devices(log: PartitionLog) -> DeviceWork:
            own = log.partition
            stage = DeviceStage(
                own,
                lambda device_id: partition_of_device(device_id, partitions) == own,
                city,
                rules,
                settings.limits.max_payload_bytes,
            )
            return DeviceWork(
                log,
                partial(PartitionStore, connection, raw, connection.state_topic, JUDGE),
                stage,
                partial(first_revisions_in, connection),
                lambda: figures.keep(str(own), stage.engine, stage.own),
                on_manifests=manifests.feed.offer,
            )

        def begin_fleet(log: PartitionLog) -> FleetWork:
            stage = FleetStage(partitions, city, rules, figures.note_damaged)
            open_state = partial(PartitionStore, connection, verdicts, connection.fleet_state_topic, FLEET)
            return FleetWork(
                *(log, open_state, stage, journal),
                on_changes=publishing.wake,
                on_keep=lambda: figures.note_failures(FLEET, stage.engine),
            )

        devices, fleet = Owned(connection.topic, begin_devices), Owned(connection.verdicts_topic, begin_fleet)
        raw = GroupMember(connection, JUDGE, devices, copies=True)
        verdicts = GroupMember(connection, FLEET, fleet, connection.verdicts_topic)
        yield WorkerParts(
            Worker((raw, devices), (verdicts, fleet)),
            figures,
            publishing.publishers,
            RevisionFollower(open_revision_writer(settings), city, rules, shared=True),
            manifests,
            heartbeat_path(settings, JUDGE),
        )
