"""The first half of the path: broker → raw log. It does not parse."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Final, Protocol

from ingest.collector.rate_limit import DeviceRateLimit
from ingest.log.records import FLOOD_TOPIC, TICK_TOPIC, RawMessage
from ingest.log.segment import RawLogCorrupt, RawLogFull
from ingest.mqtt.source import ReceivedBatch
from ingest.process.status_file import replace_status

log = logging.getLogger(__name__)

BATCH_MESSAGES: Final = 500
LINGER_S: Final = 0.02
"""One disk sync for what arrives in this time; the price is as much delay."""
_LISTEN_S: Final = 0.25
"""How long to wait for a first message, and so how late a stop is noticed."""
TICK_EVERY_MS: Final = 10_000
"""Silence is written down this often; alerts about silence are as late as this at worst."""
_FIRST_RETRY_S: Final = 0.25
_SLOWEST_RETRY_S: Final = 10.0
_STATUS_EVERY_MS: Final = 1000
_DEAF_MS: Final = 1_000
"""Nothing was taken for longer than this: the broker has a backlog for us. A round of the loop takes a third of it."""
_LONGEST_DEAF_MS: Final = 7 * 24 * 3_600_000
"""More than this is a clock that was set."""
_TELL_OF_FLOODS_MS: Final = 60_000


class MessageSource(Protocol):
    """Where messages come from; `ingest.mqtt.source.MqttSource` keeps to it."""

    @property
    def connected(self) -> bool: ...
    @property
    def protocol(self) -> str: ...
    @property
    def reconnects(self) -> int: ...
    @property
    def last_error(self) -> str | None: ...
    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> ReceivedBatch: ...
    def acknowledge(self, batch: ReceivedBatch) -> None: ...
    def wait(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class Log(Protocol):
    """Where they go; `ingest.log.raw_log.RawLog` keeps to it."""

    def append(self, messages: Sequence[RawMessage]) -> int: ...


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    """What the collector says of itself, for supervisor, doctor and demo."""

    at: int
    """When it was said, ms since 1970 UTC."""
    connected: bool
    protocol: str
    """MQTT version in use."""
    received: int
    """Messages appended since the process began, those of a flood too, ticks not counted."""
    reconnects: int
    disk_full: bool
    """The raw log takes nothing now; nothing is acknowledged, the broker keeps it."""
    last_error: str | None
    flooded: int = 0
    """How many of the received were beyond their device's rate and only summed up."""
    listened_at: int | None = None
    """When it last took what the broker had, ms since 1970 UTC; None before the first time."""


def run_collector(
    source: MessageSource,
    raw_log: Log,
    stop: Event,
    status_path: Path,
    monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    rates: DeviceRateLimit | None = None,
) -> None:
    """Bring messages into the raw log until `stop` is set: what was taken is appended and acknowledged, then it leaves.

    Without `rates` a device may send as much as it likes. Raises RawLogCorrupt when the log itself is damaged; the
    broker keeps what was not acknowledged.
    """
    collector = _Collector(source, raw_log, stop, status_path, monotonic_ms, rates)
    try:
        while not stop.is_set():
            batch = source.take(BATCH_MESSAGES, _LISTEN_S, LINGER_S)
            if collector.keep(batch.messages):
                source.acknowledge(batch)
            collector.write_down_silence()
            collector.report()
    finally:
        source.close()
        collector.report(now=True)


class SilenceTimer:
    """How long nothing was heard while someone listened. Times in ms of any one clock."""

    def __init__(self) -> None:
        self._since: int | None = None

    def heard(self, now: int) -> None:
        self._since = now

    def deaf(self) -> None:
        self._since = None

    def tick(self, now: int, connected: bool) -> int | None:
        """The length of the silence when it is time to write it down. Being deaf is no silence: it begins connected."""
        if not connected:
            self.deaf()
        elif self._since is None:
            self._since = now
        elif now - self._since >= TICK_EVERY_MS:
            quiet_ms, self._since = now - self._since, now
            return quiet_ms
        return None


class _Collector:
    def __init__(
        self,
        source: MessageSource,
        raw_log: Log,
        stop: Event,
        status_path: Path,
        monotonic_ms: Callable[[], int],
        rates: DeviceRateLimit | None,
    ) -> None:
        self._source = source
        self._log = raw_log
        self._stop = stop
        self._status_path = status_path
        self._monotonic_ms = monotonic_ms
        self._rates = rates
        self._listened_ms = self._listened_before(monotonic_ms())
        self._silence = SilenceTimer()
        self._received = 0
        self._flooded = 0
        self._floods_told = 0
        self._tell_of_floods_at = 0
        self._log_error: str | None = None
        self._report_at = 0

    def keep(self, messages: Sequence[RawMessage]) -> bool:
        """Return True when the messages are safe; False if told to stop before the disk had room."""
        now = self._monotonic_ms()
        to_append, flooded = self._sift(messages, now)
        if self._source.connected:
            self._listened_ms = now
        kept = self._append(to_append)
        if kept and messages:
            self._received += len(messages)
            self._flooded += flooded
            self._tell_of_floods(to_append[-1])
            self._silence.heard(self._monotonic_ms())
        return kept

    def _sift(self, messages: Sequence[RawMessage], now: int) -> tuple[Sequence[RawMessage], int]:
        if self._rates is None or not messages:
            return messages, 0
        if self._listened_ms is not None and now - self._listened_ms > _DEAF_MS:
            self._rates.away(self._listened_ms, now)
        return self._rates.sift(messages, now)

    def _listened_before(self, now: int) -> int | None:
        """When the collector before this one did, by our clock."""
        before = read_status(self._status_path)
        if before is None or before.listened_at is None:
            return None
        ago_ms = time.time_ns() // 1_000_000 - before.listened_at
        return now - min(max(ago_ms, 0), _LONGEST_DEAF_MS)

    def _tell_of_floods(self, newest: RawMessage) -> None:
        """One line a minute, however many flood."""
        now = self._monotonic_ms()
        if self._flooded == self._floods_told or now < self._tell_of_floods_at:
            return
        log.warning(
            "%d messages came beyond the rate of their device and were only summed up",
            self._flooded - self._floods_told,
            extra={"device_id": json.loads(newest.payload)["device"]} if newest.topic == FLOOD_TOPIC else None,
        )
        self._floods_told, self._tell_of_floods_at = self._flooded, now + _TELL_OF_FLOODS_MS

    def write_down_silence(self) -> None:
        quiet_ms = self._silence.tick(self._monotonic_ms(), self._source.connected)
        if quiet_ms is not None:
            self._append([RawMessage(TICK_TOPIC, str(quiet_ms).encode(), time.time_ns() // 1_000_000)])

    def _append(self, messages: Sequence[RawMessage]) -> bool:
        pause_s = _FIRST_RETRY_S
        while messages:
            try:
                self._log.append(messages)
            except RawLogCorrupt as exc:
                self._log_error = str(exc)
                raise
            except RawLogFull as exc:
                if self._log_error is None:
                    log.error("the raw log takes nothing, nothing is acknowledged until it does: %s", exc)
                self._log_error = str(exc)
                self._silence.deaf()  # the connection may come and go unnoticed while we wait
                self.report()
                if self._stop.is_set():
                    return False
                self._source.wait(pause_s)
                pause_s = min(_SLOWEST_RETRY_S, 2 * pause_s)
            else:
                if self._log_error is not None:
                    log.info("the raw log takes messages again")
                self._log_error = None
                break
        return True

    def report(self, *, now: bool = False) -> None:
        """Replace the status file, at most once a second."""
        monotonic_ms = self._monotonic_ms()
        if monotonic_ms < self._report_at and not now:
            return
        self._report_at = monotonic_ms + _STATUS_EVERY_MS
        wall_ms = time.time_ns() // 1_000_000
        status = CollectorStatus(
            at=wall_ms,
            connected=self._source.connected,
            protocol=self._source.protocol,
            received=self._received,
            reconnects=self._source.reconnects,
            disk_full=self._log_error is not None,
            last_error=self._log_error or self._source.last_error,
            flooded=self._flooded,
            listened_at=None if self._listened_ms is None else wall_ms - (monotonic_ms - self._listened_ms),
        )
        replace_status(self._status_path, json.dumps(asdict(status)).encode())


def read_status(path: Path) -> CollectorStatus | None:
    """The last status, or None while there is none to be read."""
    try:
        return CollectorStatus(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
