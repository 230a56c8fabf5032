"""Commands go down to devices over MQTT, and their acknowledgements come up into the book.

What is not answered is published again, so nothing rests on a message that got lost: neither on a command, nor on an
acknowledgement that arrived while the database was away.
"""

import asyncio
import logging
import math
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.codecs.topics import command_ack_topic, command_topic
from devices.commands.model import GRACE_MS, MAX_TTL_S, Command, Unreadable, answering_device, read_acknowledgement
from devices.commands.store import CommandAnswer
from devices.db.database import DatabaseError
from ingest.mqtt.url import MqttUrl
from ingest.process.pause import end_if_cancelled

BATCH: Final = 100
MAX_ANSWERS: Final = 1_000
"""Held while the database is away; what is over that is thrown away and counted: its device is asked again."""
_POLL_S: Final = 0.5
_TIMEOUT_S: Final = 10.0
_FIRST_RETRY_S: Final = 0.5
_SLOWEST_RETRY_S: Final = 30.0
_SESSION_EXPIRY_S: Final = MAX_TTL_S + GRACE_MS // 1_000
"""The broker keeps acknowledgements for an absent commander as long as any command lives."""
_UNSUPPORTED_PROTOCOL: Final = (1, 132)
"""CONNACK of a 3.1.1 broker, and the reason code of MQTT 5."""

_log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.mqtt")
_quiet.propagate = False  # the library logs each failure that is reported here once


class CommandQueue(Protocol):
    """What a commander needs of `devices.commands.store.CommandStore`. Synchronous; raises DatabaseError."""

    def due(self, now_ms: int, limit: int) -> list[Command]: ...
    def sent(self, command: Command, now_ms: int) -> None: ...
    def answered(self, answers: Sequence[CommandAnswer], now_ms: int) -> list[CommandAnswer]: ...
    def give_up(self, now_ms: int) -> int: ...


@dataclass
class DispatcherCounts:
    """Since the process's start."""

    sent: int = 0
    answered: int = 0
    """Acknowledgements that fit a command; copies are counted too."""
    expired: int = 0
    """Given up: nobody answered."""
    unreadable: int = 0
    """Acknowledgements that are none, or too large."""
    foreign: int = 0
    """Acknowledgements of a command that was never issued, or not to the device that answers."""
    overflowed: int = 0


class _Client(aiomqtt.Client):
    """Also says why the broker refused the newest message, which aiomqtt takes for delivered."""

    refusal: str | None = None

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        self.refusal = str(reason_code) if reason_code.is_failure else None
        super()._on_publish(client, userdata, mid, reason_code, properties)


class CommandDispatcher:
    """One session at the broker, which only one process may hold. One event loop runs it; cancel `run` to end it."""

    def __init__(self, url: MqttUrl, client_id: str, book: CommandQueue, now: Callable[[], int]) -> None:
        """`now`: wall clock, ms since 1970 UTC. Opens no connection."""
        self._url, self._client_id = url, client_id
        self._book = book
        self._now = now
        self._protocol = aiomqtt.ProtocolVersion.V5
        self._client: _Client | None = None
        self._answers: dict[tuple[str, str], CommandAnswer] = {}
        """Heard and not yet in the book, by device and command; the first of copies."""
        self._wake = asyncio.Event()
        self._told: set[str] = set()
        self.counts = DispatcherCounts()

    async def run(self) -> None:
        """Stay connected and keep the book, for ever, whatever is away for a while."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected(), name="commander: line")
            tasks.create_task(self._keep_book(), name="commander: book")

    async def _stay_connected(self) -> None:
        pause_s = _FIRST_RETRY_S
        while True:
            began = time.monotonic()
            try:
                async with self._new_client() as client:
                    await self._subscribe(client)
                    await self._hear(client)
            except (aiomqtt.MqttError, OSError, TimeoutError) as exc:
                end_if_cancelled()
                if _refuses_version(exc) and self._protocol is aiomqtt.ProtocolVersion.V5:
                    self._protocol = aiomqtt.ProtocolVersion.V311
                    continue
                if time.monotonic() - began > _SLOWEST_RETRY_S:  # else another process may be taking our session
                    pause_s = _FIRST_RETRY_S
                    self._told.discard("line")
                self._tell("line", f"commands wait for the broker, trying on: {self._url}: {exc}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _SLOWEST_RETRY_S)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        codes = await client.subscribe(command_ack_topic("+"), qos=1)
        if any((code if isinstance(code, int) else code.value) >= 0x80 for code in codes):
            raise aiomqtt.MqttError("this login may not read acknowledgements")

    async def _hear(self, client: _Client) -> None:
        self._client = client
        self._wake.set()
        try:
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    self._take(str(message.topic), message.payload)
        finally:
            self._client = None

    def _take(self, topic: str, payload: bytes) -> None:
        device_id = answering_device(topic)
        if device_id is None:
            return
        try:
            acknowledgement = read_acknowledgement(payload)
        except Unreadable as exc:
            self.counts.unreadable += 1
            self._tell("unreadable", f"an acknowledgement of {device_id} cannot be read: {exc}")
            return
        if len(self._answers) >= MAX_ANSWERS:
            self.counts.overflowed += 1
            return
        self._answers.setdefault((device_id, acknowledgement.id), CommandAnswer(device_id, acknowledgement))
        self._wake.set()

    async def _keep_book(self) -> None:
        pause_s = _POLL_S
        while True:
            try:
                await self._turn()
            except DatabaseError as exc:
                self._tell("book", f"the book of commands is away, trying on: {exc}")
                pause_s = min(2 * pause_s, _SLOWEST_RETRY_S)
                await asyncio.sleep(pause_s)
                continue
            self._told.discard("book")
            pause_s = _POLL_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause_s)

    async def _turn(self) -> None:
        """Answers first, so that nothing is given up that was answered."""
        self._wake.clear()
        await self._note_answers()
        due = await asyncio.to_thread(self._book.due, self._now(), BATCH)
        now = self._now()
        if any(command.expires_at <= now - GRACE_MS for command in due):
            self.counts.expired += await asyncio.to_thread(self._book.give_up, now)
        for command in due:
            if not await self._send(command):
                break

    async def _note_answers(self) -> None:
        answers = list(self._answers.values())
        if not answers:
            return
        foreign = await asyncio.to_thread(self._book.answered, answers, self._now())
        for answer in answers:
            del self._answers[answer.device_id, answer.acknowledgement.id]
        self.counts.answered += len(answers) - len(foreign)
        self.counts.foreign += len(foreign)
        if foreign:
            device_id, said = foreign[0]
            self._tell("foreign", f"{device_id} answers to command {said.id}, which it was never given: passed over")

    async def _send(self, command: Command) -> bool:
        """False: the line is down."""
        rest_ms = command.expires_at - self._now()
        if rest_ms <= 0:
            return True
        client = self._client
        if client is None:
            return False
        properties = None
        if self._protocol is aiomqtt.ProtocolVersion.V5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = math.ceil(rest_ms / 1_000)
        topic = command_topic(command.device_id)
        try:
            await client.publish(topic, command.payload(), qos=1, retain=False, properties=properties)
        except aiomqtt.MqttError as exc:
            self._tell("line", f"command {command.id} waits: {exc}")
            return False
        if client.refusal is not None:
            self._tell("refusal", f"the broker takes no commands from this login ({client.refusal}): they wait")
            return False
        self.counts.sent += 1
        await asyncio.to_thread(self._book.sent, command, self._now())
        return True

    def _tell(self, what: str, text: str) -> None:
        """Say a trouble once; of line and book again when they had been well."""
        if what not in self._told:
            self._told.add(what)
            _log.warning(text)

    def _new_client(self) -> _Client:
        five = self._protocol is aiomqtt.ProtocolVersion.V5
        return _Client(
            self._url.host,
            self._url.port,
            username=self._url.user,
            password=self._url.password,
            identifier=self._client_id,
            protocol=self._protocol,
            clean_session=None if five else False,
            clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=_kept_session() if five else None,
            max_queued_incoming_messages=MAX_ANSWERS,
            tls_context=ssl.create_default_context() if self._url.tls else None,
            timeout=_TIMEOUT_S,
            logger=_quiet,
        )


def _kept_session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = _SESSION_EXPIRY_S
    return properties


def _refuses_version(error: Exception) -> bool:
    code = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
    return (code if code is None or isinstance(code, int) else code.value) in _UNSUPPORTED_PROTOCOL
