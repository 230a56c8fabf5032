"""The broker's own counters, which it publishes under `$SYS`: above all how much it had to drop.

A client of its own, with a session of its own that ends with it, so that the collector's is never touched. Brokers that
publish no such counters, or to nobody, leave them absent.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import uuid4

import aiomqtt

from ingest.mqtt.url import MqttUrl
from ingest.process.pause import end_if_cancelled

DROPPED: Final = "dropped"
COUNTERS: Final = {
    "$SYS/broker/publish/messages/dropped": DROPPED,
    "$SYS/broker/store/messages/count": "stored_messages",
    "$SYS/broker/store/messages/bytes": "stored_bytes",
    "$SYS/broker/clients/connected": "clients_connected",
    "$SYS/broker/clients/disconnected": "clients_away",
    "$SYS/broker/heap/current": "heap_bytes",
    "$SYS/broker/load/publish/received/1min": "received_per_min",
    "$SYS/broker/load/publish/sent/1min": "sent_per_min",
}
"""As Mosquitto names them (mosquitto(8), BROKER STATUS), and as they are called here."""
_TIMEOUT_S: Final = 10.0
_FIRST_RETRY_S: Final = 1.0
_SLOWEST_RETRY_S: Final = 60.0
_TELL_EVERY_MS: Final = 60_000

_log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.mqtt")
_quiet.propagate = False  # the library logs each failure that is reported here once


@dataclass(frozen=True, slots=True)
class BrokerCounters:
    """What the broker said last."""

    connected: bool = False
    values: Mapping[str, float] = field(default_factory=dict)
    """By the names of `COUNTERS`; absent what it never said. Since the broker's start, or as they are now."""
    dropped: int = 0
    """Messages it has dropped while this process watched, for whichever client."""
    dropped_at: int | None = None
    """When that last grew, ms since 1970 UTC."""


class BrokerStatistics:
    """Keeps the broker's counters as they are. One event loop runs it; any thread may look at `counters`."""

    def __init__(self, url: MqttUrl, name: str, now: Callable[[], int]) -> None:
        """`name` begins the client id, which is made up; `now`: ms since 1970 UTC. Opens no connection."""
        self._url = url
        self._client_id = f"{name}-watch-{uuid4().hex[:6]}"
        self._now = now
        self._told_at = 0
        self.counters = BrokerCounters()

    def hear(self, topic: str, payload: bytes) -> None:
        """Take up one counter; what is none is passed over."""
        name = COUNTERS.get(topic)
        try:
            value = float(payload)
        except ValueError:
            return
        if name is None:
            return
        before = self.counters.values.get(name)
        self.counters = replace(self.counters, values={**self.counters.values, name: value})
        if name == DROPPED and before is not None and value != before:
            # Less than before: the broker was started again and counts from nothing.
            self._dropped(int(value - before if value > before else value))

    def _dropped(self, count: int) -> None:
        if count <= 0:
            return
        now, total = self._now(), self.counters.dropped + count
        self.counters = replace(self.counters, dropped=total, dropped_at=now)
        if now >= self._told_at + _TELL_EVERY_MS:
            self._told_at = now
            _log.error("the broker dropped messages, %d since this process watches: a queue of it is full", total)

    async def run(self) -> None:
        """Stay connected for ever; cancel it to end."""
        pause_s, told = _FIRST_RETRY_S, False
        while True:
            began = time.monotonic()
            try:
                await self._listen()
            except (aiomqtt.MqttError, OSError, TimeoutError) as exc:
                end_if_cancelled()
                if not told:
                    _log.warning("the broker's counters cannot be read, trying on: %s: %s", self._url, exc)
                told = True
            self.counters = replace(self.counters, connected=False)
            if time.monotonic() - began > _SLOWEST_RETRY_S:
                pause_s, told = _FIRST_RETRY_S, False
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _SLOWEST_RETRY_S)

    async def _listen(self) -> None:
        async with aiomqtt.Client(
            self._url.host,
            self._url.port,
            username=self._url.user,
            password=self._url.password,
            identifier=self._client_id,
            protocol=aiomqtt.ProtocolVersion.V311,  # every broker speaks it, and nothing of 5 is needed
            clean_session=True,
            tls_context=ssl.create_default_context() if self._url.tls else None,
            timeout=_TIMEOUT_S,
            logger=_quiet,
        ) as client:
            await client.subscribe([(topic, 0) for topic in COUNTERS])
            self.counters = replace(self.counters, connected=True)
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    self.hear(str(message.topic), message.payload)
