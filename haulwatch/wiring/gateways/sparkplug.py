"""The parts of `haulwatch gateway sparkplug`."""

from pathlib import Path
from typing import NamedTuple

from devices.codecs.sparkplug.codec import DIALECT
from haulwatch.process import system_clock
from haulwatch.settings.data_files import gateway_folder, gateway_status_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.gateways.publisher import gateway_publisher
from ingest.gateways.publisher import GatewayPublisher
from ingest.gateways.sparkplug.host import SparkplugHost
from ingest.gateways.sparkplug.sessions import Sessions, wanted_by


class SparkplugParts(NamedTuple):
    """The host application, and what runs beside it."""

    host: SparkplugHost
    publisher: GatewayPublisher
    status_path: Path


def sparkplug_parts(settings: Settings) -> SparkplugParts:
    """Opens no connection. Raises OSError."""
    gateway_folder(settings).mkdir(parents=True, exist_ok=True)
    found = settings.gateways
    sessions = Sessions(wanted_by(found.sparkplug_metrics), round(found.sparkplug_reorder_s * 1000))
    publisher = gateway_publisher(settings, DIALECT)
    host = SparkplugHost(
        settings.mqtt.broker,
        f"{settings.mqtt.client_id}-host",
        found.sparkplug_host_id,
        sessions,
        publisher,
        system_clock.now_ms,
        max_bytes=settings.limits.max_payload_bytes,
    )
    return SparkplugParts(host, publisher, gateway_status_path(settings, DIALECT))
