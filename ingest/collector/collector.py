"""The collector loop: broker → raw log. It does not parse payloads."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Final, NamedTuple, Protocol

from ingest.collector.fair_log import FairLog
from ingest.collector.rate_limit import DeviceRateLimit
from ingest.log.errors import RawLogCorrupt, RawLogFull, RawLogUnavailable
from ingest.log.ports import LogWriter
from ingest.log.records import TICK_TOPIC, RawMessage
from ingest.mqtt.source import ReceivedBatch
from ingest.process.backoff import Backoff
from ingest.process.over_limit import Limit, OverLimit
from ingest.process.status_file import replace_status

log = logging.getLogger(__name__)

BATCH_MESSAGES: Final = 500
LINGER_S: Final = 0.05
"""Messages that arrive in this time share one disk sync; the price is as much delay. At 5,000 messages/s a fifth of the
collector's time is saved against 20 ms."""
_LISTEN_S: Final = 0.25
"""Longest wait for a first message, and so the delay until a stop is noticed."""
TICK_EVERY_MS: Final = 10_000
"""Interval of ticks in silence; alerts about silence are late by this much at worst."""
_FIRST_RETRY_S: Final = 0.25
_SLOWEST_RETRY_S: Final = 10.0
_STATUS_EVERY_MS: Final = 1000
_ABSENCE_MS: Final = 1_000
"""If nothing was taken for longer than this the broker has a backlog. A round of the loop takes a third of it."""
_LONGEST_ABSENCE_MS: Final = 7 * 24 * 3_600_000
"""A longer absence is a clock that was set."""


class MessageSource(Protocol):
    """Source of the messages; `ingest.mqtt.source.MqttSource` implements it."""

    @property
    def connected(self) -> bool: ...
    @property
    def protocol(self) -> str: ...
    @property
    def reconnects(self) -> int: ...
    @property
    def last_error(self) -> str | None: ...
    @property
    def contested(self) -> bool: ...
    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> ReceivedBatch: ...
    def acknowledge(self, batch: ReceivedBatch) -> None: ...
    def wait(self, seconds: float) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    """The collector's own report, for supervisor, API, doctor and demo."""

    at: int
    """Time of the report, ms since 1970 UTC."""
    connected: bool
    protocol: str
    """MQTT version in use."""
    received: int
    """Messages appended since the process started, including those of a flood, without ticks."""
    reconnects: int
    disk_full: bool
    """The raw log cannot be written: nothing is acknowledged, the broker keeps the messages."""
    last_error: str | None
    flooded: int = 0
    """Received messages that were beyond their device's rate and only counted, in flood records."""
    contested: bool = False
    """Another process uses our client id: the broker ends the connection of one for the other, again and again."""
    waiting: int = 0
    """Messages that wait for their device's share of the raw log."""
    listened_at: int | None = None
    """Time of the last `take` while connected, ms since 1970 UTC; None before the first."""


class Fairness(NamedTuple):
    """What keeps one device from delaying the others, and names it."""

    log: FairLog | None = None
    """The raw log itself, if devices have shares of it."""
    over_limit: OverLimit | None = None


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def run_collector(
    source: MessageSource,
    raw_log: LogWriter,
    stop: Event,
    status_path: Path,
    monotonic_ms: Callable[[], int] = monotonic_ms,
    rates: DeviceRateLimit | None = None,
    fairness: Fairness | None = None,
) -> None:
    """Append messages to the raw log until `stop` is set; the last batch taken is still appended and acknowledged.

    Without `rates` there is no rate limit. Raises RawLogCorrupt when the log itself is damaged; the broker keeps the
    messages that were not acknowledged.
    """
    collector = _Collector(source, raw_log, stop, status_path, monotonic_ms, rates, fairness)
    try:
        while not stop.is_set():
            batch = source.take(BATCH_MESSAGES, _LISTEN_S, LINGER_S)
            if collector.keep(batch.messages):
                source.acknowledge(batch)
            collector.append_waiting()
            collector.append_tick()
            collector.report()
    finally:
        source.close()
        collector.report(now=True)


class SilenceTimer:
    """Measures how long no message came while the collector was connected. Times in ms of any one clock."""

    def __init__(self) -> None:
        self._since: int | None = None

    def restart(self, now: int) -> None:
        """Count from now: a message came."""
        self._since = now

    def stop(self) -> None:
        """Count again from the next connected `tick`: time without a listener is no silence."""
        self._since = None

    def tick(self, now: int, connected: bool) -> int | None:
        """Length of the silence in ms when a tick is due, else None."""
        if not connected:
            self.stop()
        elif self._since is None:
            self._since = now
        elif now - self._since >= TICK_EVERY_MS:
            silent_ms, self._since = now - self._since, now
            return silent_ms
        return None


class _Collector:
    def __init__(
        self,
        source: MessageSource,
        raw_log: LogWriter,
        stop: Event,
        status_path: Path,
        monotonic_ms: Callable[[], int],
        rates: DeviceRateLimit | None,
        fairness: Fairness | None,
    ) -> None:
        self._fair_log, self._over_limit = fairness or Fairness()
        self._source = source
        self._log = raw_log
        self._stop = stop
        self._status_path = status_path
        self._monotonic_ms = monotonic_ms
        self._rates = rates
        self._listened_ms = self._previous_process_listened_ms(monotonic_ms())
        self._silence = SilenceTimer()
        self._received = 0
        self._flooded = 0
        self._log_error: str | None = None
        self._report_at = 0

    def keep(self, messages: Sequence[RawMessage]) -> bool:
        """Return True when the messages are durable; False if a stop came before the disk had room."""
        now = self._monotonic_ms()
        to_append, flooded = self._sift(messages, now)
        if self._source.connected:
            self._listened_ms = now
        kept = self._append(to_append)
        if kept and messages:
            self._received += len(messages)
            self._flooded += flooded
            self._name_floods(to_append[len(messages) - flooded :])
            self._silence.restart(self._monotonic_ms())
        return kept

    def _sift(self, messages: Sequence[RawMessage], now: int) -> tuple[Sequence[RawMessage], int]:
        if self._rates is None or not messages:
            return messages, 0
        if self._listened_ms is not None and now - self._listened_ms > _ABSENCE_MS:
            self._rates.away(self._listened_ms, now)
        return self._rates.sift(messages, now)

    def _previous_process_listened_ms(self, now: int) -> int | None:
        """Time at which the process before this one last listened, on this process's monotonic clock."""
        status = read_status(self._status_path)
        if status is None or status.listened_at is None:
            return None
        ago_ms = time.time_ns() // 1_000_000 - status.listened_at
        return now - min(max(ago_ms, 0), _LONGEST_ABSENCE_MS)

    def _name_floods(self, records: Sequence[RawMessage]) -> None:
        """Name the devices of flood records."""
        if self._over_limit is not None:
            for record in records:
                flood = json.loads(record.payload)
                self._over_limit.note(flood["device"], Limit.RATE, flood["count"])

    def append_waiting(self) -> None:
        """Append what waited for its device's share; what cannot be appended now waits on."""
        fair_log = self._fair_log
        if fair_log is None or not fair_log.waits:
            return
        try:
            fair_log.append_waiting()
        except RawLogUnavailable as exc:
            self._log_error = str(exc)
            return
        self._log_error = None
        if self._over_limit is not None:
            for device, messages in fair_log.kept_waiting().items():
                self._over_limit.note(device, Limit.SHARE, messages)

    def append_tick(self) -> None:
        """Append a tick if nothing was received for `TICK_EVERY_MS`, and nothing waits."""
        if self._fair_log is not None and self._fair_log.waits:
            self._silence.stop()
            return
        silent_ms = self._silence.tick(self._monotonic_ms(), self._source.connected)
        if silent_ms is not None:
            self._append([RawMessage(TICK_TOPIC, str(silent_ms).encode(), time.time_ns() // 1_000_000)])

    def _append(self, messages: Sequence[RawMessage]) -> bool:
        backoff = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
        while messages:
            try:
                self._log.append(messages)
            except RawLogCorrupt as exc:
                self._log_error = str(exc)
                raise
            except RawLogUnavailable as exc:
                if self._log_error is None:
                    hint = "free disk space" if isinstance(exc, RawLogFull) else "it is tried again"
                    log.error("collector: raw log cannot be written, nothing is acknowledged: %s; %s", exc, hint)
                self._log_error = str(exc)
                self._silence.stop()  # the connection may break and return unnoticed during the pause
                self.report()
                if self._stop.is_set():
                    return False
                self._source.wait(backoff.next_pause_s())
                self.report()  # an attempt at a log that does not answer takes as long again
            else:
                if self._log_error is not None:
                    log.info("collector: raw log can be written again")
                self._log_error = None
                break
        return True

    def report(self, *, now: bool = False) -> None:
        """Replace the status file, at most once a second, or `now`."""
        monotonic_ms = self._monotonic_ms()
        if monotonic_ms < self._report_at and not now:
            return
        self._report_at = monotonic_ms + _STATUS_EVERY_MS
        if self._over_limit is not None:
            self._over_limit.report()
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
            contested=self._source.contested,
            waiting=0 if self._fair_log is None else sum(self._fair_log.waiting_devices().values()),
            listened_at=None if self._listened_ms is None else wall_ms - (monotonic_ms - self._listened_ms),
        )
        replace_status(self._status_path, json.dumps(asdict(status)).encode())


def read_status(path: Path) -> CollectorStatus | None:
    """Read a collector's status file; None if there is none or it cannot be read."""
    try:
        return CollectorStatus(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
