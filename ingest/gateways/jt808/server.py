"""The gateway: listens for terminals, knows which of them are connected, and takes commands to them.

    bytes ─▶ Connection ─▶ Session ─▶ publisher ─▶ broker
                 ◀── answers ◀──

One event loop runs it. It keeps nothing on disk: what was answered is at the broker, and the rest the terminals keep.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from typing import Final, Protocol

from devices.commands.model import Acknowledgement, CommandOutcome
from ingest.gateways.jt808.connection import READ_BYTES, Connection, Limits
from ingest.gateways.jt808.figures import Counts, Refused
from ingest.gateways.jt808.orders import CommandTable, down_message, is_phone
from ingest.gateways.jt808.parts import Budget
from ingest.gateways.jt808.session import Policy, Reply, TerminalClocks
from ingest.gateways.publisher import ForDevice, NotPublished
from ingest.gateways.status import GatewayFigures

_TEND_EVERY_S: Final = 2.0
_BACKLOG: Final = 2_048
"""Connections that wait to be accepted: after a restart of the gateway all terminals come at once."""

_log = logging.getLogger(__name__)


class Publisher(Protocol):
    """`ingest.gateways.publisher.GatewayPublisher`."""

    @property
    def connected(self) -> bool: ...
    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None: ...
    async def acknowledge(self, device_id: str, answer: Acknowledgement) -> None: ...
    def commands(self) -> AsyncIterator[ForDevice]: ...


class Jt808Gateway:
    """All terminals of one listener."""

    def __init__(self, publisher: Publisher, policy: Policy, limits: Limits) -> None:
        self.publisher: Publisher = publisher
        self.policy = policy
        self.limits = limits
        self.counts = Counts()
        self.budget = Budget(limits.parts_bytes)
        self.clocks = TerminalClocks()
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._commands = CommandTable()
        self.connections: set[Connection] = set()
        self.listening = False
        self._terminals: dict[str, Connection] = {}
        """By phone number; those that are signed in."""
        self._numbers = count(1)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self, host: str, port: int, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises OSError if it cannot listen there."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            listening = await loop.create_server(
                lambda: Connection(next(self._numbers), self), host, port, backlog=_BACKLOG
            )
            self.listening = True
            _log.info("jt808: listening on %s:%d", host, port)
            standing = [
                tasks.create_task(self._tend(), name="jt808: idle terminals"),
                tasks.create_task(self._take_commands(), name="jt808: commands"),
            ]
            try:
                await stop.wait()
            finally:
                self.listening = False
                listening.close()
                for task in standing:
                    task.cancel()
                for connection in list(self.connections):
                    connection.finish()

    def figures(self) -> GatewayFigures:
        """What is now, and the counts since the start."""
        counts = self.counts
        return GatewayFigures(
            broker_connected=self.publisher.connected,
            devices=len(self._terminals),
            connections=len(self.connections),
            received=counts.received,
            published=counts.published,
            not_published=counts.not_published,
            refused={str(reason): number for reason, number in counts.refused.items()},
        )

    def now(self) -> float:
        """Seconds of the event loop's clock."""
        return asyncio.get_running_loop().time()

    def now_ms(self) -> int:
        """Wall clock, ms since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def opened(self, connection: Connection) -> bool:
        """Take a new connection; False: there is no room."""
        if len(self.connections) >= self.limits.connections or self._tasks is None:
            return False
        self.connections.add(connection)
        return True

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)
        phone = connection.session.phone
        if self._terminals.get(phone) is connection:
            del self._terminals[phone]

    def frames_came(self, connection: Connection) -> None:
        """Have the frames of a connection carried out."""
        if self._tasks is not None:
            self._tasks.create_task(self._work(connection), name=f"jt808: {connection.who}")

    async def signed_in(self, connection: Connection) -> None:
        """Note who is on a connection. An older connection of the same terminal ends: it is dead, or a copy."""
        phone = connection.session.phone
        former = self._terminals.get(phone)
        self._terminals[phone] = connection
        if former is not None and former is not connection:
            former.cut(Refused.REPLACED)
        for answer in self._commands.came_back(phone, connection.number, self.now_ms()):
            await self._acknowledge(phone, answer)
        self._send_due(connection)

    async def replied(self, connection: Connection, reply: Reply) -> None:
        """Take the terminal's answer to one of our messages."""
        phone = connection.session.phone
        answer = self._commands.answered(phone, connection.number, reply.serial, reply.result, self.now_ms())
        if answer is not None:
            await self._acknowledge(phone, answer)

    async def _work(self, connection: Connection) -> None:
        try:
            await connection.work()
        except Exception:  # noqa: BLE001 - a bug met by one terminal must not end the others
            _log.exception("jt808: %s: a frame could not be carried out, its connection ends", connection.who)
            connection.finish()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(_TEND_EVERY_S)
            now = self.now()
            for connection in list(self.connections):
                connection.tend(now)

    async def _take_commands(self) -> None:
        async for device_id, command in self.publisher.commands():
            if not is_phone(device_id):
                continue
            answer = self._commands.add(device_id, command, self.now_ms())
            if answer is not None:
                if self._is_ours(device_id, answer):
                    await self._acknowledge(device_id, answer)
            elif (connection := self._terminals.get(device_id)) is not None:
                self._send_due(connection)

    def _is_ours(self, device_id: str, answer: Acknowledgement) -> bool:
        """Whether to answer for this device: one of another dialect may have an id of 12 digits too, such as a MAC."""
        return device_id in self._terminals or answer.outcome is not CommandOutcome.UNSUPPORTED

    def _send_due(self, connection: Connection) -> None:
        phone = connection.session.phone
        for command_id, order in self._commands.due(phone, connection.number, self.now_ms()):
            message = down_message(order, connection.session.version)
            if message is not None:
                serial, raw = connection.session.down(message)
                self._commands.sent(phone, command_id, connection.number, serial)
                connection.write(raw)

    async def _acknowledge(self, device_id: str, answer: Acknowledgement) -> None:
        with suppress(NotPublished):  # the command comes again, and is answered then
            await self.publisher.acknowledge(device_id, answer)
