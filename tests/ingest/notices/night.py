"""A night shift: alerts come in, notices go out to real servers, people acknowledge; the test sets the clock."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import event

from devices.city.model import City
from devices.db.database import open_database
from ingest.alerts.cursors import PublisherCursors
from ingest.alerts.holding import Holding
from ingest.alerts.publisher import AlertPublisher
from ingest.notices import tables as notice_tables
from ingest.notices.bucket import TokenBucket
from ingest.notices.delivery import ChannelDelivery
from ingest.notices.escalation import Escalation
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.planning import NoticePlanner, Rulebook
from ingest.notices.reading import read_notice_rules
from ingest.notices.secrets import secrets_of
from ingest.notices.senders.registry import PER_MINUTE, PER_SECOND, sender_of
from ingest.notices.summary import newest_notices, summarise
from rules.alerts import tables as alert_tables
from rules.alerts.actions import Acknowledge, Close, JournalEntry, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Evidence, Phase, Severity, Text
from rules.alerts.shelves import NewShelf, ShelfStore
from tests.ingest.notices.services import DingTalk, Feishu, Program, WeCom
from tests.rules.town import town

T0 = 1_790_000_000_000
"""2026-09-21 22:13:20 in Asia/Shanghai, a Monday."""
MINUTE = 60_000
SECRETS = {
    "HAULWATCH_SECRET_WECOM": WeCom.KEY,
    "HAULWATCH_SECRET_DING": DingTalk.TOKEN,
    "HAULWATCH_SECRET_DING_SIGN": DingTalk.SECRET,
    "HAULWATCH_SECRET_FEISHU": Feishu.HOOK,
    "HAULWATCH_SECRET_FEISHU_SIGN": Feishu.SECRET,
    "HAULWATCH_SECRET_HOOK": Program.SECRET,
    "HAULWATCH_SECRET_MAIL": "mail-password",
}


class Clock:
    """The wall clock, ms."""

    def __init__(self) -> None:
        self.now, self.set_by = T0, 0

    @property
    def monotonic(self) -> float:
        """Seconds, which `set` leaves as they are."""
        return (self.now - self.set_by) / 1000

    def set(self, by: int) -> None:
        """Somebody sets the clock: `by` ms ahead, or back."""
        self.now, self.set_by = self.now + by, self.set_by + by

    def __call__(self) -> int:
        return self.now


def night_town() -> City:
    """The town, with T1 of the urban district and fleet-a, T2 of the rural one."""
    city = town()
    devices = dict(city.devices)
    devices["T1"] = replace(devices["T1"], district="urban", fleet="fleet-a")
    devices["T2"] = replace(devices["T2"], district="rural", fleet="fleet-b")
    return replace(city, devices=devices)


class Night:
    """All parts, as the service puts them together; each step is taken by the test."""

    def __init__(self, folder: Path, clock: Clock, rules: str) -> None:
        self.folder, self.clock = folder, clock
        self.engine = open_database(f"sqlite:///{folder / 'haulwatch.db'}")
        event.listen(self.engine, "connect", _unsynced)
        alert_tables.metadata.create_all(self.engine)
        notice_tables.metadata.create_all(self.engine)
        self.journal, self.shelves = AlertJournal(self.engine), ShelfStore(self.engine)
        self.cursors = PublisherCursors(folder / "notices.db")
        self.outbox = NoticeOutbox(self.engine)
        self.apply(rules)

    def apply(self, rules: str) -> None:
        """Let other rules hold."""
        self.rules = read_notice_rules(rules.encode(), "notices.yaml")
        book, city = None, night_town()
        book = Rulebook(self.rules, lambda: city)
        self.planner = NoticePlanner(
            book, self.outbox, self.journal, self.clock, not_before=T0, was_held=self._was_held
        )
        holding = Holding("notices", self.shelves, self.journal, self.cursors, self.clock, 240 * MINUTE)
        if self.cursors.get("notices") is None:
            self.cursors.set("notices", 0)
        self.publisher = AlertPublisher("notices", self.planner, self.journal, self.cursors, holding=holding)
        self.escalation = Escalation(book, self.outbox, self.journal, self.clock)
        secrets = secrets_of(SECRETS)
        self.deliveries = {
            name: ChannelDelivery(
                name,
                sender_of(channel, secrets, self.clock),
                self.outbox,
                self.rules,
                TokenBucket(
                    channel.per_minute or PER_MINUTE[channel.kind],
                    PER_SECOND.get(channel.kind),
                    lambda: self.clock.monotonic,
                ),
                self.clock,
                dice=lambda: 1.0,
            )
            for name, channel in self.rules.channels.items()
        }

    def close(self) -> None:
        self.cursors.close()
        self.engine.dispose()

    def lose_position(self) -> None:
        """End, and lose the file of the publisher's position."""
        self.close()
        for file in self.folder.glob("notices.db*"):
            file.unlink()

    def alert(self, name: str = "a", revision: int = 1, **given: Any) -> AlertChange:
        """Record a change of an alert."""
        made = change(name, revision, **{"at": self.clock.now, "opened_at": self.clock.now, **given})
        self.journal.record([made], self.clock.now)
        return made

    async def pass_on(self) -> None:
        """Plan what was recorded, take steps, deliver what may leave now."""
        while await self.publisher.step():
            pass
        await self.publisher.release()
        while await asyncio.to_thread(self.escalation.step):
            pass
        for delivery in self.deliveries.values():
            await delivery.step()

    async def pass_minutes(self, minutes: float, *, steps: int = 30) -> None:
        """Let time pass, with so many steps of everything."""
        begin, span = self.clock.now, minutes * MINUTE
        for number in range(1, steps + 1):
            self.clock.now = begin + round(span * number / steps)
            await self.pass_on()

    def acknowledge(self, name: str = "a") -> None:
        self.journal.act(alert_id(name), Acknowledge(actor="li", at=self.clock.now))

    def close_alert(self, name: str = "a") -> None:
        self.journal.act(alert_id(name), Close(actor="li", at=self.clock.now, outcome=Outcome.NO_ACTION))

    def shelve(self, minutes: int, rule: str = "bin_overflow", subject: str | None = None) -> None:
        until = self.clock.now + minutes * MINUTE
        new = NewShelf(
            rule=rule, subject=subject, reason="repair", shelved_by="li", shelved_at=self.clock.now, until=until
        )
        self.shelves.add(new)

    def states(self) -> list[str]:
        """Of all notices, oldest first: `channel recipient state`."""
        found = newest_notices(self.engine, 10_000)[::-1]
        return [
            f"{one.new.channel} {one.new.recipient or ','.join(one.new.mentions)} {one.state}".replace("  ", " ")
            for one, _ in found
        ]

    def summary(self, channel: str) -> Any:
        return {one.channel: one for one in summarise(self.engine, self.clock.now)}[channel]

    def _was_held(self, entry: JournalEntry) -> bool:
        return entry.sequence <= (self.cursors.get("notices") or 0)


def _unsynced(connection: Any, _record: object) -> None:
    """No test cuts the power."""
    connection.execute("PRAGMA synchronous = OFF")


def alert_id(name: str) -> str:
    return name.encode().hex().rjust(16, "0")


def change(name: str = "a", revision: int = 1, **given: Any) -> AlertChange:
    fields: dict[str, Any] = {
        "alert_id": alert_id(name),
        "revision": revision,
        "rule": "illegal_dumping",
        "rule_version": 1,
        "subject": "T1",
        "phase": Phase.CONFIRMED,
        "severity": Severity.P1,
        "at": T0,
        "opened_at": T0,
        "title": Text(en=f"Dumping {name}", zh=f"倾倒 {name}"),
        "evidence": Evidence(parameters={}, findings=(Text(en="bed up", zh="举升"),)),
        "lat": 35.5,
        "lon": 112.8,
    }
    return AlertChange(**fields | given)


Rules = Callable[..., str]
