"""The MQTT connection between a device and the broker. The only module of the simulators that imports aiomqtt.

LinkLost    the connection is down or was refused: keep what was not acknowledged, back off, dial again
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from devices.codecs.topics import command_topic

_SESSION_EXPIRY_S: Final = 86_400
"""The broker keeps a device's session for a day: longer than any blind zone, shorter than a retired device."""
_ANSWER_TIMEOUT_S: Final = 10.0
"""A CONNACK or PUBACK later than this means that the connection is down."""
_UNSUPPORTED_PROTOCOL: Final = (1, 132)
"""Return code of a 3.1.1 broker's CONNACK, and reason code of MQTT 5."""
MAX_IN_FLIGHT: Final = 20
"""Messages a link may have unacknowledged at once (paho's own bound)."""


class LinkLost(Exception):
    """The broker did not answer, or the connection broke. Messages not acknowledged may or may not have arrived."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """The broker that devices publish to. With a password, a device's user name is its id."""

    host: str
    port: int = 1883
    password: str | None = field(default=None, repr=False)
    tls: bool = False


@dataclass(frozen=True, slots=True)
class LastWill:
    """The message that the broker publishes, retained, if the device vanishes."""

    topic: str
    payload: bytes


class Link(Protocol):
    """An open connection."""

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Return after the broker's PUBACK (QoS 1). Raises LinkLost."""

    def commands(self, device_id: str) -> AsyncIterator[bytes]:
        """Payloads of commands: from now on, and those since it was last connected. Raises LinkLost."""

    async def cut(self) -> None:
        """Drop the connection as a power cut does: no DISCONNECT, so that the broker publishes the last will."""


Dial = Callable[[str, LastWill | None], AbstractAsyncContextManager[Link]]
"""(device id, last will) -> an open connection. Leaving the block sends DISCONNECT. Raises LinkLost."""


class _MqttLink:
    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        try:
            await self._client.publish(topic, payload, qos=1, retain=retain)
        except aiomqtt.MqttError as exc:
            raise LinkLost(str(exc)) from exc

    async def commands(self, device_id: str) -> AsyncIterator[bytes]:
        try:
            topic = command_topic(device_id)
            await self._client.subscribe(topic, qos=1)
            async for message in self._client.messages:  # amqtt also delivers messages for other subscribers
                if message.topic.value == topic and isinstance(message.payload, bytes):
                    yield message.payload
        except aiomqtt.MqttError as exc:
            raise LinkLost(str(exc)) from exc

    async def cut(self) -> None:
        sock = self._client._client.socket()  # aiomqtt has no way to leave without a DISCONNECT
        if isinstance(sock, socket.socket):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        with suppress(aiomqtt.MqttError, StopAsyncIteration):
            await anext(self._client.messages)  # returns when the client notices the closed socket


class MqttDialer:
    """Connects the devices of a whole fleet: MQTT 5, or 3.1.1 if the broker refuses 5.

    The version is found once, by a bare CONNECT without will and properties: a 3.1.1 broker refuses that one properly,
    but may never answer a longer CONNECT that it cannot read. The probe has a client id of its own, since the device's
    would end the session in which commands wait.
    """

    def __init__(self, broker: BrokerAddress) -> None:
        self._broker = broker
        self._protocol: aiomqtt.ProtocolVersion | None = None
        self._version_lock = asyncio.Lock()
        self._logger = logging.getLogger("haulwatch.simulators.link")

    @asynccontextmanager
    async def __call__(self, device_id: str, will: LastWill | None) -> AsyncIterator[Link]:
        """Open a connection, as `Dial` describes."""
        try:
            protocol = await self._version(device_id)
            client = await self._client(device_id, will, protocol).__aenter__()
        except aiomqtt.MqttError as exc:
            raise LinkLost(f"{self._broker.host}:{self._broker.port}: {exc}") from exc
        try:
            yield _MqttLink(client)
        finally:
            with suppress(aiomqtt.MqttError):  # the connection was down already
                await client.__aexit__(None, None, None)

    async def _version(self, device_id: str) -> aiomqtt.ProtocolVersion:
        async with self._version_lock:
            if self._protocol is None:
                self._protocol = await self._accepted_version(device_id)
        return self._protocol

    async def _accepted_version(self, device_id: str) -> aiomqtt.ProtocolVersion:
        try:
            async with self._client(device_id, None, aiomqtt.ProtocolVersion.V5, bare=True):
                return aiomqtt.ProtocolVersion.V5
        except aiomqtt.MqttCodeError as exc:
            if _code(exc) in _UNSUPPORTED_PROTOCOL:
                return aiomqtt.ProtocolVersion.V311
            raise

    def _client(
        self, device_id: str, will: LastWill | None, protocol: aiomqtt.ProtocolVersion, *, bare: bool = False
    ) -> aiomqtt.Client:
        five = protocol is aiomqtt.ProtocolVersion.V5
        client = aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            identifier=f"{device_id}-asks" if bare else device_id,
            username=device_id if self._broker.password is not None else None,
            password=self._broker.password,
            protocol=protocol,
            clean_session=None if five else False,
            clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=_keep_session() if five and not bare else None,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
            timeout=_ANSWER_TIMEOUT_S,
            tls_context=ssl.create_default_context() if self._broker.tls else None,
            logger=self._logger,
        )
        client.pending_calls_threshold = MAX_IN_FLIGHT
        return client


def _keep_session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = _SESSION_EXPIRY_S
    return properties


def _code(exc: aiomqtt.MqttCodeError) -> int | None:
    return exc.rc if exc.rc is None or isinstance(exc.rc, int) else exc.rc.value
