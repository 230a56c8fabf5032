"""The command store on SQLite, and on a real PostgreSQL."""

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
def store(url: str) -> Iterator[CommandStore]:
    with closing(CommandStore(url)) as opened:
        yield opened


def a_command(number: int = 1, device: str = "truck-1", at: int = T0) -> Command:
    order = LockLift(locked=True)
    return issue(f"{number:016x}", device, order, actor="li", note="gate 3", now_ms=at, ttl_s=TTL_S)


def answer(
    number: int = 1, device: str = "truck-1", outcome: CommandOutcome = CommandOutcome.DONE, detail: str = ""
) -> CommandAnswer:
    return CommandAnswer(device, Acknowledgement(id=f"{number:016x}", outcome=outcome, at=T0 + 7, detail=detail))


def found(store: CommandStore, number: int = 1) -> Command:
    command = store.command(f"{number:016x}")
    assert command is not None
    return command


def test_a_device_that_is_locked_out_is_given_no_command(url: str, store: CommandStore) -> None:
    """The broker would not deliver it, so it could only expire."""
    engine = open_database(url)
    with engine.begin() as connection:
        truck = {"id": "truck-1", "role": "truck", "name": "", "report_interval_s": 10}
        connection.execute(tables.device.insert().values(truck))
    engine.dispose()
    with closing(Logins(url)) as logins:
        logins.set_enabled("truck-1", False, T0)
        with pytest.raises(LockedOut, match="haulwatch device enable truck-1"):
            store.issue(a_command())
        store.issue(a_command(2, "truck-2"))
        assert [command.device_id for command in store.commands(limit=9).items] == ["truck-2"]
        logins.set_enabled("truck-1", True, T0)
        store.issue(a_command())


def test_a_command_is_issued_sent_answered_and_kept_whole(store: CommandStore) -> None:
    store.issue(a_command())
    assert found(store) == a_command()
    assert found(store).arguments == {"locked": True}
    assert store.due(T0, 10) == [a_command()]
    store.sent(a_command(), T0 + 100)
    assert (found(store).state, found(store).sends, found(store).sent_at) == (CommandState.SENT, 1, T0 + 100)
    assert store.answered([answer(outcome=CommandOutcome.REFUSED, detail="the bed is raised")], T0 + 900) == []
    ended = found(store)
    assert (ended.state, ended.outcome_at, ended.recorded_at) == (CommandState.REFUSED, T0 + 7, T0 + 900)
    assert ended.outcome_detail == "the bed is raised"
    assert (ended.actor, ended.note, ended.issued_at) == ("li", "gate 3", T0)
    assert store.due(END + GRACE_MS, 10) == []


def test_unanswered_command_is_due_again_later_and_at_last_given_up(store: CommandStore) -> None:
    store.issue(a_command())
    sends, now = [], T0
    while now < END + GRACE_MS:
        for command in store.due(now, 10):
            store.sent(command, now)
            sends.append((now - T0) // 1_000)
        assert store.give_up(now) == 0
        now += 1_000
    assert sends == [0, 10, 30]
    assert [command.id for command in store.due(now, 10)] == [a_command().id]
    assert (store.give_up(now), store.give_up(now)) == (1, 0)
    ended = found(store)
    assert (ended.state, ended.outcome_at, ended.recorded_at) == (CommandState.EXPIRED, None, now)
    assert store.due(now, 10) == []


def test_command_that_was_never_sent_is_given_up_too(store: CommandStore) -> None:
    store.issue(a_command())
    assert store.due(END, 10) == [], "it has ended, but its answer may still be on the way"
    assert store.give_up(END + GRACE_MS) == 1
    assert (found(store).state, found(store).sends) == (CommandState.EXPIRED, 0)


def test_the_first_answer_counts(store: CommandStore) -> None:
    store.issue(a_command())
    assert store.answered([answer(), answer(outcome=CommandOutcome.EXPIRED)], T0 + 1) == []
    assert store.answered([answer(outcome=CommandOutcome.REFUSED)], T0 + 2) == []
    assert (found(store).outcome, found(store).recorded_at) == (CommandOutcome.DONE, T0 + 1)


def test_an_answer_that_comes_after_it_was_given_up_counts(store: CommandStore) -> None:
    store.issue(a_command())
    store.give_up(END + GRACE_MS)
    assert store.answered([answer()], END + GRACE_MS + 5) == []
    assert (found(store).state, found(store).outcome_at) == (CommandState.DONE, T0 + 7)


def test_an_answer_of_another_device_or_to_nothing_changes_nothing(store: CommandStore) -> None:
    store.issue(a_command())
    foreign = [answer(device="truck-2"), answer(number=9)]
    assert store.answered([*foreign, answer(device="truck-1x")], T0 + 1) == [*foreign, answer(device="truck-1x")]
    assert found(store) == a_command()


def test_a_copy_that_was_sent_while_the_answer_came_is_counted_and_stays_answered(store: CommandStore) -> None:
    store.issue(a_command())
    [due] = store.due(T0, 10)
    store.answered([answer()], T0 + 1)
    store.sent(due, T0 + 2)
    assert (found(store).state, found(store).sends) == (CommandState.DONE, 1)
    assert store.due(END + GRACE_MS, 10) == []


def test_pages_are_newest_first_and_lose_nothing_at_equal_times(store: CommandStore) -> None:
    for number in range(10):
        store.issue(a_command(number, device=f"truck-{number % 2}", at=T0 + number // 3))
    seen, cursor = [], None
    for _ in range(4):
        page = store.commands(limit=3, before=cursor)
        seen += [(command.issued_at, command.id) for command in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 10
    ones = store.commands("truck-1", limit=5)
    assert ({command.device_id for command in ones.items}, len(ones.items)) == ({"truck-1"}, 5)
    assert ones.next_cursor is None
    for wrong in ("", "x", f"{T0}-", f"{T0}-zz"):
        with pytest.raises(BadCursor):
            store.commands(limit=3, before=wrong)


def test_due_commands_are_limited_to_the_number_asked_for(store: CommandStore) -> None:
    for number in range(5):
        store.issue(a_command(number, at=T0 - number))
    assert [command.id[-1] for command in store.due(T0, 3)] == ["4", "3", "2"], "those that end first"


def test_without_tables_the_error_names_the_command_that_creates_them(tmp_path: Path) -> None:
    empty = CommandStore(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DatabaseMisconfigured, match="haulwatch db upgrade"):
        empty.issue(a_command())
    empty.close()
