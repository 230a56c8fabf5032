"""The questions of /readyz: is it safe to send traffic?

Safe means: what is sent is kept, and what keeps it is at work. A store that is merely away makes nothing unsafe, since
readings wait in the raw log; that is told as degraded. Anybody may ask: the answers tell the kind of trouble, and leave
addresses, paths and what others have said to the logs.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from api.ports import Check, ReadinessResult, ReadinessState
from devices.db.database import DatabaseError, DatabaseMisconfigured
from devices.readings.models import Kind
from haulwatch import migrations, wiring
from haulwatch.health import path_status
from haulwatch.settings.load import Settings
from ingest.ledger.state_file import StateUnavailable
from ingest.log.raw_log import RawLogError
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.store import History, StoreMisconfigured, StoreUnavailable

BACKLOG: Final = 100_000
"""Messages: five seconds of the fastest ingestion; a consumer that far behind is not keeping up."""
STANDSTILL_S: Final = 180.0
"""With messages to read and no reason given. A judge's checkpoint of very many devices takes seconds."""
_REMEMBERED_MS: Final = 24 * 3_600_000
"""Loss is told for a day, so that whoever was asleep sees it."""
_DROPS_REMEMBERED_MS: Final = 3_600_000
_TELL_EVERY_S: Final = 60.0
_NOBODY: Final = "nobody"
"""A device id that is asked for to see whether the store lets us read."""

_log = logging.getLogger(__name__)


class Store(History, Protocol):
    """What is asked of the time-series store."""

    async def ping(self) -> str: ...


class Progress:
    """Whether consumers get on, as far as this process has seen: a loop that turns may yet do nothing."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, tuple[int, float]] = {}

    def stands_still_s(self, consumer: str, offset: int, unread: int) -> float:
        """For how long it has been at `offset` with something to read."""
        now = self._monotonic()
        if unread <= 0 or self._seen.get(consumer, (offset, now))[0] != offset:
            self._seen[consumer] = (offset, now)
        return now - self._seen.setdefault(consumer, (offset, now))[1]


class Complaints:
    """What the log is told of trouble: when it is new, and once a minute while it lasts, however often one asks."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: dict[str, tuple[str, float]] = {}

    def tell(self, what: str, trouble: Exception) -> None:
        words, now = str(trouble), self._monotonic()
        before = self._told.get(what)
        if before is None or before[0] != words or now - before[1] >= _TELL_EVERY_S:
            self._told[what] = (words, now)
            _log.warning("%s: %s", what, words)


def checks(settings: Settings, store: Store, counters: Callable[[], BrokerCounters | None]) -> tuple[Check, ...]:
    """Every question, bound to what it looks at."""
    progress, told = Progress(), Complaints()
    url = settings.database_url.get_secret_value()
    return (
        Check("store", lambda: _store(store, told)),
        Check("journal", partial(asyncio.to_thread, _journal, url, told)),
        Check("collector", partial(asyncio.to_thread, _collector, settings)),
        Check("recorder", partial(asyncio.to_thread, _recorder, settings, progress, told)),
        Check("judge", partial(asyncio.to_thread, _judge, settings, progress, told)),
        Check("disk", partial(asyncio.to_thread, _disk, settings, told)),
        Check("broker", partial(asyncio.to_thread, _broker, settings, counters)),
    )


async def _store(store: Store, told: Complaints) -> ReadinessResult:
    try:
        name = await store.ping()
        await store.latest(Kind.STATUS, _NOBODY)  # many stores answer a ping without looking at the token
    except StoreMisconfigured as exc:
        told.tell("the store refuses us", exc)
        return ReadinessResult(ReadinessState.FAILED, "refuses what it is asked: see the log, or `haulwatch doctor`")
    except StoreUnavailable as exc:
        told.tell("the store does not answer", exc)
        return ReadinessResult(ReadinessState.DEGRADED, "does not answer; readings wait in the raw log: see the log")
    return ReadinessResult(ReadinessState.OK, name)


def _journal(url: str, told: Complaints) -> ReadinessResult:
    try:
        current, head = migrations.current(url), migrations.head()
    except DatabaseMisconfigured as exc:
        told.tell("the database refuses us", exc)
        return ReadinessResult(
            ReadinessState.FAILED, "the database refuses what it is asked: see the log, or `haulwatch doctor`"
        )
    except DatabaseError as exc:
        told.tell("the database does not answer", exc)
        return ReadinessResult(
            ReadinessState.FAILED, "the database does not answer, so no alert is raised; messages wait in the raw log"
        )
    if current == head:
        return ReadinessResult(ReadinessState.OK, f"tables are at revision {current}")
    found = "has no tables yet" if current is None else f"is at revision {current} and not {head}"
    return ReadinessResult(ReadinessState.FAILED, f"the database {found}: run `haulwatch db upgrade`")


def _collector(settings: Settings) -> ReadinessResult:
    running = path_status.collectors(settings)
    if not running:
        return ReadinessResult(ReadinessState.FAILED, "the collector does not run: start `haulwatch collect`")
    if any(status.disk_full for status in running):
        return ReadinessResult(
            ReadinessState.FAILED, "the raw log takes nothing, so nothing is acknowledged: free disk space"
        )
    connected = [status for status in running if status.connected]
    if not connected:
        return ReadinessResult(ReadinessState.FAILED, "not connected to the broker: see its log, or `haulwatch doctor`")
    of = len(running) + path_status.collectors_missed(settings)
    if len(connected) < of:
        return ReadinessResult(
            ReadinessState.DEGRADED, f"{len(connected)} of {of} collectors take messages, for the others too"
        )
    return ReadinessResult(ReadinessState.OK, f"connected, MQTT {connected[0].protocol}")


def _recorder(settings: Settings, progress: Progress, told: Complaints) -> ReadinessResult:
    if not path_status.alive(settings)["recorder"]:
        return ReadinessResult(ReadinessState.FAILED, "the recorder does not run, or hangs: start `haulwatch record`")
    try:
        status = path_status.recorder_status(settings)
    except (StateUnavailable, RawLogError) as exc:
        told.tell("the recorder's files cannot be read", exc)
        return ReadinessResult(ReadinessState.FAILED, "its files cannot be read now: see the log")
    if status.trouble is not None:
        now = wiring.now_ms()
        waited_s = (now - (status.trouble_since or now)) // 1000
        words = f"has waited for {waited_s} s for store or disk: see its log, or `haulwatch doctor`"
        return ReadinessResult(ReadinessState.DEGRADED, words, status.trouble_since)
    return _at_work("recorder", status.offset, status.backlog, progress)


def _judge(settings: Settings, progress: Progress, told: Complaints) -> ReadinessResult:
    if not path_status.alive(settings)["judge"]:
        return ReadinessResult(ReadinessState.FAILED, "the judge does not run, or hangs: start `haulwatch judge`")
    try:
        lag = path_status.lag(settings)["judge"]
    except RawLogError as exc:
        told.tell("the raw log cannot be read", exc)
        return ReadinessResult(ReadinessState.FAILED, "the raw log cannot be read now: see the log")
    return _at_work("judge", lag.offset, lag.messages, progress)


def _at_work(consumer: str, offset: int, unread: int, progress: Progress) -> ReadinessResult:
    still_s = progress.stands_still_s(consumer, offset, unread)
    if still_s > STANDSTILL_S:
        return ReadinessResult(
            ReadinessState.FAILED, f"stands still for {still_s:.0f} s with {unread:,} messages to read: see its log"
        )
    return ReadinessResult(
        ReadinessState.DEGRADED if unread > BACKLOG else ReadinessState.OK, f"{unread:,} messages to read"
    )


def _disk(settings: Settings, told: Complaints) -> ReadinessResult:
    try:
        disk = path_status.disk(settings)
    except (RawLogError, OSError) as exc:
        told.tell("the raw log's disk cannot be read", exc)
        return ReadinessResult(ReadinessState.FAILED, "the raw log cannot be read now: see the log")
    free = f"{disk.free_bytes >> 20:,} MiB are free, {disk.reserve_bytes >> 20:,} MiB are kept in reserve"
    if disk.free_bytes < disk.reserve_bytes:
        return ReadinessResult(ReadinessState.FAILED, f"{free}: free disk space")
    removed = disk.removed
    if removed.at is not None and wiring.now_ms() - removed.at < _REMEMBERED_MS:
        lost = ", ".join(f"{count:,} of the {name}" for name, count in removed.unread.items() if count)
        return ReadinessResult(
            ReadinessState.DEGRADED, f"messages were removed unread for want of space, ever: {lost}", removed.at
        )
    return ReadinessResult(ReadinessState.OK, free)


def _broker(settings: Settings, counters: Callable[[], BrokerCounters | None]) -> ReadinessResult:
    found = counters()
    if found is None or not found.values:
        told = "are not watched" if settings.limits.broker_counters == "off" else "have not been heard"
        return ReadinessResult(ReadinessState.OK, f"its counters {told}")
    if found.dropped_at is not None and wiring.now_ms() - found.dropped_at < _DROPS_REMEMBERED_MS:
        words = f"dropped {found.dropped:,} messages since the API started: one of its queues is full, see its settings"
        return ReadinessResult(ReadinessState.DEGRADED, words, found.dropped_at)
    return ReadinessResult(ReadinessState.OK, "has dropped nothing since the API started")
