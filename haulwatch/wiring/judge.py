"""The parts of `haulwatch judge`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple

from haulwatch.process import system_clock
from haulwatch.process.current_city import CurrentCity
from haulwatch.process.current_rules import CurrentRules
from haulwatch.process.garbage import keep_objects, let_go
from haulwatch.settings.data_files import (
    alert_outbox_path,
    heartbeat_path,
    judge_state_path,
    over_limit_path,
    publisher_cursors_path,
)
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_journal, open_shelves, shared_cursors
from haulwatch.wiring.desk.manifests import ManifestLoops, manifest_loops
from haulwatch.wiring.log import open_disk_floor, open_raw_log, open_revision_writer, topic_id_of
from haulwatch.wiring.stores import open_store
from ingest.alerts.cursors import Cursors, PublisherCursors
from ingest.alerts.holding import Holding
from ingest.alerts.mqtt_sink import MqttSink
from ingest.alerts.outbox import AlertOutbox
from ingest.alerts.publisher import AlertPublisher
from ingest.alerts.store_sink import StoreSink
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import Judge
from ingest.log.records import JUDGE
from ingest.log.revision_writer import RevisionFollower
from ingest.process.over_limit import OverLimit
from rules.alerts.journal import AlertJournal


class JudgeParts(NamedTuple):
    """The loops of the judge process."""

    judge: Judge
    publishers: tuple[AlertPublisher, ...]
    revisions: RevisionFollower
    outbox: AlertOutbox
    manifests: ManifestLoops
    heartbeat_path: Path


class AlertPublishing(NamedTuple):
    """The loops that publish alerts."""

    publishers: tuple[AlertPublisher, ...]
    """One for each sink: MQTT and the time-series store."""

    def wake(self) -> None:
        """Note that the journal has changes. May be called in any thread."""
        for publisher in self.publishers:
            publisher.wake()


@asynccontextmanager
async def alert_publishing(
    settings: Settings,
    city: CurrentCity,
    journal: AlertJournal,
    outbox: AlertOutbox | None = None,
    *,
    anywhere: bool = False,
) -> AsyncIterator[AlertPublishing]:
    """Build the publishers, and close sinks and cursors at the end of the block. `outbox`: what waits for the journal.
    `anywhere`: they go on where those of another machine were.

    Raises CursorsUnavailable, DatabaseError.
    """
    shelves, store = open_shelves(settings), open_store(settings)
    cursors: Cursors = shared_cursors(settings) if anywhere else PublisherCursors(publisher_cursors_path(settings))
    mqtt = MqttSink(settings.mqtt.broker, f"{settings.mqtt.client_id}-alerts")
    holding = Holding("mqtt", shelves, journal, cursors, system_clock.now_ms, settings.alerts.call_within_ms)
    try:
        yield AlertPublishing(
            (
                AlertPublisher("mqtt", mqtt, journal, cursors, outbox, holding),
                AlertPublisher("store", StoreSink(store, city), journal, cursors),
            )
        )
    finally:
        await mqtt.close()
        await store.close()
        cursors.close()
        shelves.close()


@asynccontextmanager
async def judge_parts(settings: Settings, city: CurrentCity, rules: CurrentRules) -> AsyncIterator[JudgeParts]:
    """Build the parts, and close sinks, cursors and state at the end of the block.

    Raises JudgeStateUnavailable, CursorsUnavailable, DatabaseError, RawLogError.
    """
    journal = open_journal(settings)
    async with AsyncExitStack() as held:
        outbox = held.enter_context(closing(AlertOutbox(alert_outbox_path(settings), journal)))
        state = held.enter_context(closing(JudgeState(judge_state_path(settings))))
        if settings.kafka.url is not None:
            state.bind(topic_id_of(settings))
        revisions = RevisionFollower(open_revision_writer(settings), city, rules, shared=settings.kafka.url is not None)
        revisions.step()  # before the judge, so that a new log begins with them
        publishing = await held.enter_async_context(alert_publishing(settings, city, journal, outbox))
        manifests = held.enter_context(manifest_loops(settings, city, rules))
        judge = Judge(
            open_raw_log(settings, JUDGE),
            outbox,
            state,
            rules(),
            city,
            max_payload_bytes=settings.limits.max_payload_bytes,
            disk_trouble=open_disk_floor(settings).trouble,
            over_limit=OverLimit(over_limit_path(settings, JUDGE), system_clock.now_ms),
            on_checkpoint=keep_objects,
            on_new_engine=let_go,
            on_changes=publishing.wake,
            on_manifests=manifests.feed.offer,
        )
        yield JudgeParts(judge, publishing.publishers, revisions, outbox, manifests, heartbeat_path(settings, JUDGE))
