"""Live alerts over a real server on a free port."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import cast

import pytest
from httpx import AsyncClient, Response
from sse_starlette import ServerSentEvent

from api.app import create_app
from api.http.server import serve
from api.ports import ApiOptions, ApiParts, Sees
from api.resources.alert_stream import AlertFeed
from rules.alerts.actions import Acknowledge, ActionEntry, Close, JournalEntry, JournalPosition, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Text
from rules.alerts.shelves import NewShelf
from tests.api.fakes import NOW, change
from tests.servers import free_port
from tests.waiting import PATIENCE_S, eventually

Event = dict[str, str]


class Served:
    """A running API."""

    def __init__(self, port: int, stop: asyncio.Event, serving: asyncio.Task[None]) -> None:
        self.port = port
        self.stop = stop
        self.serving = serving

    @asynccontextmanager
    async def listen(self, path: str = "", **headers: str) -> AsyncIterator[tuple[Response, AsyncIterator[Event]]]:
        async with (
            AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE_S) as client,
            client.stream("GET", f"/api/v1/alerts/stream{path}", headers=headers) as answer,
        ):
            yield answer, events(answer)


async def events(answer: Response) -> AsyncIterator[Event]:
    """Events and comments, as they come."""
    event: Event = {}
    async for line in answer.aiter_lines():
        if not line:
            yield event
            event = {}
            continue
        name, _, value = line.partition(": ")
        event[name or ":"] = value
    if event:
        pytest.fail(f"the stream ended inside an event: {event}")


async def numbers(heard: AsyncIterator[Event], count: int) -> list[int]:
    """Ids of the next `count` changes."""
    found: list[int] = []
    async for event in heard:
        if event.get("event") == "change":
            found.append(int(event["id"].partition("-")[0]))
        if len(found) == count:
            break
    return found


@asynccontextmanager
async def served(parts: ApiParts, **options: float | str) -> AsyncIterator[Served]:
    app = create_app(parts, ApiOptions(version="1", **options))  # type: ignore[arg-type]
    stop, ready, port = asyncio.Event(), asyncio.Event(), free_port()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop, ready=ready), name="api under test")
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE_S)
        yield Served(port, stop, serving)
    finally:
        stop.set()
        await asyncio.wait_for(serving, PATIENCE_S)


async def test_a_shelved_change_is_sent_and_says_so(parts: ApiParts, journal: AlertJournal) -> None:
    new = NewShelf(rule=None, subject="truck-2", reason="x", shelved_by="li", shelved_at=NOW, until=NOW + 1)
    parts.shelves.add(new)
    journal.record([change(1), change(2, subject="truck-2")], recorded_at=NOW)
    async with served(parts) as server, server.listen("?after=0") as (_, heard):
        sent = [json.loads(event["data"]) async for event in first_changes(heard, 2)]
    assert [(one["change"]["subject"], one["shelved"]) for one in sent] == [("truck-1", False), ("truck-2", True)]


async def first_changes(heard: AsyncIterator[Event], count: int) -> AsyncIterator[Event]:
    async for event in heard:
        if event.get("event") == "change":
            count -= 1
            yield event
        if not count:
            return


def story(count: int, first: int = 0) -> list[AlertChange]:
    return [change(n, subject=f"truck-{n}") for n in range(first, first + count)]


async def test_a_listener_hears_what_happens_from_now_on(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record(story(3), recorded_at=NOW)
    async with served(parts) as api, api.listen() as (answer, heard):
        assert answer.headers["content-type"].startswith("text/event-stream")
        await anext(heard)  # the greeting: the stream has its place
        journal.record(story(2, first=3), recorded_at=NOW)
        assert await numbers(heard, 2) == [4, 5]


async def test_a_listener_that_was_away_resumes_after_the_last_event_it_saw(
    parts: ApiParts, journal: AlertJournal
) -> None:
    journal.record(story(450), recorded_at=NOW)  # more than one batch
    async with served(parts) as api:
        async with api.listen("?after=0") as (_, heard):
            seen = await numbers(heard, 120)
        journal.record(story(5, first=450), recorded_at=NOW)
        resume = {"Last-Event-ID": str(seen[-1])}
        async with api.listen("?after=0", **resume) as (_, heard):  # the header wins, as browsers send both
            seen += await numbers(heard, 335)
    assert seen == list(range(1, 456))


async def test_an_event_carries_the_whole_change(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record([change()], recorded_at=NOW)
    async with served(parts) as api, api.listen("?after=0") as (_, heard):
        await anext(heard)
        event = await anext(heard)
    assert (event["id"], event["event"]) == ("1-0", "change")
    entry = journal.changes_after(0, 1)[0].model_dump(mode="json")
    assert json.loads(event["data"]) == entry | {"shelved": False}


async def test_a_listener_hears_what_people_do_and_resumes_after_it(parts: ApiParts, journal: AlertJournal) -> None:
    [first] = story(1)
    journal.record([first], recorded_at=NOW)
    async with served(parts) as api:
        async with api.listen() as (_, heard):
            await anext(heard)
            journal.act(first.alert_id, Acknowledge(actor="li.wei", at=NOW))
            event = await anext(heard)
        assert (event["id"], event["event"]) == ("1-1", "action")
        action = {"actor": "li.wei", "at": NOW, "note": None, "kind": "acknowledge"}
        expected = {"sequence": 1, "alert_id": first.alert_id, "subject": first.subject, "action": action}
        assert json.loads(event["data"]) == expected
        journal.act(first.alert_id, Close(actor="wang", at=NOW, outcome=Outcome.NO_ACTION))
        journal.record(story(1, first=1), recorded_at=NOW)
        async with api.listen(**{"Last-Event-ID": "1-1"}) as (_, heard):
            await anext(heard)
            missed = [await anext(heard), await anext(heard)]
    assert [(event["id"], event["event"]) for event in missed] == [("2-1", "change"), ("2-2", "action")]


@pytest.mark.parametrize(("last", "missed"), [("1", []), ("0", ["change", "action"]), ("1-0", ["action"])])
async def test_an_id_of_earlier_versions_names_a_change_only(
    parts: ApiParts, journal: AlertJournal, last: str, missed: list[str]
) -> None:
    [first] = story(1)
    journal.record([first], recorded_at=NOW)
    journal.act(first.alert_id, Acknowledge(actor="li.wei", at=NOW))
    async with served(parts) as api, api.listen(f"?after={last}") as (_, heard):
        await anext(heard)
        for kind in missed:
            assert (await anext(heard))["event"] == kind
        journal.record(story(1, first=1), recorded_at=NOW)
        assert json.loads((await anext(heard))["data"])["change"]["subject"] == "truck-1"


async def test_an_id_of_another_journal_is_answered_with_reset(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record(story(2), recorded_at=NOW)
    async with served(parts) as api, api.listen("?after=999") as (_, heard):
        await anext(heard)
        assert await anext(heard) == {"event": "reset", "id": "2-0", "data": '{"newest":2}'}
        journal.record(story(1, first=2), recorded_at=NOW)
        assert await numbers(heard, 1) == [3]


async def test_silence_is_filled_with_heartbeats(parts: ApiParts) -> None:
    async with served(parts, heartbeat_s=0.05) as api, api.listen() as (_, heard):
        await anext(heard)
        assert await anext(heard) == {":": "heartbeat"}


async def test_streams_end_cleanly_when_the_server_stops(parts: ApiParts, journal: AlertJournal) -> None:
    async with served(parts) as api, api.listen() as (_, heard):
        await anext(heard)
        api.stop.set()
        assert [event async for event in heard] == []  # no broken transfer: httpx would raise
        await asyncio.wait_for(api.serving, PATIENCE_S)


async def test_a_client_that_leaves_frees_its_place(parts: ApiParts) -> None:
    async with served(parts, max_streams=2) as api:
        async with api.listen() as (_, first), api.listen() as (_, second):
            await anext(first)
            await anext(second)
            async with api.listen() as (answer, _):
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with api.listen() as (answer, _):
                    if answer.status_code == 200:
                        break


class SlowJournal:
    """Lets nobody know its newest change before `open_` is set."""

    def __init__(self) -> None:
        self.open_ = threading.Event()

    def last_position(self) -> JournalPosition:
        assert self.open_.wait(PATIENCE_S)
        return JournalPosition()

    def changes_after(self, sequence: int, limit: int) -> list[JournalEntry]:
        return []

    def actions_after(self, sequence: int, limit: int) -> list[ActionEntry]:
        return []


async def test_a_place_is_taken_before_the_journal_is_asked(parts: ApiParts) -> None:
    journal = SlowJournal()
    async with served(replace(parts, journal=journal), max_streams=2) as api:  # type: ignore[arg-type]
        statuses: list[int] = []

        async def listen() -> None:
            async with api.listen() as (answer, heard):
                statuses.append(answer.status_code)
                if answer.status_code == 200:
                    await anext(heard)
                    await asyncio.Event().wait()

        listeners = [asyncio.create_task(listen()) for _ in range(6)]
        await eventually(lambda: statuses == [503] * 4)
        journal.open_.set()
        await eventually(lambda: statuses == [503] * 4 + [200] * 2)
        for listener in listeners:
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)


async def test_what_is_refused_takes_no_place(parts: ApiParts) -> None:
    async with served(parts, max_streams=1, read_token="a-token-to-read") as api:
        token = {"Authorization": "Bearer a-token-to-read"}
        for _ in range(3):
            async with api.listen() as (answer, _):
                assert answer.status_code == 401
            async with api.listen("?after=x", **token) as (answer, _):
                assert answer.status_code == 422
        async with AsyncClient(base_url=f"http://127.0.0.1:{api.port}", timeout=PATIENCE_S) as client:
            assert (await client.head("/api/v1/alerts/stream", headers=token)).status_code == 200
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with api.listen(**token) as (answer, _):
                    if answer.status_code == 200:
                        break


async def test_a_journal_that_is_away_leaves_no_place_taken(parts_without_journal: ApiParts) -> None:
    async with served(parts_without_journal, max_streams=1) as api:
        for _ in range(3):
            async with api.listen() as (answer, _):
                assert answer.status_code == 503
                assert "database" in (await answer.aread()).decode()


async def test_a_client_that_reads_nothing_holds_nobody_up(parts: ApiParts, journal: AlertJournal) -> None:
    async with served(parts) as api:
        with socket.create_connection(("127.0.0.1", api.port)) as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            stuck.sendall(b"GET /api/v1/alerts/stream?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            long = Text(en="x" * 6_000, zh="x")  # together more than the buffers between server and client take
            changes = [made.model_copy(update={"title": long}) for made in story(600)]
            journal.record(changes, recorded_at=NOW)
            async with asyncio.timeout(PATIENCE_S):
                async with api.listen("?after=0") as (_, heard):
                    assert await numbers(heard, 600) == list(range(1, 601))
            with suppress(OSError):
                stuck.shutdown(socket.SHUT_RDWR)


async def test_streams_that_wait_read_a_change_from_the_journal_once(
    parts: ApiParts, journal: AlertJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = AlertJournal.changes_after

    def changes_after(self: AlertJournal, sequence: int, limit: int) -> list[JournalEntry]:
        reads.append(sequence)
        return read(self, sequence, limit)

    monkeypatch.setattr(AlertJournal, "changes_after", changes_after)
    async with served(parts) as api, AsyncExitStack() as streams:
        listeners = [await streams.enter_async_context(api.listen()) for _ in range(20)]
        for _, heard in listeners:
            await anext(heard)
        for number in (1, 2):
            journal.record([change(number)], recorded_at=NOW)
            async with asyncio.timeout(PATIENCE_S):
                for _, heard in listeners:
                    assert await numbers(heard, 1) == [number]
    assert reads == [0, 1]


async def test_what_waits_for_a_slow_client_is_not_sent_once_it_may_see_nothing(
    parts: ApiParts, journal: AlertJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.resources.alert_stream.LOOK_AGAIN_S", -1.0)
    journal.record(story(2), recorded_at=NOW)  # both come with one read of the journal
    looks: Iterator[Sees | None] = iter([lambda _: True, lambda _: True, None])

    async def seen_now() -> Sees | None:
        return next(looks)

    feed = AlertFeed(journal, parts.shelves, lambda: NOW, max_streams=1, heartbeat_s=15.0)
    answer = await feed.answer(0, None, seen_now)
    async with asyncio.timeout(PATIENCE_S):
        sent = [cast("ServerSentEvent", event) async for event in answer.body_iterator]
    assert [event.event for event in sent] == [None, "change"]


@pytest.mark.parametrize("path", ["?after=-1", "?after=1.5", "?after=x", "?after=" + "9" * 30])
async def test_an_id_that_is_no_number_is_refused(client: AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/v1/alerts/stream{path}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.after")
