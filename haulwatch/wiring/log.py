"""The raw log, as each process opens it: in the data directory, or on Kafka."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from devices.errors import OperatorError
from haulwatch.process import system_clock
from haulwatch.settings.data_files import raw_log_folder, revisions_path, tick_lock_path
from haulwatch.settings.kafka_group import SHARED
from haulwatch.settings.load import Settings
from ingest.log.errors import RawLogUnavailable
from ingest.log.raw_log import RawLog
from ingest.log.records import CONSUMERS
from ingest.process.backoff import Backoff
from ingest.process.pause import pause

if TYPE_CHECKING:
    from ingest.collector.shared_log import SharedLog
    from ingest.collector.shared_topic import SharedTopic
    from ingest.log.disk_guard import DiskFloor, GuardedLog
    from ingest.log.kafka.connection import KafkaConnection
    from ingest.log.kafka.figures import FleetFigures, KafkaFigures
    from ingest.log.kafka.kafka_log import KafkaLog
    from ingest.log.kafka.timed_log import TimedLog
    from ingest.log.revision_writer import RevisionWriter

_MAX_RESERVE_BYTES: Final = 1 << 30
_FIRST_RETRY_S: Final = 0.5
_SLOWEST_RETRY_S: Final = 10.0
_DAY_MS: Final = 86_400_000
_RESERVED_PART: Final = 50
"""One fiftieth (2 %) of the disk, so that the reserve does not fill a small disk."""
Parts = TypeVar("Parts")

_log = logging.getLogger(__name__)


class NotOnKafka(OperatorError):
    """What was asked for needs the raw log in the data directory."""


def open_raw_log(settings: Settings, consumer: str = "reader") -> "RawLog | KafkaLog":
    """One handle on the raw log, for one thread at a time. The caller closes it. `consumer`: who reads by it."""
    if settings.kafka.url is not None:
        from ingest.log.kafka.kafka_log import KafkaLog

        return KafkaLog(kafka_connection(settings), consumer)
    return open_segments(settings)


def open_local_log(settings: Settings, what: str) -> RawLog:
    """The raw log in the data directory, for what needs its segments. Raises NotOnKafka where it is on Kafka.

    `what` names what needs it.
    """
    if settings.kafka.url is not None:
        raise NotOnKafka(
            f"{what} reads the segments of a raw log in the data directory, and HAULWATCH_KAFKA_URL is set: it has none"
        )
    return open_segments(settings)


def open_timed_log(settings: Settings) -> "RawLog | TimedLog":
    """The raw log as evidence reads it: from any time on."""
    if settings.kafka.url is None:
        return open_segments(settings)
    from ingest.log.kafka.timed_log import TimedLog

    return TimedLog(kafka_connection(settings))


def open_segments(settings: Settings) -> RawLog:
    return RawLog(raw_log_folder(settings), settings.limits.raw_log_segment_mib << 20)


def open_log_figures(settings: Settings) -> "RawLog | KafkaFigures":
    """What says how large the raw log is and how far its readers are."""
    return open_segments(settings) if settings.kafka.url is None else open_topic_figures(settings)


def open_topic_figures(settings: Settings) -> "KafkaFigures":
    """Figures of the topic. Raises NotOnKafka."""
    from ingest.log.kafka.figures import KafkaFigures

    return KafkaFigures(kafka_connection(settings))


async def wait_for_log(settings: Settings, stop: asyncio.Event) -> None:
    """Return when Kafka answers, where the raw log is there, or `stop` is set: recorder and judge begin by asking it.

    Raises RawLogMisfit.
    """
    figures, backoff = open_log_figures(settings), Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
    while settings.kafka.url is not None and not stop.is_set():
        try:
            await asyncio.to_thread(figures.last_offset)
        except RawLogUnavailable as exc:
            pause_s = backoff.next_pause_s()
            _log.warning("raw log: Kafka does not answer, trying again in %.1f s: %s", pause_s, exc)
            await pause(stop, pause_s)
        else:
            return


@asynccontextmanager
async def once_log_answers(
    open_parts: Callable[[], AbstractAsyncContextManager[Parts]], settings: Settings, stop: asyncio.Event
) -> AsyncIterator[Parts | None]:
    """The parts of a process, built again as long as Kafka falls silent while they are built; None where `stop` is set
    before. Raises all else that `open_parts` raises.
    """
    backoff, parts = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S), None
    async with AsyncExitStack() as held:
        while parts is None and not stop.is_set():
            try:
                parts = await held.enter_async_context(open_parts())
            except RawLogUnavailable as exc:
                if settings.kafka.url is None:
                    raise
                pause_s = backoff.next_pause_s()
                _log.warning("raw log: Kafka does not answer, starting again in %.1f s: %s", pause_s, exc)
                await pause(stop, pause_s)
        yield parts


def committed_positions(settings: Settings, consumer: str) -> Mapping[int, int]:
    """Up to where a consumer needs nothing any more, by partition, as it noted in the log. Raises RawLogError."""
    if settings.kafka.url is not None:
        from ingest.log.kafka.figures import KafkaFigures

        noted = KafkaFigures(kafka_connection(settings)).read_to(consumer)
        return dict.fromkeys(range(settings.kafka.partitions), 0) | noted
    with closing(open_segments(settings)) as log:
        return {log.partition: log.committed().get(consumer, 0)}


def kafka_connection(settings: Settings) -> "KafkaConnection":
    """How Kafka is reached. Raises NotOnKafka where HAULWATCH_KAFKA_URL is not set."""
    from ingest.log.kafka.connection import KafkaConnection

    kafka = settings.kafka
    if kafka.url is None:
        raise NotOnKafka("HAULWATCH_KAFKA_URL is not set: the raw log is in the data directory, and needs no Kafka")
    encrypted = kafka.url.startswith("kafkas:")
    protocol = ("SASL_" if kafka.user is not None else "") + ("SSL" if encrypted else "PLAINTEXT")
    security = {"security.protocol": protocol}
    if kafka.user is not None and kafka.password is not None:
        password = kafka.password.get_secret_value()
        security |= {"sasl.mechanism": kafka.mechanism, "sasl.username": kafka.user, "sasl.password": password}
    files = {"ssl.ca": kafka.ca_file, "ssl.certificate": kafka.certificate, "ssl.key": kafka.key}
    security |= {f"{name}.location": str(path) for name, path in files.items() if path is not None}
    return KafkaConnection(kafka.servers, kafka.prefix, kafka.partitions, security)


def open_revision_writer(settings: Settings) -> "RevisionWriter":
    """Appends revisions of city and rules to the raw log. Raises RawLogError."""
    from ingest.log.revision_writer import RevisionWriter

    raw_log_folder(settings).mkdir(parents=True, exist_ok=True)
    return RevisionWriter(open_raw_log(settings), revisions_path(settings), system_clock.now_ms)


def open_guarded_log(settings: Settings) -> "GuardedLog":
    """The raw log with a reserve of free disk space, as a collector writes it. Raises OSError."""
    from ingest.log.disk_guard import DiskPolicy, GuardedLog

    return GuardedLog(
        open_segments(settings),
        lambda: shutil.disk_usage(settings.paths.data_dir).free,
        disk_reserve_bytes(settings),
        DiskPolicy(settings.limits.disk_guard),
        CONSUMERS,
        system_clock.now_ms,
    )


def open_collector_log(settings: Settings) -> "GuardedLog | SharedLog | KafkaLog | SharedTopic":
    """The raw log of the only collector, or of one of several that share it. Raises OSError."""
    from ingest.collector.shared_log import SharedLog

    if settings.kafka.url is not None:
        from ingest.collector.shared_topic import GROUP, PartitionTurn, SharedTopic
        from ingest.log.kafka.figures import KafkaFigures
        from ingest.log.kafka.kafka_log import KafkaLog

        connection = kafka_connection(settings)
        topic = KafkaLog(connection, GROUP)
        if not settings.mqtt.share_group:
            return topic
        return SharedTopic(topic, KafkaFigures(connection).last_offset, PartitionTurn(connection))
    guarded = open_guarded_log(settings)
    if not settings.mqtt.share_group:
        return guarded
    return SharedLog(guarded, open_segments(settings).last_offset, tick_lock_path(settings))


def topic_as_found(settings: Settings) -> Mapping[str, str]:
    """The settings of the topic as Kafka has it. Raises RawLogError, KafkaMissing."""
    from ingest.log.kafka.topic import found_settings

    return found_settings(kafka_connection(settings))


def topic_as_wanted(settings: Settings, replicas: int) -> Mapping[str, str]:
    """The settings that the topic should have."""
    from ingest.log.kafka.topic import topic_settings

    return topic_settings(keep_ms(settings), replicas)


def topic_id_of(settings: Settings) -> str:
    """As `ingest.log.kafka.connection.topic_id`. Raises RawLogUnavailable, KafkaMissing."""
    from ingest.log.kafka.connection import topic_id

    return topic_id(kafka_connection(settings))


def unread_on_topic(settings: Settings) -> Mapping[str, int]:
    """Messages of the topic that each reader has not committed. Raises RawLogError, KafkaMissing."""
    figures = open_topic_figures(settings)
    return {reader: figures.unread(figures.read_to(reader)) for reader in CONSUMERS}


def judges_of_verdicts(settings: Settings) -> "Callable[[], FleetFigures] | None":
    """Says who judges verdicts, over one connection; None where judges do not share partitions."""
    if settings.kafka.url is None or settings.kafka.judge != SHARED:
        return None
    figures = cache(lambda: open_topic_figures(settings))  # raises where the client is missing, when it is asked
    return lambda: figures().fleet()


def keep_ms(settings: Settings) -> int:
    """How long the raw log keeps a message, ms; 0: without a limit of age."""
    return int(settings.limits.raw_log_keep_days * _DAY_MS)


def disk_reserve_bytes(settings: Settings) -> int:
    """Bytes that stay free on the raw log's disk. Raises OSError."""
    configured_mib = settings.limits.disk_reserve_mib
    if configured_mib is not None:
        return configured_mib << 20
    return min(_MAX_RESERVE_BYTES, shutil.disk_usage(settings.paths.data_dir).total // _RESERVED_PART)


def reserve_is_free(settings: Settings) -> bool:
    """Whether the raw log's disk has its reserve free; False also if the disk does not say."""
    try:
        return shutil.disk_usage(settings.paths.data_dir).free >= disk_reserve_bytes(settings)
    except OSError:
        return False


def open_disk_floor(settings: Settings) -> "DiskFloor":
    """What recorder and judge leave free on the disk of the data directory. Raises OSError."""
    from ingest.log.disk_guard import DiskFloor

    return DiskFloor(lambda: shutil.disk_usage(settings.paths.data_dir).free, disk_reserve_bytes(settings))
