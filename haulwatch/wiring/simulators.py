"""The broker, as simulated devices reach it."""

from haulwatch.settings.load import Settings
from simulators.firmware.link import BrokerAddress


def broker_address(settings: Settings) -> BrokerAddress:
    """The broker of HAULWATCH_MQTT_URL. With a password, the user name of a device is its id."""
    broker = settings.mqtt.broker
    return BrokerAddress(broker.host, broker.port, broker.password, broker.tls)
