"""The broker of `--to`, for dialects that come over MQTT."""

from haulwatch.commands.dialects.options import DialectOptions, require_listener
from haulwatch.commands.shared import fail
from ingest.mqtt.url import MqttUrl
from simulators.dialects.broker import Broker


def broker_of(options: DialectOptions) -> Broker:
    """From HOST:PORT, or from a URL with a login. Ends with a message if it is none, or if nobody listens there."""
    if "://" in options.to:
        try:
            url = MqttUrl.parse(options.to)
        except ValueError as exc:
            fail(f"--to: {exc}")
        broker = Broker(url.host, url.port, url.user, url.password, url.tls)
    else:
        broker = Broker(*options.address())
    require_listener(
        (broker.host, broker.port), "start a broker (`haulwatch broker` is one for trying out), or correct --to"
    )
    return broker
