"""The outbox on each database: what is kept once, and who of two processes takes what."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from devices.db.database import open_database
from devices.db.versions import AppliedMeanwhile, StoredVersion
from haulwatch import migrations
from ingest.notices.notice import Climb, Kind, NewNotice, Notified, State
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.summary import newest_notices, summarise

NOW = 1_790_000_000_000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NoticeOutbox]:
    url = f"sqlite:///{tmp_path / 'haulwatch.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    migrations.upgrade(url)
    found = NoticeOutbox(open_database(url))
    yield found
    found.close()


def notice(alert: str = "a", event: str = "confirmed 1", recipient: str = "li", **given: object) -> NewNotice:
    plain = NewNotice(
        alert, event, "mail", recipient, (), Kind.CALL, "illegal_dumping", "P1", "zh", "题", "文", {"a": 1}
    )
    return plain._replace(**given)  # type: ignore[arg-type]


def states(outbox: NoticeOutbox) -> list[str]:
    return [str(one.state) for one, _ in newest_notices(outbox._engine, 99)[::-1]]


def test_a_change_is_planned_once_and_whole(outbox: NoticeOutbox) -> None:
    climb = Climb("a", "all", 0, NOW + 1)
    assert outbox.plan("a", "confirmed 1", [notice(), notice(recipient="wang")], [climb], NOW)
    assert not outbox.plan("a", "confirmed 1", [notice(recipient="zhao")], [], NOW + 1)
    assert sorted(outbox.notified("a")) == [Notified("mail", "li", ()), Notified("mail", "wang", ())]
    assert outbox.climbed("a") == {"all"}
    [first, second] = outbox.waiting("mail", 9)
    assert (first.new, first.planned_at, first.attempts) == (notice(), NOW, 0)
    assert first.id != second.id


def test_one_of_two_processes_takes_a_notice(outbox: NoticeOutbox) -> None:
    outbox.plan("a", "confirmed 1", [notice()], [], NOW)
    [found] = outbox.waiting("mail", 9)
    assert outbox.begin(found.no, NOW)
    assert not outbox.begin(found.no, NOW)
    assert outbox.waiting("mail", 9) == []
    assert outbox.stuck("mail", NOW, NOW) == []
    assert [one.no for one in outbox.stuck("mail", NOW + 1, NOW + 1)] == [found.no]
    assert [one.no for one in outbox.stuck("mail", NOW - 2, NOW - 1)] == [found.no], "the clock was set back"
    assert outbox.again(found.no, NOW + 5, "no answer", unconfirmed=True)
    [again] = outbox.waiting("mail", 9)
    assert (again.due_at, again.attempts, again.unconfirmed, again.id) == (NOW + 5, 1, 1, found.id)
    assert outbox.begin(found.no, NOW + 6)
    assert outbox.sent(found.no, NOW + 7)
    assert not outbox.give_up(found.no, State.FAILED, NOW + 8, "late")
    assert states(outbox) == ["sent"]
    assert outbox.attempts_since("mail", NOW) == 1


def test_one_of_two_processes_takes_a_step(outbox: NoticeOutbox) -> None:
    outbox.plan("a", "confirmed 1", [notice()], [Climb("a", "all", 0, NOW + 1)], NOW)
    assert outbox.due_climbs(NOW, 9) == []
    [due] = outbox.due_climbs(NOW + 1, 9)
    boss = notice(recipient="boss", kind=Kind.CLIMB)
    assert outbox.climb(due, Climb("a", "all", 1, None), [boss], NOW + 1)
    assert not outbox.climb(due, Climb("a", "all", 1, None), [notice(recipient="other")], NOW + 1)
    assert not outbox.end_climb(due, "acknowledged", NOW + 1)
    assert len(outbox.notified("a")) == 2


def test_a_digest_takes_all_or_nothing(outbox: NoticeOutbox) -> None:
    for name in "abc":
        outbox.plan(name, "confirmed 1", [notice(name)], [], NOW)
    numbers = [one.no for one in outbox.waiting("mail", 9)]
    digest = notice("", "digest 1-3", kind=Kind.DIGEST)
    outbox.begin(numbers[0], NOW)
    assert not outbox.bundle(numbers, digest, NOW)
    assert states(outbox) == ["sending", "waiting", "waiting"]
    assert outbox.bundle(numbers[1:], digest, NOW)
    assert states(outbox) == ["sending", "digested", "digested", "waiting"]
    assert outbox.last_digests("mail", 1, NOW) == {"li": NOW}
    assert outbox.arrived("b", "mail", "li")


def test_a_digest_waits_behind_no_graver_notices(outbox: NoticeOutbox) -> None:
    """As long as it waits its recipient gets nothing else, so it has to be among the first however many are graver."""
    outbox.plan("", "digest 1-2", [notice("", "digest 1-2", kind=Kind.DIGEST, severity="P3")], [], NOW)
    for number in range(4):
        outbox.plan(f"{number}", "confirmed 1", [notice(f"{number}", severity="P2")], [], NOW)
    first, second = outbox.waiting("mail", 2)
    assert (first.new.kind, second.new.severity) == (Kind.DIGEST, "P2")


def test_what_waits_for_a_channel_that_is_gone_is_taken_back(outbox: NoticeOutbox) -> None:
    outbox.plan("a", "confirmed 1", [notice()], [], NOW)
    assert outbox.withdraw_others(["mail"], NOW) == 0
    assert outbox.withdraw_others(["group"], NOW) == 1
    assert states(outbox) == ["withdrawn"]
    assert outbox.notified("a") == []


def test_an_attempt_by_a_channel_that_is_gone_comes_to_an_end(outbox: NoticeOutbox) -> None:
    outbox.plan("a", "confirmed 1", [notice()], [], NOW)
    [found] = outbox.waiting("mail", 9)
    outbox.begin(found.no, NOW)
    assert outbox.give_up_others(["mail"], NOW + 1, NOW + 1) == 0
    assert outbox.give_up_others(["group"], NOW, NOW + 1) == 0, "it may still be sent"
    assert outbox.give_up_others(["group"], NOW + 1, NOW + 1) == 1
    assert states(outbox) == ["unconfirmed"]


def test_more_people_than_the_column_holds_are_mentioned_as_far_as_it_does(outbox: NoticeOutbox) -> None:
    """PostgreSQL refuses what is longer, and then nobody would hear of the alert."""
    many = tuple(f"officer-{number:03}-of-the-northern-district" for number in range(99))
    outbox.plan("a", "confirmed 1", [notice(mentions=many)], [], NOW)
    [found] = outbox.waiting("mail", 9)
    mentions = found.new.mentions
    assert mentions == many[: len(mentions)]
    assert 2_000 - 40 < len(",".join(mentions)) <= 2_000


def test_the_summary_counts_what_waits_and_the_last_day(outbox: NoticeOutbox) -> None:
    day = 24 * 3_600_000
    for number, name in enumerate("abcd"):
        outbox.plan(name, "confirmed 1", [notice(name)], [], NOW + number)
    a, b, c, _ = (one.no for one in outbox.waiting("mail", 9))
    for number in (a, b, c):
        outbox.begin(number, NOW)
    outbox.sent(a, NOW)
    outbox.give_up(b, State.FAILED, NOW + 1, "refused")
    outbox.again(c, NOW, "throttled", unconfirmed=False)
    [found] = summarise(outbox._engine, NOW)
    assert (found.waiting, found.retried, found.sent, found.failed, found.unconfirmed) == (2, 1, 1, 1, 0)
    assert (found.oldest_waiting_at, found.last_sent_at) == (NOW + 2, NOW)
    [later] = summarise(outbox._engine, NOW + 2 * day)
    assert (later.waiting, later.sent, later.failed, later.last_error) == (2, 0, 0, "throttled")


def test_versions_of_notice_rules(outbox: NoticeOutbox) -> None:
    store = NoticeRuleStore(outbox._engine)
    assert (store.newest_version(), store.newest(), store.first_applied_at()) == (0, None, None)
    first = StoredVersion(1, "rules: []", NOW, "li", "begin")
    store.apply(first)
    with pytest.raises(AppliedMeanwhile):
        store.apply(first)
    store.apply(StoredVersion(2, "people: {}", NOW + 1, "li", "more"))
    assert store.newest_version() == 2
    assert store.first_applied_at() == NOW
    assert [one.version for one in store.history(9)] == [2, 1]


ASKED: dict[str, tuple[Callable[[Engine], object], set[str]]] = {
    "digests": (lambda engine: NoticeOutbox(engine).last_digests("mail", 60_000, NOW), {"digest", "state"}),
    "waiting": (lambda engine: NoticeOutbox(engine).waiting("mail", 9), {"state"}),
    "other channels": (lambda engine: NoticeOutbox(engine).withdraw_others(["group"], NOW), {"open"}),
    "summary": (lambda engine: summarise(engine, NOW), {"open", "done", "state"}),
}
"""Queries, and the indexes by which they find their rows."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite, as the migrations make it."""
    url = f"sqlite:///{tmp_path / 'haulwatch.db'}"
    migrations.upgrade(url)
    engine = open_database(url)
    NoticeOutbox(engine).plan("a", "confirmed 1", [notice()], [], NOW)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("name", ASKED)
def test_no_query_reads_the_whole_outbox(name: str, engine: Engine) -> None:
    """What is asked every second comes from an index, however many notices the outbox has kept."""
    ask, indexes = ASKED[name]
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(*heard: object) -> None:
        _, _, statement, parameters, *_ = heard
        asked.append((str(statement), parameters))  # type: ignore[arg-type]

    event.listen(engine, "before_cursor_execute", note)
    ask(engine)
    event.remove(engine, "before_cursor_execute", note)
    found: set[str] = set()
    with engine.connect() as connection:
        for statement, parameters in asked:
            if "notice" in statement:
                steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                found.add(str(steps[0][-1]))
    used = {word.removeprefix("ix_notice_") for step in found for word in step.split() if word.startswith("ix_")}
    assert used == indexes, found
    assert not [step for step in found if step.startswith("SCAN notice") and "ix_notice_open" not in step]
