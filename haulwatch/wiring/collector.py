"""The parts of `haulwatch collect`."""

from pathlib import Path
from typing import NamedTuple

from haulwatch.settings.data_files import collector_status_path, share_groups_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.log import open_collector_log
from ingest.collector.rate_limit import DeviceRateLimit
from ingest.collector.shared_log import SharedLog, remember_group
from ingest.log.disk_guard import GuardedLog
from ingest.mqtt.source import MqttSource


class CollectorParts(NamedTuple):
    """The arguments of `ingest.collector.collector.run_collector`."""

    source: MqttSource
    log: GuardedLog | SharedLog
    status_path: Path
    rates: DeviceRateLimit | None
    """None: no rate limit is set."""


def collector_parts(settings: Settings, instance: str = "") -> CollectorParts:
    """`instance`: the name of one of several collectors, "" for the only one. Raises OSError."""
    return CollectorParts(
        _mqtt_source(settings, instance),
        open_collector_log(settings),
        collector_status_path(settings, instance),
        device_rate_limit(settings),
    )


def device_rate_limit(settings: Settings) -> DeviceRateLimit | None:
    """None: no limit is set."""
    limits = settings.limits
    if limits.device_messages_per_s == 0:
        return None
    return DeviceRateLimit(limits.device_messages_per_s, limits.device_burst_messages)


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
