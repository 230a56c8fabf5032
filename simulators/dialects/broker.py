"""The MQTT connection of simulated devices that speak another dialect over a broker.

BrokerLost    the broker did not answer, or the connection broke
"""

import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import aiomqtt

_ANSWER_TIMEOUT_S: Final = 10.0
_quiet = logging.getLogger(f"{__name__}.aiomqtt")
_quiet.propagate = False  # each failure is raised


class BrokerLost(Exception):
    """The broker did not answer, refused the login, or the connection broke. The text names the cause."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where devices publish, and with which login."""

    host: str
    port: int = 1883
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False


class Will(NamedTuple):
    """What the broker publishes at QoS 1 if the client vanishes."""

    topic: str
    payload: bytes


class Connection:
    """An open connection."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0) -> None:
        """Raises BrokerLost."""
        try:
            await self._client.publish(topic, payload, qos=qos)
        except aiomqtt.MqttError as exc:
            raise BrokerLost(str(exc)) from exc

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Hand every message of the subscription to `take`, until the connection ends. Raises BrokerLost."""
        try:
            async for message in self._client.messages:
                if isinstance(message.payload, bytes):
                    take(message.payload)
        except aiomqtt.MqttError as exc:
            raise BrokerLost(str(exc)) from exc

    async def subscribe(self, topic: str) -> None:
        """Raises BrokerLost."""
        try:
            await self._client.subscribe(topic, qos=1)
        except aiomqtt.MqttError as exc:
            raise BrokerLost(str(exc)) from exc


@asynccontextmanager
async def connected(broker: Broker, client_id: str, will: Will | None = None) -> AsyncIterator[Connection]:
    """A connection of MQTT 3.1.1, as most network servers and edge nodes make it. Raises BrokerLost."""
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.user,
        password=broker.password,
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=True,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=1),
        tls_context=ssl.create_default_context() if broker.tls else None,
        timeout=_ANSWER_TIMEOUT_S,
        logger=_quiet,
    )
    try:
        await client.__aenter__()
    except (TimeoutError, aiomqtt.MqttError, OSError) as exc:
        raise BrokerLost(f"{broker.host}:{broker.port}: {exc}") from exc
    try:
        yield Connection(client)
    finally:
        with suppress(aiomqtt.MqttError):  # the connection was down already
            await client.__aexit__(None, None, None)
