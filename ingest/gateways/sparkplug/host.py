"""The host application: broker → sessions → broker. Edge nodes publish at QoS 0, so nobody waits for an answer.

What cannot be republished at once waits in memory, up to a bound; what is beyond it is dropped and counted, and the
edge node is not asked for it: Sparkplug has no way to.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol

from devices.codecs.sparkplug.codec import DIALECT
from devices.codecs.sparkplug.payload import BadPayload, without_kept, write_payload
from devices.codecs.sparkplug.topics import ALL_TOPICS, state_topic
from ingest.gateways.publisher import NotPublished
from ingest.gateways.sparkplug.commands import rebirth_payload, rebirth_topic, says_offline, state_payload
from ingest.gateways.sparkplug.outcomes import AskRebirth, Drop, Dropped, Gap, Outcome, Republish
from ingest.gateways.sparkplug.sessions import Sessions
from ingest.gateways.status import GatewayFigures
from ingest.mqtt.client import BrokerUnavailable, LastWill, MqttClient
from ingest.mqtt.url import MqttUrl
from ingest.process.backoff import Backoff
from ingest.process.pause import end_if_cancelled, pause

MAX_QUEUED: Final = 5_000
"""Messages that wait to be republished."""
MAX_RECEIVED: Final = 10_000
"""Messages that wait to be read; the client drops those beyond it, which shows as a gap."""
WORKERS: Final = 32
"""Messages that are republished at once: a round trip of 30 ms still lets 1,000 pass in a second."""
_TICK_S: Final = 0.25
_RETRY_S: Final = 1.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_QUIET_MS: Final = 60_000
"""A reason to drop messages is logged once in so long, with how many there were."""
_EXPECTED: Final = frozenset({Dropped.COMMAND, Dropped.UNWANTED, Dropped.REPEATED, Dropped.OLD_DEATH})

_log = logging.getLogger(__name__)


class Publisher(Protocol):
    """The part of `ingest.gateways.publisher.GatewayPublisher` that is used."""

    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None:
        """Return when the broker has acknowledged it. Raises NotPublished."""


class SparkplugHost:
    """One for each process. `run` serves until it is stopped."""

    def __init__(
        self,
        url: MqttUrl,
        client_id: str,
        host_id: str,
        sessions: Sessions,
        publisher: Publisher,
        now_ms: Callable[[], int],
        *,
        max_bytes: int,
    ) -> None:
        """Opens no connection. `host_id` names its state; `max_bytes`: of a message that the collector takes."""
        self._state_topic = state_topic(host_id)
        self._sessions, self._publisher, self._now_ms, self._max_bytes = sessions, publisher, now_ms, max_bytes
        self._since_ms = 0
        self._client = MqttClient(url, client_id, max_queued_messages=MAX_RECEIVED, will=self._will)
        self._url = url
        self._queue: asyncio.Queue[Republish] = asyncio.Queue(MAX_QUEUED)
        self._counts: Counter[str] = Counter()
        self._log_at: dict[str, int] = {}
        self._connected = self._leaving = False

    def figures(self) -> GatewayFigures:
        """What it does now, and what it did since its start."""
        return GatewayFigures(
            broker_connected=self._connected,
            devices=self._sessions.online,
            connections=1 if self._connected else 0,
            received=self._counts["received"],
            published=self._counts["published"],
            not_published=self._counts["not_published"],
            refused=dict(self._sessions.counts),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. It says that it is off line when it leaves."""
        tasks = [asyncio.create_task(self._work(), name=f"sparkplug: worker {number}") for number in range(WORKERS)]
        tasks.append(asyncio.create_task(self._tick(), name="sparkplug: time"))
        serving = asyncio.create_task(self._serve(), name="sparkplug: broker")
        try:
            await stop.wait()
            self._leaving = True
            if self._connected:
                with suppress(BrokerUnavailable):  # then the broker says it by the will
                    await self._say_state(online=False)
        finally:
            for task in (serving, *tasks):
                task.cancel()
            await asyncio.gather(serving, *tasks, return_exceptions=True)

    async def _serve(self) -> None:
        """Stay connected for ever; cancel it to end."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while True:
            self._since_ms = self._now_ms()
            try:
                async with self._client:
                    await self._client.subscribe(ALL_TOPICS, qos=1)
                    await self._say_state(online=True)
                    _log.info("sparkplug host: %s: connected, MQTT %s", self._url, self._client.version)
                    backoff.reset()
                    await self._listen()
            except BrokerUnavailable as exc:
                end_if_cancelled()
                _log.warning("sparkplug host: not connected, edge nodes are not heard: %s: %s", self._url, exc)
            await asyncio.sleep(backoff.next_pause_s())

    async def _listen(self) -> None:
        """Take messages until the connection breaks. Raises BrokerUnavailable."""
        self._connected = True
        try:
            while True:
                message = await self._client.receive()
                if message.topic == self._state_topic:
                    if says_offline(message.payload) and not self._leaving:  # the will of an earlier connection of ours
                        await self._say_state(online=True)
                elif not message.topic.startswith("spBv1.0/STATE/"):
                    self._counts["received"] += 1
                    self._carry_out(self._sessions.receive(message.topic, message.payload, self._now_ms()))
        finally:
            self._connected = False
            self._sessions.connection_was_lost()

    async def _tick(self) -> None:
        never = asyncio.Event()
        while True:
            await pause(never, _TICK_S)
            if self._connected:
                try:
                    self._carry_out(self._sessions.tick(self._now_ms()))
                except BrokerUnavailable:
                    end_if_cancelled()  # `_listen` notices it too

    def _carry_out(self, outcomes: Sequence[Outcome]) -> None:
        """Raises BrokerUnavailable."""
        for outcome in outcomes:
            match outcome:
                case Republish():
                    self._enqueue(outcome)
                case AskRebirth(group=group, node=node):
                    _log.info("sparkplug host: %s/%s: asked for a rebirth", group, node)
                    self._client.send(rebirth_topic(group, node), rebirth_payload(self._now_ms()))
                case Gap(group=group, node=node, after=after, got=got):
                    self._log_once("gap", f"{group}/{node}: messages are missing between number {after} and {got}")
                case Drop(reason=reason, who=who) if reason not in _EXPECTED:
                    self._log_once(reason, f"{who}: dropped, {reason} (docs/dialects/sparkplug.md)")

    def _enqueue(self, message: Republish) -> None:
        if self._queue.full():
            self._counts["not_published"] += 1
            self._log_once("queue", f"the broker takes messages too slowly: more than {MAX_QUEUED} wait, dropped")
        else:
            self._queue.put_nowait(message)

    async def _work(self) -> None:
        while True:
            message = await self._queue.get()
            payload = packed(message, self._max_bytes)
            if payload is None:
                self._counts["not_published"] += 1
                text = f"{message.device_id}: more than {self._max_bytes} bytes, or a time that is none: not passed on"
                self._log_once("size", f"{text}: pass on fewer metrics, or set the clock of the edge node")
                continue
            await self._republish(message.device_id, payload)

    async def _republish(self, device_id: str, payload: bytes) -> None:
        """Try until the broker has it: what is ahead in the queue says more than what comes later."""
        while True:
            try:
                await self._publisher.publish(device_id, DIALECT, payload)
            except NotPublished:
                await asyncio.sleep(_RETRY_S)
            else:
                self._counts["published"] += 1
                return

    async def _say_state(self, *, online: bool) -> None:
        payload = state_payload(online=online, since_ms=self._since_ms)
        await self._client.publish(self._state_topic, payload, retain=True)

    def _will(self) -> LastWill:
        return LastWill(self._state_topic, state_payload(online=False, since_ms=self._since_ms))

    def _log_once(self, kind: str, text: str) -> None:
        now = self._now_ms()
        if now - self._log_at.get(kind, -_QUIET_MS) >= _QUIET_MS:
            self._log_at[kind] = now
            _log.warning("sparkplug host: %s", text)


def packed(message: Republish, max_bytes: int) -> bytes | None:
    """The bytes of a message, without the metrics that did not change where it would be too large; None if it still
    is, or if a value does not fit its type.
    """
    for payload in (message.payload, replace(message.payload, metrics=tuple(without_kept(message.payload.metrics)))):
        try:
            written = write_payload(payload)
        except BadPayload:
            return None
        if len(written) <= max_bytes:
            return written
    return None
