"""Runs notices: follows the journal, climbs steps and delivers by every channel, by the notice rules that hold now.

`haulwatch serve` runs it as a background task. Without notice rules it looks for some every two seconds and does
nothing else. New rules hold within two seconds: what is being sent is finished first.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.db.versions import StoredVersion
from ingest.alerts.cursors import PublisherCursors
from ingest.alerts.holding import Holding, Shelves
from ingest.alerts.publisher import AlertPublisher
from ingest.alerts.rate import DAY_MS
from ingest.notices.bucket import TokenBucket
from ingest.notices.channels import Channel
from ingest.notices.delivery import STUCK_MS, ChannelDelivery
from ingest.notices.escalation import Escalation
from ingest.notices.model import NoticeRules
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.planning import NoticePlanner, Rulebook
from ingest.notices.reading import BadNoticeRules, read_notice_rules
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.secrets import Secrets
from ingest.notices.senders.registry import PER_MINUTE, PER_SECOND, ChannelUnusable, sender_of
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from rules.alerts.actions import AlertDetail, AlertFilter, AlertPage, JournalEntry

SINK: Final = "notices"
_LOOK_S: Final = 2.0
_DELIVERY_S: Final = 0.5
_CLIMB_S: Final = 2.0
_GIVE_UP_S: Final = 30.0
_UNUSABLE_S: Final = 30.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """The part of the alert journal that notices read. Synchronous; raises DatabaseError."""

    def alert(self, alert_id: str, /) -> AlertDetail | None: ...
    def alerts(self, where: AlertFilter, /, *, limit: int, before: str | None = None) -> AlertPage: ...
    def changes_after(self, sequence: int, limit: int, /) -> list[JournalEntry]: ...
    def last_sequence(self) -> int: ...
    def last_recorded_until(self, instant: int, /) -> int: ...


@dataclass(frozen=True)
class NoticeParts:
    """What notices work with."""

    rules: NoticeRuleStore
    outbox: NoticeOutbox
    journal: Journal
    shelves: Shelves
    cursors: PublisherCursors
    city: Callable[[], City]
    secrets: Secrets
    now: Callable[[], int]
    """The wall clock, ms."""
    call_within_ms: int
    """As of `Holding`."""


class NoticeService:
    """One set of notice rules after the other."""

    def __init__(self, parts: NoticeParts) -> None:
        self._parts = parts
        self._logged_version = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. A database that is away is waited for."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while not stop.is_set():
            try:
                stored = await asyncio.to_thread(self._parts.rules.newest)
                rules = None if stored is None else self._read(stored)
                if stored is None or rules is None:
                    await pause(stop, _LOOK_S)
                else:
                    await self._run_version(stored, rules, stop)
            except DatabaseError as exc:
                pause_s = backoff.next_pause_s()
                _log.warning("notices: the database does not answer, trying again in %.1f s: %s", pause_s, exc)
                await pause(stop, pause_s)
            else:
                backoff.reset()

    def _read(self, stored: StoredVersion) -> NoticeRules | None:
        try:
            return read_notice_rules(stored.content.encode(), f"notice rules {stored.version}")
        except BadNoticeRules as exc:
            if stored.version != self._logged_version:
                _log.error("notices: nothing is sent, apply others (`haulwatch notify apply`): %s", exc)
            self._logged_version = stored.version
            return None

    async def _run_version(self, stored: StoredVersion, rules: NoticeRules, stop: asyncio.Event) -> None:
        """Run by these rules until others hold. Raises DatabaseError."""
        parts, over = self._parts, asyncio.Event()
        first_applied_at = await asyncio.to_thread(parts.rules.first_applied_at) or stored.applied_at
        await asyncio.to_thread(self._begin_at, first_applied_at)
        lost = await asyncio.to_thread(parts.outbox.withdraw_others, list(rules.channels), parts.now())
        if lost:
            _log.warning("notices: %d notices waited for channels that rules %d do not have", lost, stored.version)
        book = Rulebook(rules, parts.city)
        planner = NoticePlanner(
            book, parts.outbox, parts.journal, parts.now, not_before=first_applied_at, was_held=self._was_held
        )
        holding = Holding(SINK, parts.shelves, parts.journal, parts.cursors, parts.now, parts.call_within_ms)
        publisher = AlertPublisher(SINK, planner, parts.journal, parts.cursors, holding=holding)
        escalation = Escalation(book, parts.outbox, parts.journal, parts.now)

        async def climb() -> None:
            await asyncio.to_thread(escalation.step)

        async def give_up() -> None:
            now = parts.now()
            await asyncio.to_thread(parts.outbox.give_up_others, list(rules.channels), now - STUCK_MS, now)

        _log.info("notices: rules %d hold, %d channels", stored.version, len(rules.channels))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._until_others(stored.version, stop, over), name="notice rules")
            tasks.create_task(publisher.run(over), name="notices from the journal")
            tasks.create_task(_keep(climb, over, _CLIMB_S), name="notice steps")
            tasks.create_task(_keep(give_up, over, _GIVE_UP_S), name="notices by channels that are gone")
            for name, channel in rules.channels.items():
                tasks.create_task(self._deliver(name, channel, rules, over), name=f"notices by {name}")

    def _begin_at(self, applied_at: int) -> None:
        """Begin with what is recorded from the first rules on, at most a day ago, where the cursor file is new.

        What was planned is in the database, so nobody is notified twice.
        """
        if self._parts.cursors.get(SINK) is None:
            begin = max(applied_at, self._parts.now() - DAY_MS)
            self._parts.cursors.set(SINK, self._parts.journal.last_recorded_until(begin - 1))

    def _was_held(self, entry: JournalEntry) -> bool:
        """True for a change that lies behind the publisher's position: a shelf held it."""
        return entry.sequence <= (self._parts.cursors.get(SINK) or 0)

    async def _until_others(self, version: int, stop: asyncio.Event, over: asyncio.Event) -> None:
        """Set `over` when other rules hold, or the process is to stop."""
        while not stop.is_set():
            await pause(stop, _LOOK_S)
            try:
                if await asyncio.to_thread(self._parts.rules.newest_version) != version:
                    break
            except DatabaseError:
                continue  # these rules hold
        over.set()

    async def _deliver(self, name: str, channel: Channel, rules: NoticeRules, over: asyncio.Event) -> None:
        """Deliver by one channel. While a secret of it is missing, its notices wait."""
        parts = self._parts
        while not over.is_set():
            try:
                sender = sender_of(channel, parts.secrets, parts.now)
            except ChannelUnusable as exc:
                _log.error("notices: channel %s cannot send, its notices wait: %s", name, exc)
                await pause(over, _UNUSABLE_S)
                continue
            bucket = TokenBucket(channel.per_minute or PER_MINUTE[channel.kind], PER_SECOND.get(channel.kind))
            delivery = ChannelDelivery(name, sender, parts.outbox, rules, bucket, parts.now)

            async def deliver(delivery: ChannelDelivery = delivery) -> None:
                await delivery.step(over)

            await _keep(deliver, over, _DELIVERY_S)


async def _keep(step: Callable[[], Awaitable[None]], stop: asyncio.Event, every_s: float) -> None:
    """Take the step again and again. A database that is away is waited for."""
    backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    while not stop.is_set():
        try:
            await step()
        except DatabaseError as exc:
            pause_s = backoff.next_pause_s()
            _log.warning("notices: the database does not answer, trying again in %.1f s: %s", pause_s, exc)
            await pause(stop, pause_s)
            continue
        backoff.reset()
        await pause(stop, every_s)
