"""Sessions of many streams: those that ask together are read at once; no answer is older than its question."""

import asyncio
import threading
from collections.abc import Collection, Mapping

from api.access.session_lookups import SessionLookups
from devices.db.database import DatabaseUnavailable
from devices.people.model import Person, Role
from devices.people.sessions import Session
from tests.waiting import PATIENCE_S


class Database:
    """Sessions that can be ended, in a database that answers when it may."""

    def __init__(self, *names: str) -> None:
        self.signed_in = {name: Session(Person(name, name, Role.VIEWER), 1, name) for name in names}
        self.reads: list[set[str]] = []
        self.fault: Exception | None = None
        self.is_read, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def find(self, secrets: Collection[str]) -> Mapping[str, Session]:
        self.reads.append(set(secrets))
        self.is_read.set()
        found = {secret: self.signed_in[secret] for secret in secrets if secret in self.signed_in}
        assert self.may_answer.wait(PATIENCE_S)
        if self.fault is not None:
            raise self.fault
        return found


async def test_all_that_ask_together_are_read_at_once() -> None:
    names = [f"person-{n}" for n in range(200)]
    database = Database(*names)
    lookups = SessionLookups(database.find)
    found = await asyncio.gather(*(lookups.find(name) for name in [*names, "nobody", names[0]]))
    assert [one and one.person.name for one in found] == [*names, None, names[0]]
    assert database.reads == [{*names, "nobody"}]


async def test_who_asks_while_a_read_is_under_way_gets_an_answer_of_the_next() -> None:
    database = Database("li.wei")
    lookups = SessionLookups(database.find)
    database.may_answer.clear()
    first = asyncio.create_task(lookups.find("li.wei"))
    assert await asyncio.to_thread(database.is_read.wait, PATIENCE_S)
    database.signed_in.clear()  # signed out now
    second = asyncio.create_task(lookups.find("li.wei"))
    await asyncio.sleep(0)
    database.may_answer.set()
    assert await first is not None
    assert await second is None


async def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    database = Database("li.wei")
    lookups = SessionLookups(database.find)
    database.may_answer.clear()
    gone, stays = (asyncio.create_task(lookups.find("li.wei")) for _ in range(2))
    assert await asyncio.to_thread(database.is_read.wait, PATIENCE_S)
    gone.cancel()
    await asyncio.sleep(0)
    database.may_answer.set()
    assert await stays is not None
    assert gone.cancelled()


async def test_a_database_that_is_away_fails_all_that_asked_and_is_asked_again() -> None:
    database = Database("li.wei")
    database.fault = DatabaseUnavailable("away")
    lookups = SessionLookups(database.find)
    for failed in await asyncio.gather(lookups.find("li.wei"), lookups.find("x"), return_exceptions=True):
        assert isinstance(failed, DatabaseUnavailable)
    database.fault = None
    assert await lookups.find("li.wei") is not None
    assert len(database.reads) == 2
