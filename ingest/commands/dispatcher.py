"""The command dispatcher: publishes due commands over MQTT, and writes acknowledgements to the command store.

A command without an answer is published again, so no promise depends on one message: neither on a command, nor on an
acknowledgement that arrived while the database was away.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from devices.codecs.topics import command_ack_topic, command_topic
from devices.commands.model import GRACE_MS, MAX_TTL_S, Command, Unreadable, answering_device, read_acknowledgement
from devices.commands.store import CommandAnswer
from devices.db.database import DatabaseError
from ingest.mqtt.client import BrokerUnavailable, MqttClient, PublishRefused
from ingest.mqtt.url import MqttUrl
from ingest.process.backoff import Backoff
from ingest.process.pause import end_if_cancelled
from ingest.process.trouble_log import TroubleLog

BATCH: Final = 100
MAX_ANSWERS: Final = 1_000
"""Acknowledgements held while the database is away. Those beyond it are dropped and counted: the command is sent again,
and answered again."""
_POLL_S: Final = 0.5
_FIRST_RETRY_S: Final = 0.5
_FIRST_STORE_RETRY_S: Final = 1.0
_SLOWEST_RETRY_S: Final = 30.0
"""A connection that stood longer than this resets the back-off."""
_SESSION_EXPIRY_S: Final = MAX_TTL_S + GRACE_MS // 1_000
"""The broker keeps acknowledgements for an absent dispatcher until every command has expired."""

_log = logging.getLogger(__name__)


class CommandStorePort(Protocol):
    """The dispatcher's part of `devices.commands.store.CommandStore`. Synchronous; raises DatabaseError."""

    def due(self, now_ms: int, limit: int) -> list[Command]: ...
    def sent(self, command: Command, now_ms: int) -> None: ...
    def answered(self, answers: Sequence[CommandAnswer], now_ms: int) -> list[CommandAnswer]: ...
    def give_up(self, now_ms: int) -> int: ...


@dataclass
class DispatcherCounts:
    """Counts since the start of the process."""

    sent: int = 0
    answered: int = 0
    """Acknowledgements that fit a command, including copies."""
    expired: int = 0
    """Commands that no device answered in time."""
    unreadable: int = 0
    """Acknowledgements that cannot be read, or are too large."""
    foreign: int = 0
    """Acknowledgements of a command that was never issued, or was issued to another device."""
    overflowed: int = 0
    """Acknowledgements dropped because too many waited for the database."""


class CommandDispatcher:
    """One session at the broker, for one process at a time. One event loop runs it; cancel `run` to end it."""

    def __init__(self, url: MqttUrl, client_id: str, store: CommandStorePort, now: Callable[[], int]) -> None:
        """`now`: wall clock, ms since 1970 UTC. Opens no connection."""
        self._url = url
        self._client = MqttClient(url, client_id, session_expiry_s=_SESSION_EXPIRY_S, max_queued_messages=MAX_ANSWERS)
        self._store = store
        self._now = now
        self._subscribed = False
        self._answers: dict[tuple[str, str], CommandAnswer] = {}
        """Received and not yet in the store, by device and command; the first of several copies."""
        self._wake = asyncio.Event()
        self._trouble = TroubleLog(_log, "command dispatcher: ")
        self.counts = DispatcherCounts()

    async def run(self) -> None:
        """Stay connected and dispatch due commands, for ever, also while broker or database is away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected(), name="command dispatcher: connection")
            tasks.create_task(self._keep_dispatching(), name="command dispatcher: store")

    async def _stay_connected(self) -> None:
        backoff = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
        while True:
            began = time.monotonic()
            try:
                async with self._client:
                    await self._client.subscribe(command_ack_topic("+"), qos=1)
                    await self._receive()
            except BrokerUnavailable as exc:
                end_if_cancelled()
                if time.monotonic() - began > _SLOWEST_RETRY_S:  # else another process may be taking over the session
                    backoff.reset()
                    self._trouble.ended("connection")
                self._trouble.warn(
                    "connection",
                    f"not connected, commands wait, trying again: {self._url}: {exc}",
                )
            await asyncio.sleep(backoff.next_pause_s())

    async def _receive(self) -> None:
        self._subscribed = True
        self._wake.set()
        try:
            while True:
                message = await self._client.receive()
                self._take(message.topic, message.payload)
        finally:
            self._subscribed = False

    def _take(self, topic: str, payload: bytes) -> None:
        device_id = answering_device(topic)
        if device_id is None:
            return
        try:
            acknowledgement = read_acknowledgement(payload)
        except Unreadable as exc:
            self.counts.unreadable += 1
            self._trouble.warn("unreadable", f"an acknowledgement of {device_id} cannot be read, ignored: {exc}")
            return
        if len(self._answers) >= MAX_ANSWERS:
            self.counts.overflowed += 1
            return
        self._answers.setdefault((device_id, acknowledgement.id), CommandAnswer(device_id, acknowledgement))
        self._wake.set()

    async def _keep_dispatching(self) -> None:
        backoff = Backoff(_FIRST_STORE_RETRY_S, _SLOWEST_RETRY_S)
        while True:
            try:
                await self._dispatch()
            except DatabaseError as exc:
                self._trouble.warn("store", f"command store unavailable, trying again: {exc}")
                await asyncio.sleep(backoff.next_pause_s())
                continue
            self._trouble.ended("store")
            backoff.reset()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._wake.wait()

    async def _dispatch(self) -> None:
        """Store the answers, then send what is due: so no command expires that was answered."""
        self._wake.clear()
        await self._store_answers()
        due = await asyncio.to_thread(self._store.due, self._now(), BATCH)
        now = self._now()
        if any(command.expires_at <= now - GRACE_MS for command in due):
            self.counts.expired += await asyncio.to_thread(self._store.give_up, now)
        for command in due:
            if not await self._send(command):
                break

    async def _store_answers(self) -> None:
        answers = list(self._answers.values())
        if not answers:
            return
        foreign = await asyncio.to_thread(self._store.answered, answers, self._now())
        for answer in answers:
            del self._answers[answer.device_id, answer.acknowledgement.id]
        self.counts.answered += len(answers) - len(foreign)
        self.counts.foreign += len(foreign)
        if foreign:
            device_id, acknowledgement = foreign[0]
            self._trouble.warn(
                "foreign",
                f"{device_id} answers to command {acknowledgement.id}, which it was never given: ignored",
            )

    async def _send(self, command: Command) -> bool:
        """Publish a command, unless it has expired. Returns False if none can be sent now."""
        rest_ms = command.expires_at - self._now()
        if rest_ms <= 0:
            return True
        if not self._subscribed:
            return False
        try:
            await self._client.publish(command_topic(command.device_id), command.payload(), expiry_ms=rest_ms)
        except PublishRefused as exc:
            self._trouble.warn(
                "refusal",
                f"the broker takes no commands from this login ({exc}): they wait; let it write to "
                f"{command_topic('+')}",
            )
            return False
        except BrokerUnavailable as exc:
            self._trouble.warn("connection", f"command {command.id} waits: {exc}")
            return False
        self.counts.sent += 1
        await asyncio.to_thread(self._store.sent, command, self._now())
        return True
