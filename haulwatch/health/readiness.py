"""The checks of /readyz: is it safe to send traffic?

Safe means: every message that is sent is kept, and the processes that keep it are at work. A store that does not answer
makes nothing unsafe, because readings wait in the raw log: that is `degraded`. Anybody may ask /readyz, so its answers
name the kind of trouble only; addresses, paths and error texts stand in the log.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from api.ports import Check, ReadinessResult, ReadinessState
from devices.db.database import DatabaseError, DatabaseMisconfigured
from devices.readings.models import Kind
from haulwatch import migrations
from haulwatch.health.attachments import attachments_ready
from haulwatch.health.gateways import gateways_ready
from haulwatch.health.path_status import PathStatus
from haulwatch.process import system_clock
from haulwatch.process.background import BackgroundTask, TaskHealth
from haulwatch.settings.load import Settings
from ingest.ledger.state_file import StateUnavailable
from ingest.log.raw_log import RawLogError
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.notices.summary import ChannelSummary
from ingest.process.over_limit import named
from ingest.store import History, StoreMisconfigured, StoreUnavailable
from rules.attachments.upkeep import Examined

BACKLOG: Final = 100_000
"""Messages: five seconds of the fastest ingestion. A consumer that far behind does not keep up."""
STANDSTILL_S: Final = 180.0
"""With messages to read and no reported trouble. A judge's checkpoint of very many devices takes seconds."""
_LOSS_SHOWN_MS: Final = 24 * 3_600_000
"""Loss is reported for a day, so that people who were asleep see it."""
_DROPS_SHOWN_MS: Final = 3_600_000
_UNJUDGED_SHOWN_MS: Final = 3_600_000
_WAITED_MS: Final = 15_000
"""What waits is moved within seconds; after this the database refuses it."""
_NOTICE_WAITED_MS: Final = 300_000
"""A digest waits for a minute, a service that is busy for another."""
_LOG_EVERY_S: Final = 60.0
_NO_DEVICE: Final = "nobody"
"""A device id for a query that shows whether the store lets us read."""

_log = logging.getLogger(__name__)


class Store(History, Protocol):
    """The part of the time-series store that is checked."""

    async def ping(self) -> str: ...


class Progress:
    """Notes whether consumers make progress, as far as this process has seen: a loop that runs may yet do nothing."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, tuple[int, float]] = {}

    def stands_still_s(self, consumer: str, offset: int, unread: int) -> float:
        """Seconds for which the consumer has been at `offset` with something to read."""
        now = self._monotonic()
        if unread <= 0 or self._seen.get(consumer, (offset, now))[0] != offset:
            self._seen[consumer] = (offset, now)
        return now - self._seen.setdefault(consumer, (offset, now))[1]


class Growth:
    """Notes which counts grew, until an hour has passed without growth, as far as this process has seen."""

    def __init__(self, counts: Mapping[str, int], monotonic: Callable[[], float] = time.monotonic) -> None:
        """`counts`: what they are before this process looks."""
        self._monotonic = monotonic
        self._before = dict(counts)
        self._grew: dict[str, tuple[int, float]] = {}

    def within_the_hour(self, counts: Mapping[str, int]) -> dict[str, int]:
        """By how much each count grew that grew within the last hour."""
        now = self._monotonic()
        for name, count in counts.items():
            if more := max(count - self._before.get(name, 0), 0):
                self._grew[name] = (self._grew.get(name, (0, now))[0] + more, now)
        self._before = dict(counts)
        self._grew = {name: grew for name, grew in self._grew.items() if now - grew[1] < _UNJUDGED_SHOWN_MS / 1000}
        return {name: more for name, (more, _) in self._grew.items()}


class TroubleLog:
    """Logs a trouble when it is new, and once a minute while it lasts, however often /readyz is asked."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._logged: dict[str, tuple[str, float]] = {}

    def warn(self, event: str, cause: Exception) -> None:
        text, now = str(cause), self._monotonic()
        before = self._logged.get(event)
        if before is None or before[0] != text or now - before[1] >= _LOG_EVERY_S:
            self._logged[event] = (text, now)
            _log.warning("readiness: %s: %s", event, text)


def readiness_checks(
    settings: Settings,
    path: PathStatus,
    store: Store,
    counters: Callable[[], BrokerCounters | None],
    background: Sequence[BackgroundTask],
    notices: Callable[[], Sequence[ChannelSummary]] = tuple,
    attachments: Callable[[], Examined] = Examined,
) -> tuple[Check, ...]:
    """Every check, bound to the parts that it looks at."""
    progress, growth, trouble = Progress(), Growth(path.not_judged()), TroubleLog()
    rejections = Growth(path.store_rejections())
    url = settings.database_url.get_secret_value()
    watched = settings.limits.broker_counters == "on"

    async def tasks() -> ReadinessResult:
        return _background(background)

    async def files() -> ReadinessResult:
        return attachments_ready(attachments())

    hint = "free disk space" if settings.kafka.url is None else "see the check kafka"
    return (
        Check("store", lambda: _store(store, path, rejections, trouble)),
        Check("journal", partial(asyncio.to_thread, _journal, url, path, trouble)),
        Check("alerts", partial(asyncio.to_thread, _alerts, path)),
        Check("notices", partial(asyncio.to_thread, _notices, notices)),
        Check("collector", partial(asyncio.to_thread, _collector, path, hint)),
        Check("recorder", partial(asyncio.to_thread, _recorder, path, progress, trouble)),
        Check("judge", partial(asyncio.to_thread, _judge, path, progress, growth, trouble)),
        Check("devices", partial(asyncio.to_thread, _devices, path)),
        Check("disk", partial(asyncio.to_thread, _disk, path, trouble)),
        Check("broker", partial(asyncio.to_thread, _broker, counters, watched)),
        Check("gateways", partial(asyncio.to_thread, gateways_ready, path)),
        Check("attachments", files),
        Check("background", tasks),
    )


async def _store(store: Store, path: PathStatus, rejections: Growth, trouble: TroubleLog) -> ReadinessResult:
    try:
        name = await store.ping()
        await store.latest(Kind.STATUS, _NO_DEVICE)  # many stores answer a ping without looking at the token
    except StoreMisconfigured as exc:
        trouble.warn("the store refuses access", exc)
        return ReadinessResult(ReadinessState.FAILED, "refuses access: see the log, or run `haulwatch doctor`")
    except StoreUnavailable as exc:
        trouble.warn("the store does not answer", exc)
        return ReadinessResult(ReadinessState.DEGRADED, "does not answer; readings wait in the raw log: see the log")
    rejected = rejections.within_the_hour(await asyncio.to_thread(path.store_rejections))
    if rejected:
        named = ", ".join(f"{kind} {count:,}" for kind, count in sorted(rejected.items()))
        detail = f"rejected readings within the last hour: {named}: see `haulwatch deadletter list`"
        return ReadinessResult(ReadinessState.DEGRADED, detail)
    return ReadinessResult(ReadinessState.OK, name)


def _journal(url: str, path: PathStatus, trouble: TroubleLog) -> ReadinessResult:
    try:
        current, head = migrations.current(url), migrations.head()
    except DatabaseMisconfigured as exc:
        trouble.warn("the database refuses access", exc)
        return ReadinessResult(
            ReadinessState.FAILED, "the database refuses access: see the log, or run `haulwatch doctor`"
        )
    except DatabaseError as exc:
        trouble.warn("the database does not answer", exc)
        waiting, since = path.alerts_waiting()
        detail = f"the database does not answer; judgement goes on by the last city, {waiting:,} alert changes wait"
        return ReadinessResult(ReadinessState.DEGRADED, detail, since)
    if current == head:
        waiting, since = path.alerts_waiting()
        if since is not None and system_clock.now_ms() - since > _WAITED_MS:
            detail = f"{waiting:,} alert changes wait for the database: see the judge's log"
            return ReadinessResult(ReadinessState.DEGRADED, detail, since)
        return ReadinessResult(ReadinessState.OK, f"tables are at revision {current}")
    found = "has no tables yet" if current is None else f"is at revision {current} and not {head}"
    return ReadinessResult(ReadinessState.FAILED, f"the database {found}: run `haulwatch db upgrade`")


def _alerts(path: PathStatus) -> ReadinessResult:
    refused, since = path.alerts_refused()
    if refused:
        detail = (
            f"the broker refuses {refused:,} alerts, they are sent again: let the login write haulwatch/v1/alerts/#"
        )
        return ReadinessResult(ReadinessState.DEGRADED, detail, since)
    return ReadinessResult(ReadinessState.OK, "the broker refuses none")


def _notices(read: Callable[[], Sequence[ChannelSummary]]) -> ReadinessResult:
    """Channels are named as the notice rules name them."""
    try:
        found = read()
    except DatabaseError:
        return ReadinessResult(ReadinessState.DEGRADED, "wait for the database")
    now = system_clock.now_ms()
    troubles, since = [], None
    for channel in found:
        late = channel.oldest_waiting_at is not None and now - channel.oldest_waiting_at > _NOTICE_WAITED_MS
        counts = {
            "waiting": channel.waiting if late else 0,
            "given up": channel.failed,
            "unconfirmed": channel.unconfirmed,
        }
        if any(counts.values()):
            named = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
            troubles.append(f"{channel.channel} {named}")
            since = min(filter(None, (since, channel.oldest_waiting_at if late else None)), default=None)
    if troubles:
        detail = f"notices do not arrive: {'; '.join(troubles)}: see `haulwatch notify status`"
        return ReadinessResult(ReadinessState.DEGRADED, detail, since)
    return ReadinessResult(ReadinessState.OK, f"{sum(channel.sent for channel in found):,} sent within a day")


def _collector(path: PathStatus, hint: str) -> ReadinessResult:
    running = path.collectors()
    if not running:
        return ReadinessResult(ReadinessState.FAILED, "the collector does not run: start `haulwatch collect`")
    if any(status.disk_full for status in running):
        return ReadinessResult(
            ReadinessState.FAILED, f"the raw log cannot be written, so nothing is acknowledged: {hint}"
        )
    if any(status.contested for status in running):
        return ReadinessResult(
            ReadinessState.FAILED,
            "the broker ends its connection again and again: another process uses its client id and receives a part of "
            "the readings: set another HAULWATCH_CLIENT_ID",
        )
    connected = [status for status in running if status.connected]
    if not connected:
        return ReadinessResult(
            ReadinessState.FAILED, "not connected to the broker: see its log, or run `haulwatch doctor`"
        )
    expected = len(running) + path.collectors_missed()
    if len(connected) < expected:
        return ReadinessResult(
            ReadinessState.DEGRADED, f"{len(connected)} of {expected} collectors receive messages, for the others too"
        )
    return ReadinessResult(ReadinessState.OK, f"connected, MQTT {connected[0].protocol}")


def _recorder(path: PathStatus, progress: Progress, trouble: TroubleLog) -> ReadinessResult:
    if not path.alive()["recorder"]:
        return ReadinessResult(ReadinessState.FAILED, "the recorder does not run, or hangs: start `haulwatch record`")
    try:
        status = path.recorder_status()
    except (StateUnavailable, RawLogError) as exc:
        trouble.warn("the recorder's files cannot be read", exc)
        return ReadinessResult(ReadinessState.FAILED, "its files cannot be read now: see the log")
    if status.trouble is not None:
        now = system_clock.now_ms()
        waited_s = (now - (status.trouble_since or now)) // 1000
        detail = f"has waited for {waited_s} s for store or disk: see its log, or run `haulwatch doctor`"
        return ReadinessResult(ReadinessState.DEGRADED, detail, status.trouble_since)
    return _consumer("recorder", status.offset, status.backlog, progress)


def _judge(path: PathStatus, progress: Progress, growth: Growth, trouble: TroubleLog) -> ReadinessResult:
    if not path.alive()["judge"]:
        return ReadinessResult(ReadinessState.FAILED, "the judge does not run, or hangs: start `haulwatch judge`")
    try:
        lag = path.lag()["judge"]
    except RawLogError as exc:
        trouble.warn("the raw log cannot be read", exc)
        return ReadinessResult(ReadinessState.FAILED, "the raw log cannot be read now: see the log")
    result = _consumer("judge", lag.offset, lag.messages, progress)
    if result.state is not ReadinessState.OK:
        return result
    failures, failed_at = path.rule_failures()
    if failed_at is not None and system_clock.now_ms() - failed_at < _UNJUDGED_SHOWN_MS:
        named = ", ".join(f"{rule} at {count:,} readings" for rule, count in sorted(failures.items()) if count)
        return ReadinessResult(ReadinessState.DEGRADED, f"a rule fails: {named}: see the judge's log", failed_at)
    grown = growth.within_the_hour(path.not_judged())
    if grown:
        named = ", ".join(f"{reason} {count:,}" for reason, count in sorted(grown.items()))
        return ReadinessResult(
            ReadinessState.DEGRADED, f"readings were not judged within the last hour: {named}: see `haulwatch ledger`"
        )
    return result


def _consumer(consumer: str, offset: int, unread: int, progress: Progress) -> ReadinessResult:
    still_s = progress.stands_still_s(consumer, offset, unread)
    if still_s > STANDSTILL_S:
        return ReadinessResult(
            ReadinessState.FAILED, f"stands still for {still_s:.0f} s with {unread:,} messages to read: see its log"
        )
    return ReadinessResult(
        ReadinessState.DEGRADED if unread > BACKLOG else ReadinessState.OK, f"{unread:,} messages to read"
    )


def _devices(path: PathStatus) -> ReadinessResult:
    """Devices beyond a limit are named: who asks has to find them, and an id tells nothing else."""
    found = path.over_limit()
    if not found:
        return ReadinessResult(ReadinessState.OK, "none was beyond a limit within the last hour")
    return ReadinessResult(
        ReadinessState.DEGRADED, f"beyond a limit within the last hour, the others go on: {named(found)}: see the log"
    )


def _disk(path: PathStatus, trouble: TroubleLog) -> ReadinessResult:
    try:
        disk = path.disk()
    except (RawLogError, OSError) as exc:
        trouble.warn("the raw log's disk cannot be read", exc)
        return ReadinessResult(ReadinessState.FAILED, "the raw log cannot be read now: see the log")
    free = f"{disk.free_bytes >> 20:,} MiB are free, {disk.reserve_bytes >> 20:,} MiB are kept in reserve"
    if disk.free_bytes < disk.reserve_bytes:
        return ReadinessResult(ReadinessState.FAILED, f"{free}: free disk space")
    removed = disk.removed
    if removed.at is not None and system_clock.now_ms() - removed.at < _LOSS_SHOWN_MS:
        lost = ", ".join(f"{count:,} of the {name}" for name, count in removed.unread.items() if count)
        return ReadinessResult(
            ReadinessState.DEGRADED, f"unread messages were removed for want of disk space, so far: {lost}", removed.at
        )
    return ReadinessResult(ReadinessState.OK, free)


def _broker(counters: Callable[[], BrokerCounters | None], watched: bool) -> ReadinessResult:
    found = counters()
    if found is None or not found.values:
        return ReadinessResult(
            ReadinessState.OK, "its counters have not been received" if watched else "its counters are not read"
        )
    if found.dropped_at is not None and system_clock.now_ms() - found.dropped_at < _DROPS_SHOWN_MS:
        detail = f"dropped {found.dropped:,} messages since the API started: a queue is full, see the broker's settings"
        return ReadinessResult(ReadinessState.DEGRADED, detail, found.dropped_at)
    return ReadinessResult(ReadinessState.OK, "has dropped nothing since the API started")


def _background(tasks: Sequence[BackgroundTask]) -> ReadinessResult:
    """The tasks beside the HTTP server. Boards and commands stand still while theirs is down; no reading is lost."""
    worst = {task.health for task in tasks}
    for health, state in (
        (TaskHealth.FAILED, ReadinessState.FAILED),
        (TaskHealth.RECOVERING, ReadinessState.DEGRADED),
    ):
        if health in worst:
            found = [task for task in tasks if task.health is health]
            named = ", ".join(f"{task.name} ({task.failures} in a row)" for task in found)
            since = min((task.failing_since for task in found if task.failing_since is not None), default=None)
            return ReadinessResult(state, f"failed and is started again: {named}: see the log", since)
    return ReadinessResult(ReadinessState.OK, f"{', '.join(task.name for task in tasks) or 'no task'}: running")
