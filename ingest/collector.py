"""The first half of the path: broker → raw log. It does not parse."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Final, Protocol

from ingest.messages import TICK_TOPIC, RawMessage
from ingest.mqtt_source import Batch
from ingest.raw_segment import RawLogCorrupt, RawLogFull

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


class Source(Protocol):
    """Where messages come from; `ingest.mqtt_source.MqttSource` keeps to it."""

    @property
    def connected(self) -> bool: ...
    @property
    def protocol(self) -> str: ...
    @property
    def reconnects(self) -> int: ...
    @property
    def last_error(self) -> str | None: ...
    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> Batch: ...
    def acknowledge(self, batch: Batch) -> None: ...
    def wait(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class Log(Protocol):
    """Where they go; `ingest.raw_log.RawLog` keeps to it."""

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
    """Messages appended since the process began, ticks not counted."""
    reconnects: int
    disk_full: bool
    """The raw log takes nothing now; nothing is acknowledged, the broker keeps it."""
    last_error: str | None


def run_collector(
    source: Source,
    raw_log: Log,
    stop: Event,
    status_path: Path,
    monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
) -> None:
    """Bring messages into the raw log until `stop` is set: what was taken is appended and acknowledged, then it leaves.

    Raises RawLogCorrupt when the log itself is damaged; the broker keeps what was not acknowledged.
    """
    collector = _Collector(source, raw_log, stop, status_path, monotonic_ms)
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


class Silence:
    """How long nothing was heard while someone listened. Times in ms of any one clock."""

    def __init__(self) -> None:
        self._since: int | None = None

    def heard(self, now: int) -> None:
        self._since = now

    def tick(self, now: int, connected: bool) -> int | None:
        """The length of the silence when it is time to write it down. Being deaf is no silence: it begins connected."""
        if not connected:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= TICK_EVERY_MS:
            quiet_ms, self._since = now - self._since, now
            return quiet_ms
        return None


class _Collector:
    def __init__(
        self, source: Source, raw_log: Log, stop: Event, status_path: Path, monotonic_ms: Callable[[], int]
    ) -> None:
        self._source = source
        self._log = raw_log
        self._stop = stop
        self._status_path = status_path
        self._monotonic_ms = monotonic_ms
        self._silence = Silence()
        self._received = 0
        self._log_error: str | None = None
        self._report_at = 0

    def keep(self, messages: Sequence[RawMessage]) -> bool:
        """Return True when the messages are safe; False if told to stop before the disk had room."""
        kept = self._append(messages)
        if kept and messages:
            self._received += len(messages)
            self._silence.heard(self._monotonic_ms())
        return kept

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
        status = CollectorStatus(
            at=time.time_ns() // 1_000_000,
            connected=self._source.connected,
            protocol=self._source.protocol,
            received=self._received,
            reconnects=self._source.reconnects,
            disk_full=self._log_error is not None,
            last_error=self._log_error or self._source.last_error,
        )
        _write_status(self._status_path, json.dumps(asdict(status)).encode())


def _write_status(path: Path, text: bytes) -> None:
    draft = path.with_suffix(".draft")
    try:
        draft.write_bytes(text)
        draft.replace(path)
    except OSError:
        # A full disk has no room for a new file, but the old one's block can still be written.
        with suppress(OSError), path.open("r+b") as file:
            file.write(text)
            file.truncate()


def read_status(path: Path) -> CollectorStatus | None:
    """The last status, or None while there is none to be read."""
    try:
        return CollectorStatus(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
