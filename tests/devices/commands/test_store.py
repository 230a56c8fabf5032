"""The book of commands on SQLite, and on a real PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from devices.access.logins import Logins
from devices.commands.model import GRACE_MS, Acknowledgement, Command, CommandOutcome, CommandState, LockLift, issue
from devices.commands.store import BadCursor, CommandAnswer, CommandStore, LockedOut
from devices.db import tables
from devices.db.database import DatabaseMisconfigured, open_database

T0 = 1_790_000_000_000
TTL_S = 60
END = T0 + TTL_S * 1_000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    on_disk = f"sqlite:///{tmp_path / 'commands.db'}"
    found: str = on_disk if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_database(found)
    tables.metadata.create_all(engine)
    engine.dispose()
    return found


@pytest.fixture
def book(url: str) -> Iterator[CommandStore]:
    with closing(CommandStore(url)) as opened:
        yield opened


def a_command(number: int = 1, device: str = "truck-1", at: int = T0) -> Command:
    order = LockLift(locked=True)
    return issue(f"{number:016x}", device, order, actor="li", note="gate 3", now_ms=at, ttl_s=TTL_S)


def answer(
    number: int = 1, device: str = "truck-1", outcome: CommandOutcome = CommandOutcome.DONE, detail: str = ""
) -> CommandAnswer:
    return CommandAnswer(device, Acknowledgement(id=f"{number:016x}", outcome=outcome, at=T0 + 7, detail=detail))


def found(book: CommandStore, number: int = 1) -> Command:
    command = book.command(f"{number:016x}")
    assert command is not None
    return command


def test_a_device_that_is_locked_out_is_given_no_command(url: str, book: CommandStore) -> None:
    """The broker would hand it nothing, so it could only expire."""
    engine = open_database(url)
    with engine.begin() as connection:
        truck = {"id": "truck-1", "role": "truck", "name": "", "report_interval_s": 10}
        connection.execute(tables.device.insert().values(truck))
    engine.dispose()
    with closing(Logins(url)) as logins:
        logins.set_enabled("truck-1", False, T0)
        with pytest.raises(LockedOut, match="haulwatch device enable truck-1"):
            book.issue(a_command())
        book.issue(a_command(2, "truck-2"))
        assert [command.device_id for command in book.commands(limit=9).items] == ["truck-2"]
        logins.set_enabled("truck-1", True, T0)
        book.issue(a_command())


def test_a_command_is_issued_sent_answered_and_kept_whole(book: CommandStore) -> None:
    book.issue(a_command())
    assert found(book) == a_command()
    assert found(book).arguments == {"locked": True}
    assert book.due(T0, 10) == [a_command()]
    book.sent(a_command(), T0 + 100)
    assert (found(book).state, found(book).sends, found(book).sent_at) == (CommandState.SENT, 1, T0 + 100)
    assert book.answered([answer(outcome=CommandOutcome.REFUSED, detail="the bed is raised")], T0 + 900) == []
    ended = found(book)
    assert (ended.state, ended.outcome_at, ended.recorded_at) == (CommandState.REFUSED, T0 + 7, T0 + 900)
    assert ended.outcome_detail == "the bed is raised"
    assert (ended.actor, ended.note, ended.issued_at) == ("li", "gate 3", T0)
    assert book.due(END + GRACE_MS, 10) == []


def test_what_is_not_answered_is_due_again_later_and_at_last_given_up(book: CommandStore) -> None:
    book.issue(a_command())
    sends, now = [], T0
    while now < END + GRACE_MS:
        for command in book.due(now, 10):
            book.sent(command, now)
            sends.append((now - T0) // 1_000)
        assert book.give_up(now) == 0
        now += 1_000
    assert sends == [0, 10, 30]
    assert [command.id for command in book.due(now, 10)] == [a_command().id]
    assert (book.give_up(now), book.give_up(now)) == (1, 0)
    ended = found(book)
    assert (ended.state, ended.outcome_at, ended.recorded_at) == (CommandState.EXPIRED, None, now)
    assert book.due(now, 10) == []


def test_one_that_was_never_sent_is_given_up_too(book: CommandStore) -> None:
    book.issue(a_command())
    assert book.due(END, 10) == [], "its life is over, but nobody could answer yet"
    assert book.give_up(END + GRACE_MS) == 1
    assert (found(book).state, found(book).sends) == (CommandState.EXPIRED, 0)


def test_the_first_answer_stands(book: CommandStore) -> None:
    book.issue(a_command())
    assert book.answered([answer(), answer(outcome=CommandOutcome.EXPIRED)], T0 + 1) == []
    assert book.answered([answer(outcome=CommandOutcome.REFUSED)], T0 + 2) == []
    assert (found(book).outcome, found(book).recorded_at) == (CommandOutcome.DONE, T0 + 1)


def test_an_answer_that_comes_after_it_was_given_up_counts(book: CommandStore) -> None:
    book.issue(a_command())
    book.give_up(END + GRACE_MS)
    assert book.answered([answer()], END + GRACE_MS + 5) == []
    assert (found(book).state, found(book).outcome_at) == (CommandState.DONE, T0 + 7)


def test_an_answer_of_another_device_or_to_nothing_changes_nothing(book: CommandStore) -> None:
    book.issue(a_command())
    foreign = [answer(device="truck-2"), answer(number=9)]
    assert book.answered([*foreign, answer(device="truck-1x")], T0 + 1) == [*foreign, answer(device="truck-1x")]
    assert found(book) == a_command()


def test_a_copy_that_was_sent_while_the_answer_came_is_counted_and_stays_answered(book: CommandStore) -> None:
    book.issue(a_command())
    [due] = book.due(T0, 10)
    book.answered([answer()], T0 + 1)
    book.sent(due, T0 + 2)
    assert (found(book).state, found(book).sends) == (CommandState.DONE, 1)
    assert book.due(END + GRACE_MS, 10) == []


def test_pages_are_newest_first_and_lose_nothing_at_equal_times(book: CommandStore) -> None:
    for number in range(10):
        book.issue(a_command(number, device=f"truck-{number % 2}", at=T0 + number // 3))
    seen, cursor = [], None
    for _ in range(4):
        page = book.commands(limit=3, before=cursor)
        seen += [(command.issued_at, command.id) for command in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 10
    ones = book.commands("truck-1", limit=5)
    assert ({command.device_id for command in ones.items}, len(ones.items)) == ({"truck-1"}, 5)
    assert ones.next_cursor is None
    for wrong in ("", "x", f"{T0}-", f"{T0}-zz"):
        with pytest.raises(BadCursor):
            book.commands(limit=3, before=wrong)


def test_no_more_is_due_than_is_asked_for(book: CommandStore) -> None:
    for number in range(5):
        book.issue(a_command(number, at=T0 - number))
    assert [command.id[-1] for command in book.due(T0, 3)] == ["4", "3", "2"], "those that end first"


def test_without_tables_the_mend_is_named(tmp_path: Path) -> None:
    empty = CommandStore(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DatabaseMisconfigured, match="haulwatch db upgrade"):
        empty.issue(a_command())
    empty.close()
