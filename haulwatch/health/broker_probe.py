"""One CONNECT to the broker, to learn whether it answers, in which protocol, and how fast."""

import logging
import ssl
import time
from dataclasses import dataclass
from typing import Final, Literal

from aiomqtt import Client, MqttCodeError, MqttError, ProtocolVersion
from aiomqtt.exceptions import MqttConnectError

from ingest.mqtt.url import MqttUrl

CONNECT_TIMEOUT_S: Final = 5.0
"""A broker that needs longer for one CONNECT is in trouble."""

_log = logging.getLogger("haulwatch.health.broker_probe.mqtt")
_log.propagate = False  # the library logs the same failures

_BAD_CREDENTIALS: Final = frozenset({4, 5, 134, 135})
"""CONNACK codes of 3.1.1 and of 5: bad user name or password, not authorised."""


@dataclass(frozen=True, slots=True)
class BrokerAnswer:
    """The broker accepted the connection."""

    protocol: Literal["5", "3.1.1"]
    latency_ms: float
    """From opening the connection to the CONNACK."""


class BrokerUnreachable(Exception):
    """Nothing that speaks MQTT answered."""


class BrokerRefused(BrokerUnreachable):
    """The broker answered, and refuses this user."""


async def probe_broker(broker: MqttUrl) -> BrokerAnswer:
    """Connect with MQTT 5, else 3.1.1, with a new client id, so that no collector's session is disturbed.

    Raises BrokerRefused, BrokerUnreachable.
    """
    try:
        return BrokerAnswer("5", await _connect(broker, ProtocolVersion.V5))
    except BrokerRefused:
        raise
    except BrokerUnreachable:
        return BrokerAnswer("3.1.1", await _connect(broker, ProtocolVersion.V311))


async def _connect(broker: MqttUrl, protocol: ProtocolVersion) -> float:
    started = time.perf_counter()
    try:
        async with Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            protocol=protocol,
            tls_context=ssl.create_default_context() if broker.tls else None,
            timeout=CONNECT_TIMEOUT_S,
            logger=_log,
        ):
            return (time.perf_counter() - started) * 1000
    except MqttConnectError as exc:
        code = exc.rc if isinstance(exc.rc, int) else getattr(exc.rc, "value", None)
        if code in _BAD_CREDENTIALS:
            raise BrokerRefused(f"{broker} refuses user {broker.user or '(none)'}: {exc}") from exc
        raise BrokerUnreachable(f"{broker}: {exc}") from exc
    except (MqttCodeError, MqttError) as exc:
        raise BrokerUnreachable(f"{broker}: {exc}") from exc
