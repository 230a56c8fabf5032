"""What every gateway publishes through: one connection to the broker, kept up for ever.

NotPublished    the broker did not take the message: do not answer the device, which keeps it and sends it again
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from devices.codecs.topics import command_ack_topic, command_topic, dialect_topic
from devices.commands.model import Acknowledgement, Received, Unreadable, read_command
from devices.readings.ids import DEVICE_ID_PATTERN
from ingest.mqtt.client import BrokerUnavailable, MqttClient, PublishRefused
from ingest.mqtt.url import MqttUrl
from ingest.process.backoff import Backoff
from ingest.process.pause import end_if_cancelled
from ingest.process.trouble_log import TroubleLog

MAX_IN_FLIGHT: Final = 500
"""Messages without PUBACK: a round trip of 100 ms to a broker far away still lets 5,000 pass in a second."""
MAX_COMMANDS: Final = 1_000
"""Commands that wait to be taken. Those beyond it are dropped: the dispatcher sends an unanswered one again."""
TIMEOUT_S: Final = 10.0
"""For a free place among those in flight and the PUBACK; a device waits about as long before it repeats itself."""
_FIRST_RETRY_S: Final = 0.5
_SLOWEST_RETRY_S: Final = 10.0
"""A connection that stood longer than this resets the back-off. Devices wait, so it is short."""
_DEVICE_ID: Final = re.compile(DEVICE_ID_PATTERN)

_log = logging.getLogger(__name__)


class NotPublished(Exception):
    """The broker is away, too slow, or refuses the message. The text names the cause."""


class ForDevice(NamedTuple):
    """A command, and the device that it is for."""

    device_id: str
    command: Received


class GatewayPublisher:
    """One client of the broker. One event loop runs it: `run` in a task of its own, `publish` from any number."""

    def __init__(
        self, url: MqttUrl, client_id: str, *, takes_commands: bool = False, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Opens no connection. `takes_commands`: subscribe to the commands of all devices; `commands` returns them."""
        self._url = url
        self._client = MqttClient(url, client_id, timeout_s=timeout_s, max_queued_messages=MAX_COMMANDS)
        self._takes_commands = takes_commands
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._waiting: asyncio.Queue[ForDevice] = asyncio.Queue(MAX_COMMANDS)
        self._trouble = TroubleLog(_log, "gateway: ")
        """Over once the broker was reached for long."""
        self.connected = False
        """Whether the broker takes messages now, as far as the client can tell."""

    async def run(self) -> None:
        """Stay connected for ever; cancel it to end."""
        backoff = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
        while True:
            began = time.monotonic()
            try:
                async with self._client:
                    await self._serve()
            except BrokerUnavailable as exc:
                end_if_cancelled()
                if time.monotonic() - began > _SLOWEST_RETRY_S:
                    backoff.reset()
                    self._trouble.all_ended()
                text = f"not connected, devices get no answer and keep their data: {self._url}: {exc}"
                self._trouble.warn("connection", text)
            await asyncio.sleep(backoff.next_pause_s())

    async def _serve(self) -> None:
        """Take commands until the connection breaks. Raises BrokerUnavailable."""
        self._slots = asyncio.Semaphore(min(MAX_IN_FLIGHT, self._client.receive_maximum))
        if self._takes_commands:
            await self._client.subscribe(command_topic("+"), qos=1)
        self.connected = True
        _log.info("gateway: %s: connected, MQTT %s", self._url, self._client.version)
        try:
            while True:
                message = await self._client.receive()
                self._take(message.topic, message.payload)
        finally:
            self.connected = False

    def _take(self, topic: str, payload: bytes) -> None:
        device_id = topic.split("/")[-2] if topic.count("/") == 3 else ""
        if topic != command_topic(device_id):
            return
        try:
            command = read_command(payload)
        except Unreadable as exc:
            self._trouble.warn("command", f"a command to {device_id} cannot be read, ignored: {exc}")
            return
        if not self._waiting.full():
            self._waiting.put_nowait(ForDevice(device_id, command))

    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None:
        """Return when the broker has acknowledged what a device sent. Raises NotPublished: also where nobody
        subscribes to it, since the broker forgets it then.

        Raises ValueError for an id that no device can have: in a topic it could mean another device.
        """
        if not _DEVICE_ID.fullmatch(device_id):
            raise ValueError(f"{device_id!r} is no device id")
        topic = dialect_topic(device_id, dialect)
        if not await self._publish(topic, payload):
            text = "no session at the broker subscribes to what devices send: start the collector"
            self._trouble.warn("subscriber", f"{text}; until then devices get no answer and keep their data")
            raise NotPublished(text)

    async def acknowledge(self, device_id: str, answer: Acknowledgement) -> None:
        """Publish the answer of a device to a command. Raises NotPublished: the command comes again, so answer then."""
        await self._publish(command_ack_topic(device_id), answer.payload())

    async def commands(self) -> AsyncIterator[ForDevice]:
        """Commands to all devices, also to those of other gateways, and copies of unanswered ones. Never ends."""
        while True:
            yield await self._waiting.get()

    async def _publish(self, topic: str, payload: bytes) -> bool:
        """As `MqttClient.publish`, with its errors as NotPublished."""
        if not self.connected:
            raise NotPublished("not connected to the broker")
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                return await self._client.publish(topic, payload)
        except TimeoutError:
            raise NotPublished(f"the broker did not take it within {self._timeout_s:.0f} s") from None
        except PublishRefused as exc:
            self._trouble.warn("refusal", f"the broker refuses {topic} from this login ({exc}): let it write there")
            raise NotPublished(f"the broker refuses {topic}: {exc}") from exc
        except BrokerUnavailable as exc:
            raise NotPublished(str(exc)) from exc
