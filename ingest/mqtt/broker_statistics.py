"""The broker's own counters, which it publishes under `$SYS`: above all how many messages it dropped.

A client with a client id and a session of its own, which ends with the connection, so that the collector's session is
never touched. The counters of a broker that publishes none, or not to this login, stay absent.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import uuid4

from ingest.mqtt.client import BrokerUnavailable, MqttClient
from ingest.mqtt.url import MqttUrl
from ingest.process.backoff import Backoff
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
"""Topic of Mosquitto (mosquitto(8), BROKER STATUS) → name of the counter here."""
_FIRST_RETRY_S: Final = 1.0
_SLOWEST_RETRY_S: Final = 60.0
"""A connection that stood longer than this resets the back-off."""
_LOG_EVERY_MS: Final = 60_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerCounters:
    """The newest counters of the broker."""

    connected: bool = False
    values: Mapping[str, float] = field(default_factory=dict)
    """By the names of `COUNTERS`; absent if never published. Totals since the broker's start, or present values."""
    dropped: int = 0
    """Messages the broker dropped while this process watched, for whichever client."""
    dropped_at: int | None = None
    """Time of the newest of them, ms since 1970 UTC."""


class BrokerStatistics:
    """Keeps the broker's counters up to date. One event loop runs it; any thread may read `counters`."""

    def __init__(self, url: MqttUrl, name: str, now: Callable[[], int]) -> None:
        """`name` begins the client id, the rest is random; `now`: ms since 1970 UTC. Opens no connection."""
        self._url = url
        self._client = MqttClient(url, f"{name}-watch-{uuid4().hex[:6]}")
        self._now = now
        self._logged_at = 0
        self.counters = BrokerCounters()
        self._refusal_logged = False

    def update(self, topic: str, payload: bytes) -> None:
        """Take one counter; ignores other topics, and payloads that are no number."""
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
            # Less than before: the broker was started again and counts from zero.
            self._add_dropped(int(value - before if value > before else value))

    def _add_dropped(self, count: int) -> None:
        if count <= 0:
            return
        now, total = self._now(), self.counters.dropped + count
        self.counters = replace(self.counters, dropped=total, dropped_at=now)
        if now >= self._logged_at + _LOG_EVERY_MS:
            self._logged_at = now
            _log.error(
                "broker statistics: the broker dropped messages, %d since this process started: a queue is full; "
                "raise the broker's queue limits, or find the client that does not read",
                total,
            )

    async def run(self) -> None:
        """Stay connected for ever; cancel it to end."""
        backoff, logged = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S), False
        while True:
            began = time.monotonic()
            try:
                await self._listen()
            except BrokerUnavailable as exc:
                end_if_cancelled()
                if not logged:
                    _log.warning(
                        "broker statistics: the broker's counters cannot be read, trying again: %s: %s", self._url, exc
                    )
                logged = True
            self.counters = replace(self.counters, connected=False)
            if time.monotonic() - began > _SLOWEST_RETRY_S:
                backoff.reset()
                logged = False
            await asyncio.sleep(backoff.next_pause_s())

    async def _listen(self) -> None:
        async with self._client as client:
            refused = await client.subscribe_to_any(*COUNTERS, qos=0)
            if refused and not self._refusal_logged:
                self._refusal_logged = True
                _log.warning("broker statistics: this login may not read %s: these counters are missing", refused)
            self.counters = replace(self.counters, connected=True)
            while True:
                message = await client.receive()
                self.update(message.topic, message.payload)
