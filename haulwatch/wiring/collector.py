"""The parts of `haulwatch collect`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from haulwatch.process import system_clock
from haulwatch.settings.data_files import (
    collector_role,
    collector_status_path,
    over_limit_path,
    share_groups_path,
    waiting_file_path,
)
from haulwatch.settings.load import Settings
from haulwatch.wiring.log import open_collector_log
from ingest.collector.collector import Fairness, monotonic_ms
from ingest.collector.fair_log import FairLog
from ingest.collector.rate_limit import DeviceRateLimit
from ingest.collector.shared_log import remember_group
from ingest.collector.waiting_file import WaitingFile
from ingest.log.ports import LogWriter
from ingest.mqtt.source import MqttSource
from ingest.process.over_limit import OverLimit

_NO_SHARE: Final = 1_000_000.0
"""Readings per second, for messages that wait from a time when devices had shares."""


class CollectorParts(NamedTuple):
    """The arguments of `ingest.collector.collector.run_collector`."""

    source: MqttSource
    log: LogWriter
    status_path: Path
    rates: DeviceRateLimit | None
    """None: no rate limit is set."""
    fairness: Fairness
    leave: Callable[[], None]
    """Lets other collectors say that nothing is received; to be called at the end."""


def collector_parts(settings: Settings, instance: str = "") -> CollectorParts:
    """`instance`: the name of one of several collectors, "" for the only one. Raises OSError."""
    log = open_collector_log(settings)
    fair_log = _fair_log(settings, log, instance)
    return CollectorParts(
        _mqtt_source(settings, instance),
        fair_log or log,
        collector_status_path(settings, instance),
        device_rate_limit(settings),
        Fairness(fair_log, OverLimit(over_limit_path(settings, collector_role(instance)), system_clock.now_ms)),
        _leave(settings, log),
    )


def _leave(settings: Settings, log: LogWriter) -> Callable[[], None]:
    if settings.kafka.url is None:
        return lambda: None
    from ingest.collector.shared_topic import SharedTopic

    return log.close if isinstance(log, SharedTopic) else lambda: None


def _fair_log(settings: Settings, log: LogWriter, instance: str) -> FairLog | None:
    """None: devices have no shares, and nothing waits from a time when they had."""
    waiting = WaitingFile(waiting_file_path(settings, instance))
    share = settings.limits.device_readings_per_s
    if not share and not waiting.messages:
        waiting.close()
        return None
    return FairLog(log, waiting, share or _NO_SHARE, monotonic_ms)


def device_rate_limit(settings: Settings) -> DeviceRateLimit | None:
    """None: no limit is set."""
    limits = settings.limits
    if limits.device_messages_per_s == 0:
        return None
    return DeviceRateLimit(
        limits.device_messages_per_s,
        limits.device_burst_messages,
        bytes_per_s=limits.device_kib_per_s * 1024,
        burst_bytes=limits.device_burst_mib << 20,
    )


def _mqtt_source(settings: Settings, instance: str) -> MqttSource:
    mqtt = settings.mqtt
    return MqttSource(
        mqtt.broker,
        f"{mqtt.client_id}-{instance}" if instance else mqtt.client_id,
        session_expiry_s=mqtt.session_expiry_s,
        receive_maximum=mqtt.receive_maximum,
        share_group=mqtt.share_group,
        former_groups=remember_group(share_groups_path(settings), mqtt.share_group),
    )
