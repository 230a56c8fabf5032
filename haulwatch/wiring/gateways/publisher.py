"""What every gateway publishes through."""

from haulwatch.settings.load import Settings
from ingest.gateways.publisher import GatewayPublisher


def gateway_publisher(settings: Settings, name: str, *, takes_commands: bool = False) -> GatewayPublisher:
    """`name`: of the gateway; it ends the client id. Opens no connection."""
    mqtt = settings.mqtt
    return GatewayPublisher(mqtt.broker, f"{mqtt.client_id}-{name}", takes_commands=takes_commands)
