"""An MQTT broker in Python, for the demonstration on a machine that has none. Not for production.

amqtt speaks MQTT 3.1.1, keeps everything in memory, and drops a message that a subscriber does not acknowledge within
five seconds: so no promise of Haulwatch rests on it. The only module that imports amqtt.
"""

import asyncio
import logging
import signal
from collections.abc import Iterator
from typing import Any, Final

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from devices.access.broker_access import SERVICE_ACCESS
from devices.codecs.registry import CODECS
from devices.codecs.topics import command_ack_topic, command_topic, deposit_topic, plate_topic
from devices.errors import OperatorError
from devices.readings.ids import Service
from ingest.mqtt.broker_statistics import COUNTERS

_LISTENER: Final = "default"
_SESSION_EXPIRY_S: Final = 24 * 3600
_READ_BY_GATEWAYS: Final = frozenset(SERVICE_ACCESS[Service.GATEWAY].read)
_OURS: Final = "haulwatch-"
"""Beginning of the client ids of Haulwatch's processes, by default."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_READ_BY_PROCESSES: Final = frozenset((*CODECS.topic_filters, command_ack_topic("+"), deposit_topic("+"), *COUNTERS))
_CONNECT: Final = b"\x10"
_PROTOCOL_5: Final = b"\x00\x04MQTT\x05"
_REFUSED_PROTOCOL: Final = b"\x20\x02\x00\x01"
"""CONNACK, "unacceptable protocol version" (MQTT 3.1.1, section 3.2.2.3), which a client of any version can read."""


class BrokerFailed(OperatorError):
    """The broker could not start; the text names the address."""


class _Subscriptions(dict[str, Any]):
    """Subscriptions that may change while amqtt iterates over them: it iterates over a copy.

    amqtt awaits during the iteration. A subscription made meanwhile raised an error there: the message that was being
    delivered reached no other client, and a device that was connecting hung.
    """

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.keys()))

    def items(self) -> Any:
        return list(super().items())


class Everybody(BaseAuthPlugin):  # type: ignore[misc]  # amqtt carries no types
    """Accepts every client. amqtt's own anonymous plugin would also mark the session as one without kept messages."""

    async def authenticate(self, *, session: Session) -> bool:
        return session is not None


class KnownSubscriptions(BaseTopicPlugin):  # type: ignore[misc]  # amqtt carries no types
    """Lets a client subscribe to its own commands and to what Haulwatch's processes read, and to nothing else.

    What gateways read, commands to all devices and Sparkplug, is for those of this machine: a deployed broker knows
    them by their login, this one by their client id.

    amqtt compares every message with every subscription, so one client could make it slow for all. Nobody logs in here:
    a client may use any name, and publish anything, which admission then refuses.
    """

    async def topic_filtering(self, *, session: Session, topic: str, action: Action) -> bool:
        return (
            action is not Action.SUBSCRIBE
            or topic in _READ_BY_PROCESSES
            or topic == command_topic(session.client_id)
            or _is_of_a_gate(topic)
            or (topic in _READ_BY_GATEWAYS and _is_a_gateway_of_this_machine(session))
        )


def _is_a_gateway_of_this_machine(session: Session) -> bool:
    return session.remote_address in _LOOPBACK and str(session.client_id).startswith(_OURS)


def _is_of_a_gate(topic: str) -> bool:
    """The plates of one scale, which its gateway reads."""
    levels = topic.split("/")
    return len(levels) > 2 and topic == plate_topic(levels[2]) and levels[2] != "+"


async def serve_broker(host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises BrokerFailed when the address cannot be used."""
    # amqtt logs each connection and each late acknowledgement; what matters is raised.
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    broker = Broker(
        BrokerConfig(
            # This module listens itself. No $SYS topics and no packet log: only the plugins above.
            listeners={_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
            plugins={f"{plugin.__module__}.{plugin.__qualname__}": {} for plugin in (Everybody, KnownSubscriptions)},
            session_expiry_interval=_SESSION_EXPIRY_S,
        )
    )

    broker._subscriptions = _Subscriptions()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            beginning = await _read_beginning(reader)
            if beginning.endswith(_PROTOCOL_5):
                writer.write(_REFUSED_PROTOCOL)
                await writer.drain()
                writer.close()
            else:
                await broker.external_connected(
                    _ResumedReader(beginning, reader), StreamWriterAdapter(writer), _LISTENER
                )
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    try:
        await broker.start()
        server = await asyncio.start_server(connected, host, port, backlog=1024)
    except (AMQTTError, OSError) as exc:
        raise BrokerFailed(f"embedded broker cannot listen on {host}:{port}: {exc}") from exc
    try:
        await stop.wait()
    finally:
        server.close()
        await broker.shutdown()


def run_broker(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises BrokerFailed."""

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, stop.set)
        await serve_broker(host, port, stop)

    asyncio.run(serve())


async def _read_beginning(reader: asyncio.StreamReader) -> bytes:
    """Read the first bytes of a connection, up to the protocol level of a CONNECT.

    amqtt reads the properties of an MQTT 5 CONNECT as the length of a client id and waits for ever for that many bytes,
    so such a client is refused before.
    """
    beginning = await reader.readexactly(1)
    if beginning == _CONNECT:
        while len(beginning) == 1 or (beginning[-1] & 0x80 and len(beginning) < 5):
            beginning += await reader.readexactly(1)
        beginning += await reader.readexactly(len(_PROTOCOL_5))
    return beginning


class _ResumedReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt carries no types
    """A stream whose beginning was read already, and is read once more."""

    def __init__(self, beginning: bytes, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._beginning = beginning

    async def read(self, n: int = -1) -> bytes:
        beginning, self._beginning = self._beginning[:n], self._beginning[n:]
        if len(beginning) == n:
            return beginning
        rest: bytes = await super().read(n - len(beginning))
        return beginning + rest
