"""One CONNECT to the broker, to learn whether it answers, in which version of MQTT, and how fast."""

import time
from dataclasses import dataclass
from typing import Final, Literal
from uuid import uuid4

from ingest.mqtt.client import BrokerUnavailable, LoginRefused, MqttClient
from ingest.mqtt.url import MqttUrl

CONNECT_TIMEOUT_S: Final = 5.0
"""A broker that needs longer for one CONNECT is in trouble."""


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
    client = MqttClient(broker, f"haulwatch-probe-{uuid4().hex[:6]}", timeout_s=CONNECT_TIMEOUT_S)
    try:
        try:
            return await _connect(client)
        except LoginRefused:
            raise
        except BrokerUnavailable:
            if client.version == "5":  # nothing was reached, so another version would not help
                raise
            return await _connect(client)
    except LoginRefused as exc:
        raise BrokerRefused(f"{broker} refuses user {broker.user or '(none)'}: {exc}") from exc
    except BrokerUnavailable as exc:
        raise BrokerUnreachable(f"{broker}: {exc}") from exc


async def _connect(client: MqttClient) -> BrokerAnswer:
    started = time.perf_counter()
    async with client:
        return BrokerAnswer(client.version, (time.perf_counter() - started) * 1000)
