"""The parts of `haulwatch gateway scale`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from devices.codecs.scale.codec import DIALECT
from devices.codecs.scale.settings import BUILT_IN, SettingsFault, read_settings
from devices.errors import OperatorError
from haulwatch.process.system_clock import elapsed_ms, now_ms
from haulwatch.settings.data_files import gateway_status_path, ticket_book_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.gateways.publisher import gateway_publisher
from ingest.gateways.publisher import GatewayPublisher
from ingest.gateways.scale.gateway import Direction, Scale, ScaleGateway
from ingest.gateways.scale.plates import PlateReads
from ingest.gateways.scale.port import Port
from ingest.gateways.scale.site_clock import SiteClock
from ingest.gateways.scale.ticket_book import TicketBook
from ingest.mqtt.client import MqttClient


class BadProfile(OperatorError):
    """The profile is not there, or its settings cannot be used."""


class ScaleParts(NamedTuple):
    """The gateway, and what runs beside it."""

    gateway: ScaleGateway
    publisher: GatewayPublisher
    plates: MqttClient
    reads: PlateReads
    clock: SiteClock
    status_path: Path


def scale_of(settings: Settings, device_id: str, port: Port, profile: str, direction: Direction) -> Scale:
    """The scale, with the settings of a built-in profile or of one of the city. Raises BadProfile."""
    raw = dict(BUILT_IN[profile]) if profile in BUILT_IN else _of_city(settings, profile)
    try:
        return Scale(device_id, port, profile, read_settings(raw), raw, direction)
    except SettingsFault as exc:
        raise BadProfile(f"profile {profile}: {exc}") from exc


@asynccontextmanager
async def scale_parts(settings: Settings, scale: Scale) -> AsyncIterator[ScaleParts]:
    """Open the ticket book for the length of the block; no connection. Raises TicketBookFailed."""
    name = f"{DIALECT}-{scale.device_id}"
    with TicketBook(ticket_book_path(settings, scale.device_id), now_ms()) as book:
        publisher, reads = gateway_publisher(settings, name), PlateReads()
        clock = SiteClock(now_ms, elapsed_ms)
        plates = MqttClient(settings.mqtt.broker, f"{settings.mqtt.client_id}-{name}-plates", max_queued_messages=256)
        gateway = ScaleGateway(scale, publisher, book, reads, clock)
        yield ScaleParts(gateway, publisher, plates, reads, clock, gateway_status_path(settings, name))


def _of_city(settings: Settings, profile: str) -> dict[str, Any]:
    try:
        with open_registry(settings) as registry:
            found = registry.load_city().profiles.get(profile)
    except OperatorError as exc:
        built_in = ", ".join(BUILT_IN)
        raise BadProfile(f"profile {profile!r} is not built in ({built_in}), and no city can be asked: {exc}") from exc
    if found is None or found.dialect != DIALECT:
        raise BadProfile(
            f"there is no profile {profile!r} of a scale: name one of the city's profiles.yaml, or "
            f"{', '.join(BUILT_IN)}"
        )
    return dict(found.settings)
