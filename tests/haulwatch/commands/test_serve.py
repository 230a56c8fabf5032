"""`haulwatch serve`: a background task that fails is logged, restarted and named by /readyz; the server goes on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, TransportError

from api.http import server as http_server
from devices.city.model import City
from devices.db.versions import StoredVersion
from devices.geo.geometry import LatLon
from haulwatch import migrations
from haulwatch.commands.path import serve
from haulwatch.process import background
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.databases import open_journal
from haulwatch.wiring.notices import open_notice_rules
from ingest.boards.feed import BoardFeed
from tests.closing import all_connections_closed
from tests.ingest.notices.conftest import patient
from tests.ingest.notices.night import change
from tests.ingest.notices.services import WeCom, served
from tests.servers import free_port
from tests.waiting import PATIENCE_S

CITY = City("test", "Test", "试", "UTC", LatLon(35.5, 112.8))
FAILED = "background task board feed failed"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data directory with tables, and no broker."""
    found = load_settings(
        {
            "HAULWATCH_DATA_DIR": str(tmp_path),
            "HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}",
            "HAULWATCH_API_PORT": str(free_port()),
        }
    )
    migrations.upgrade(found.database_url.get_secret_value())
    return found


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(background, "LONGEST_PAUSE_S", 0.1)


@pytest.fixture(autouse=True)
def _all_connections_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with all_connections_closed(monkeypatch):
        yield


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[AsyncClient]:
    """The whole process with its real application on a real port; SIGTERM ends it."""
    process = asyncio.create_task(serve._serve(settings, lambda: CITY))
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{settings.api.port}", timeout=PATIENCE_S) as client:
            await eventually(lambda: answers(client))
            yield client
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(process, PATIENCE_S)


async def answers(client: AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except TransportError:
        return False


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await check():  # noqa: ASYNC110 - the server is watched from outside
            await asyncio.sleep(0.02)


async def background_check(client: AsyncClient) -> dict[str, Any]:
    checks = (await client.get("/readyz")).json()["checks"]
    [found] = [check for check in checks if check["name"] == "background"]
    return dict(found)


async def test_a_feed_that_always_raises_is_named_failed_and_the_server_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(_: BoardFeed, __: asyncio.Event) -> None:
        raise KeyError("torn row")

    monkeypatch.setattr(BoardFeed, "run", run)
    async with serving(settings) as client:

        async def failed_thrice() -> bool:
            return caplog.text.count(FAILED) >= 3

        await eventually(failed_thrice)
        answer = await client.get("/readyz")
        assert (answer.status_code, "background" in answer.json()["detail"]) == (503, True)
        found = await background_check(client)
        assert (found["state"], "board feed" in found["detail"]) == ("failed", True)
        assert "torn row" not in found["detail"], "anybody may ask /readyz"
        assert "command dispatcher" not in found["detail"]
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/api/v1/alerts")).status_code == 200
    records = [record for record in caplog.records if FAILED in record.getMessage()]
    assert "KeyError: 'torn row'" in records[0].getMessage()
    assert [record.exc_info is not None for record in records] == [True] + [False] * (len(records) - 1)
    assert "(3 in a row)" in records[2].getMessage()


async def test_notices_leave_while_it_serves(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAULWATCH_SECRET_WECOM", WeCom.KEY)
    patient(monkeypatch)
    with served(WeCom(now_ms)) as wecom:
        rules = f"channels: {{group: {{kind: wecom, key: WECOM, server: '{wecom.url}'}}}}\n"
        rules += "rules: [{name: all, steps: [{by: group}]}]"
        with open_notice_rules(settings) as store:
            store.apply(StoredVersion(1, rules, now_ms(), "li", "test"))
        with closing(open_journal(settings)) as journal:
            journal.record([change("a", at=now_ms(), opened_at=now_ms())], now_ms())
        async with serving(settings) as client:

            async def told() -> bool:
                return 'haulwatch_notices{channel="group",state="sent"} 1.0' in (await client.get("/metrics")).text

            await eventually(told)
            checks = {check["name"]: check for check in (await client.get("/readyz")).json()["checks"]}
            assert (checks["notices"]["state"], checks["notices"]["detail"]) == ("ok", "1 sent within a day")
    assert [request.json["text"]["content"].splitlines()[0] for request in wecom.taken] == ["【P1】倾倒 a"]


async def test_a_feed_that_raises_once_is_started_again_and_is_well_after_a_while(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs, go_on = 0, asyncio.Event()

    async def run(_: BoardFeed, stop: asyncio.Event) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await go_on.wait()
            raise KeyError("torn row")
        await stop.wait()

    monkeypatch.setattr(BoardFeed, "run", run)
    async with serving(settings) as client:
        assert (await background_check(client))["state"] == "ok"
        go_on.set()

        async def restarted() -> bool:
            return runs == 2

        await eventually(restarted)
        found = await background_check(client)
        assert (found["state"], "board feed (1 in a row)" in found["detail"]) == ("degraded", True)
        monkeypatch.setattr(background, "HEALTHY_AFTER_S", 0.0)
        assert (await background_check(client))["state"] == "ok"
    assert caplog.text.count(FAILED) == 1
    assert caplog.text.count("Traceback") == 1


async def test_a_feed_that_is_cancelled_at_the_stop_is_no_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []

    async def run(_: BoardFeed, __: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    monkeypatch.setattr(BoardFeed, "run", run)
    async with serving(settings) as client:
        assert (await background_check(client))["state"] == "ok"
    assert ended == ["cancelled"]
    assert FAILED not in caplog.text
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_server_that_fails_ends_the_process_with_a_message(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError("in the library")

    monkeypatch.setattr(http_server, "serve", fail)
    with pytest.raises(serve.ServerFailed, match="in the library"):
        await serve._serve(settings, lambda: CITY)
    assert "Traceback" in caplog.text
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_server_that_ends_by_itself_ends_the_process_with_a_message(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end(*_: object, **__: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(http_server, "serve", end)
    with pytest.raises(serve.ServerFailed, match="ended by itself"):
        await serve._serve(settings, lambda: CITY)
