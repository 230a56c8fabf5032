"""Shelved alerts on their way to people: stories of a shift, with the real journal, shelves and cursor file."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devices.db.database import DatabaseUnavailable, open_database, transaction
from ingest.alerts.cursors import PublisherCursors, read_calls
from ingest.alerts.holding import Holding
from ingest.alerts.outbox import AlertOutbox
from ingest.alerts.publisher import AlertPublisher, SinkUnavailable
from rules.alerts.actions import Close, JournalEntry, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Severity, Text
from rules.alerts.shelves import NewShelf, Shelf, ShelfStore
from rules.alerts.tables import metadata
from tests.closing import closed_later

T0 = 1_790_000_000_000
MINUTE = 60_000
TITLE = Text(en="full", zh="满溢")


@dataclass
class Phone:
    """The sink: what people were told, as `alert revision`."""

    told: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    refuses: bool = False

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        if self.errors:
            raise self.errors.pop()
        if self.refuses:
            return entries
        self.told += [f"{entry.change.alert_id.strip('0')} {entry.change.revision}" for entry in entries]
        return ()


class Shift:
    """A day's work: alerts come in, people shelve them, and now and then the judge is restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, T0
        self.engine = open_database(f"sqlite:///{folder / 'journal.db'}")
        metadata.create_all(self.engine)
        self.journal, self.shelves, self.phone = AlertJournal(self.engine), ShelfStore(self.engine), Phone()
        self.start()

    def start(self) -> None:
        self.cursors = closed_later(PublisherCursors(self.folder / "announcer.db"))
        holding = Holding("mqtt", self.shelves, self.journal, self.cursors, lambda: self.now, 4 * 60 * MINUTE)
        self.publisher = AlertPublisher("mqtt", self.phone, self.journal, self.cursors, holding=holding)

    def restart(self) -> None:
        self.cursors.close()
        self.start()

    def alert(self, name: str, revision: int = 1, **given: Any) -> None:
        self.journal.record([change(name, revision, **given)], self.now)
        self.pass_on()

    def late(self, name: str, ended_hours_ago: float | None, revision: int = 1) -> None:
        """An alert of readings that were uploaded now: as it stood while it was open, and its end, if it had one."""
        late: dict[str, Any] = {"amendment": Amendment.NEW_LATE, "at": self.now - 30 * 60 * MINUTE}
        changes = [change(name, revision, **late)]
        if ended_hours_ago is not None:
            closed_at = self.now - round(ended_hours_ago * 60 * MINUTE)
            changes.append(change(name, revision + 1, phase=Phase.CLOSED, **late, closed_at=closed_at))
        self.journal.record(changes, self.now)
        self.pass_on()

    def shelve(self, rule: str | None = None, subject: str | None = None, minutes: int = 60) -> Shelf:
        until = self.now + minutes * MINUTE
        new = NewShelf(rule=rule, subject=subject, reason="repair", shelved_by="li", shelved_at=self.now, until=until)
        return self.shelves.add(new)

    def called(self) -> list[str]:
        """Alerts that called people, as the alarm rate counts them."""
        found = read_calls(self.folder / "announcer.db", 0)
        assert found is not None
        return [call.alert_id.strip("0") for call in found]

    def later(self, minutes: int) -> None:
        self.now += minutes * MINUTE
        self.pass_on()

    def pass_on(self) -> None:
        async def until_nothing_is_left() -> None:
            while await self.publisher.step() or await self.publisher.release():
                pass

        asyncio.run(until_nothing_is_left())


def change(name: str, revision: int, **given: Any) -> AlertChange:
    fields: dict[str, Any] = {
        "alert_id": name.ljust(16, "0"), "revision": revision, "rule": "bin_overflow", "rule_version": 1,
        "subject": "P01", "phase": Phase.CONFIRMED, "severity": Severity.P3, "at": T0, "opened_at": T0,
        "title": TITLE, "evidence": Evidence(parameters={}),
    }  # fmt: skip
    if given.get("phase") is Phase.CLOSED:
        given = {"closed_at": T0 + MINUTE} | given
    return AlertChange(**fields | given)


@pytest.fixture
def shift(tmp_path: Path) -> Iterator[Shift]:
    work = Shift(tmp_path)
    yield work
    work.cursors.close()
    work.engine.dispose()


def test_what_is_shelved_calls_nobody_and_what_is_still_open_does_when_the_shelf_is_over(shift: Shift) -> None:
    shift.shelve("bin_overflow", "P01")
    shift.alert("a")
    shift.alert("a", 2, severity=Severity.P2)
    shift.alert("b", subject="P02")
    assert shift.phone.told == ["b 1"]
    assert shift.journal.last_sequence() == 3, "all of it is in the journal"
    shift.later(59)
    assert shift.phone.told == ["b 1"]
    shift.later(1)
    assert shift.phone.told == ["b 1", "a 2"], "the newest state, once"
    shift.later(60)
    shift.alert("a", 3)
    assert shift.phone.told == ["b 1", "a 2", "a 3"]


def test_ending_a_shelf_early_publishes_at_once(shift: Shift) -> None:
    shelf = shift.shelve(subject="P01")
    shift.alert("a")
    shift.later(3)
    shift.shelves.end(shelf.no, "wang", shift.now)
    shift.later(0)
    assert shift.phone.told == ["a 1"]


def test_what_begins_and_ends_on_the_shelf_is_never_heard_of(shift: Shift) -> None:
    shift.shelve(subject="P01")
    shift.alert("a")
    shift.alert("a", 2, phase=Phase.CLOSED)
    shift.later(90)
    assert shift.phone.told == []


def test_an_alert_that_a_person_closed_on_the_shelf_calls_nobody(shift: Shift) -> None:
    shift.shelve(subject="P01")
    shift.alert("a")
    shift.journal.act("a".ljust(16, "0"), Close(actor="li", at=shift.now, outcome=Outcome.NO_ACTION))
    shift.later(90)
    assert shift.phone.told == []


def test_the_end_of_an_alert_that_people_know_is_told_on_the_shelf_too(shift: Shift) -> None:
    shift.alert("a")
    shift.shelve(subject="P01")
    shift.alert("a", 2)
    shift.alert("a", 3, phase=Phase.CLOSED)
    assert shift.phone.told == ["a 1", "a 3"]
    shift.later(90)
    assert shift.phone.told == ["a 1", "a 3"]


def test_p1_passes_a_shelf_of_its_rule_but_not_one_of_its_device(shift: Shift) -> None:
    shift.shelve("bin_overflow")
    shift.alert("a")
    shift.alert("a", 2, severity=Severity.P1)
    assert shift.phone.told == ["a 2"]
    shift.later(90)
    assert shift.phone.told == ["a 2"], "what was held before is older than what people know"
    shift.shelve(subject="P01")
    shift.alert("b", severity=Severity.P1)
    assert shift.phone.told == ["a 2"]


def test_what_two_shelves_cover_waits_for_the_later_one(shift: Shift) -> None:
    shift.shelve("bin_overflow", minutes=10)
    shift.alert("a")
    shift.later(5)
    shift.shelve(subject="P01", minutes=10)
    shift.later(6)
    assert shift.phone.told == []
    shift.later(4)
    assert shift.phone.told == ["a 1"]


def test_nothing_held_is_lost_over_restarts_and_failed_deliveries(shift: Shift) -> None:
    shift.shelve(subject="P01")
    shift.alert("a")
    shift.restart()
    shift.phone.errors.append(SinkUnavailable("down"))
    with pytest.raises(SinkUnavailable):
        shift.later(60)
    shift.restart()
    shift.later(0)
    assert shift.phone.told == ["a 1"]


def test_a_shelf_that_ran_out_while_the_judge_stood_still_is_noticed(shift: Shift) -> None:
    shift.shelve(subject="P01", minutes=5)
    shift.alert("a")
    shift.now += 600 * MINUTE
    shift.restart()
    shift.later(0)
    assert shift.phone.told == ["a 1"]


def test_with_the_cursor_file_lost_what_was_held_for_days_still_comes(shift: Shift) -> None:
    days = 24 * 60
    shift.shelve(subject="P01", minutes=4 * days)
    shift.alert("a")
    shift.later(3 * days)
    shift.alert("b", subject="P02")
    shift.cursors.close()
    for file in shift.folder.glob("announcer.db*"):
        file.unlink()
    shift.start()
    shift.later(0)
    assert shift.phone.told == ["b 1", "b 1"], "a day of alerts is sent again, and what is shelved stays so"
    shift.later(days)
    assert shift.phone.told == ["b 1", "b 1", "a 1"]


def test_shelves_that_cannot_be_read_hold_nothing_back(shift: Shift) -> None:
    shift.shelve(subject="P01")
    with transaction(shift.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE shelf RENAME TO elsewhere")
    shift.alert("a")
    assert shift.phone.told == ["a 1"]


def test_what_was_over_for_long_when_it_was_learned_of_calls_nobody(shift: Shift) -> None:
    shift.late("a", ended_hours_ago=4.01)
    assert shift.phone.told == []
    shift.late("b", ended_hours_ago=3.99)
    shift.late("c", ended_hours_ago=None)
    assert shift.phone.told == ["b 1", "b 2", "c 1"], "what is still open can be acted on, however old"
    assert shift.called() == ["b", "c"]


def test_late_news_of_an_alert_that_nobody_was_called_for_stays_in_the_list(shift: Shift) -> None:
    shift.late("a", ended_hours_ago=10)
    ended = T0 - 10 * 60 * MINUTE
    shift.alert("a", 3, phase=Phase.AMENDED, amendment=Amendment.RETRACTED, closed_at=ended)
    assert shift.phone.told == []


def test_a_late_alert_that_people_know_is_told_to_its_end_and_retracted(shift: Shift) -> None:
    shift.late("a", ended_hours_ago=None)
    shift.later(10 * 60)
    shift.alert("a", 2, phase=Phase.CLOSED, amendment=Amendment.NEW_LATE, closed_at=T0)
    shift.alert("a", 3, phase=Phase.AMENDED, amendment=Amendment.RETRACTED, closed_at=T0)
    assert shift.phone.told == ["a 1", "a 2", "a 3"]


def test_a_late_alert_that_goes_on_calls_after_all(shift: Shift) -> None:
    shift.late("a", ended_hours_ago=10)
    shift.alert("a", 3)
    assert shift.phone.told == ["a 3"]


def test_an_alert_that_ended_long_before_it_was_published_is_no_late_news(shift: Shift) -> None:
    """The judge was down for a day: what it catches up with is told as ever."""
    shift.alert("a", at=T0 - 30 * 60 * MINUTE)
    shift.alert("a", 2, phase=Phase.CLOSED, closed_at=T0 - 20 * 60 * MINUTE)
    assert shift.phone.told == ["a 1", "a 2"]


def test_late_news_is_not_held_on_a_shelf(shift: Shift) -> None:
    shift.shelve(subject="P01")
    shift.late("a", ended_hours_ago=10)
    shift.later(61)
    assert shift.phone.told == []


def test_the_alarm_rate_counts_what_called_people_and_when_a_shelf_let_it_go(shift: Shift) -> None:
    shift.alert("a", phase=Phase.PROVISIONAL)
    shift.alert("a", 2)
    shift.alert("a", 3, revised=True)
    shift.alert("a", 4, phase=Phase.CLOSED)
    shift.shelve(subject="P01")
    shift.alert("b")
    assert shift.called() == ["a", "a"]
    shift.later(60)
    assert shift.called() == ["a", "a", "b"]


def test_an_alert_that_takes_the_place_of_one_that_called_is_the_same_call(shift: Shift) -> None:
    shift.alert("a")
    shift.alert("b", takes_over="a".ljust(16, "0"))
    shift.alert("b", 2, severity=Severity.P1)
    assert shift.called() == ["a", "a", "b"]


def test_a_refused_alert_called_nobody_until_it_was_taken(shift: Shift) -> None:
    shift.phone.refuses = True
    shift.alert("a")
    assert shift.called() == []
    shift.phone.refuses = False
    asyncio.run(shift.publisher.retry_refused())
    assert shift.called() == ["a"]


def test_what_is_refused_when_its_shelf_is_over_is_kept_and_sent_again(shift: Shift) -> None:
    shift.shelve(subject="P01")
    shift.alert("a")
    shift.phone.refuses = True
    shift.later(60)
    shift.phone.refuses = False
    asyncio.run(shift.publisher.retry_refused())
    assert shift.phone.told == ["a 1"]


async def test_while_the_database_is_away_the_shelves_read_before_hold(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    metadata.create_all(engine)
    journal, phone, away = AwayJournal(engine), Phone(), [False]
    shelves = ShelfStore(engine)
    shelves.add(NewShelf(rule=None, subject="P01", reason="x", shelved_by="li", shelved_at=T0, until=T0 + 60 * MINUTE))
    now = [T0]
    with (
        closing(PublisherCursors(tmp_path / "announcer.db")) as cursors,
        closing(AlertOutbox(tmp_path / "outbox.db", journal)) as outbox,
    ):
        holding = Holding("mqtt", AwayShelves(shelves, away), journal, cursors, lambda: now[0], 4 * 60 * MINUTE)
        publisher = AlertPublisher("mqtt", phone, journal, cursors, outbox, holding)
        outbox.record([change("a", 1, subject="P02")], T0)
        await publisher.step()
        journal.away = away[0] = True
        late = change("d", 1, subject="P02", amendment=Amendment.NEW_LATE, at=T0 - 5 * 60 * MINUTE)
        outbox.record([change("b", 1), change("c", 1, subject="P02"), late], T0)
        await publisher.step()
        assert phone.told == ["a 1", "c 1"]
        journal.away = away[0] = False
        outbox.drain()
        while await publisher.step() or await publisher.release():
            pass
        assert phone.told == ["a 1", "c 1", "d 1"], "d is still open, as the journal knows"
        now[0] += 60 * MINUTE
        await publisher.release()
        assert phone.told == ["a 1", "c 1", "d 1", "b 1"]
    engine.dispose()


class AwayJournal(AlertJournal):
    """The journal, with a database that is away at times."""

    away = False

    def changes_after(self, sequence: int, limit: int) -> list[JournalEntry]:
        self._answer()
        return super().changes_after(sequence, limit)

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        self._answer()
        return super().record(changes, recorded_at)

    def _answer(self) -> None:
        if self.away:
            raise DatabaseUnavailable("connection refused")


@dataclass
class AwayShelves:
    store: ShelfStore
    away: list[bool]

    def standing_after(self, instant: int) -> list[Shelf]:
        if self.away[0]:
            raise DatabaseUnavailable("connection refused")
        return self.store.standing_after(instant)
