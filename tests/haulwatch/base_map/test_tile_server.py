"""The tile service as the API asks it: once for many desks, within bounds, and nothing of its URL leaves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from api.base_map_ports import TilesUnavailable, TooManyTiles
from haulwatch.base_map import tile_server
from haulwatch.base_map.tile_server import KEEP_BAD_S, KEEP_S, MAX_TILE_BYTES, MISSES_PER_S, REST_S, TileServer
from tests.servers import free_port
from tests.servers.tiles import TileHost, plain, tile_host

SECRET = "the-token-of-the-service"
BLUE = plain((0, 0, 255))


class Clock:
    """Monotonic time of the tile server."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host() -> Iterator[TileHost]:
    with tile_host(lambda z, x, y: BLUE if z < 5 else None) as running:
        yield running


@asynccontextmanager
async def server(url: str, clock: Clock, *, max_cache_bytes: int = 1_000_000) -> AsyncIterator[TileServer]:
    template = f"{url}/base/{{z}}/{{x}}/{{y}}?tk={SECRET}"
    made = TileServer([template], user_agent="Haulwatch/0", max_cache_bytes=max_cache_bytes, clock=clock)
    try:
        yield made
    finally:
        await made.close()


async def test_many_desks_that_look_at_one_place_ask_the_service_once_a_day(host: TileHost, clock: Clock) -> None:
    async with server(host.url, clock) as tiles:
        found = await asyncio.gather(*(tiles.tile(0, 3, 6, 2) for _ in range(20)))
        assert {(one.content, one.media_type) for one in found if one} == {(BLUE, "image/png")}
        assert host.asked == [f"/base/3/6/2?tk={SECRET}"]
        clock.now += KEEP_S
        await tiles.tile(0, 3, 6, 2)
        assert len(host.asked) == 2


async def test_a_tile_that_the_service_has_not_is_remembered_too(host: TileHost, clock: Clock) -> None:
    async with server(host.url, clock) as tiles:
        assert await tiles.tile(0, 9, 1, 1) is None
        assert await tiles.tile(0, 9, 1, 1) is None
    assert len(host.asked) == 1


async def test_the_memory_is_bounded_and_what_was_asked_for_last_stays(host: TileHost, clock: Clock) -> None:
    three = 3 * (len(BLUE) + 200)
    async with server(host.url, clock, max_cache_bytes=three) as tiles:
        for x in (0, 1, 2, 0, 3):  # 1 was asked for longest ago
            await tiles.tile(0, 4, x, 0)
        host.asked.clear()
        for x in (2, 0, 3, 1):
            await tiles.tile(0, 4, x, 0)
        assert [path[:11] for path in host.asked] == ["/base/4/1/0"]


@pytest.mark.parametrize(
    ("status", "media_type"), [(401, "image/png"), (403, "application/json"), (429, "text/html"), (500, "image/png")]
)
async def test_a_service_that_fails_is_left_alone_for_a_while(
    host: TileHost, clock: Clock, caplog: pytest.LogCaptureFixture, status: int, media_type: str
) -> None:
    host.status, host.media_type = status, media_type
    with caplog.at_level(logging.WARNING):
        async with server(host.url, clock) as tiles:
            for x in (0, 1):
                with pytest.raises(TilesUnavailable) as caught:
                    await tiles.tile(0, 3, x, 0)
                assert SECRET not in str(caught.value)
            assert len(host.asked) == 1
            clock.now += REST_S
            host.status, host.media_type = 200, "image/png"
            assert await tiles.tile(0, 3, 1, 0) is not None
    assert SECRET not in caplog.text
    assert caplog.text.count("HAULWATCH_MAP_TILES_TOKEN") == 1


async def test_a_service_that_is_away_is_no_secret_told(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with server(f"http://127.0.0.1:{free_port()}", clock) as tiles:
            with pytest.raises(TilesUnavailable, match="cannot be reached") as caught:
                await tiles.tile(0, 3, 1, 0)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"


@pytest.mark.parametrize(("status", "media_type"), [(400, "text/html"), (200, "text/html"), (302, "image/png")])
async def test_a_place_where_the_service_gives_something_else_has_no_tile_for_some_minutes_and_others_have_theirs(
    host: TileHost, clock: Clock, caplog: pytest.LogCaptureFixture, status: int, media_type: str
) -> None:
    async with server(host.url, clock) as tiles:
        host.status, host.media_type = status, media_type
        assert await tiles.tile(0, 3, 0, 0) is None
        host.status, host.media_type = 200, "image/png"
        assert await tiles.tile(0, 3, 1, 0) is not None
        assert await tiles.tile(0, 3, 0, 0) is None
        assert len(host.asked) == 2
        clock.now += KEEP_BAD_S
        assert await tiles.tile(0, 3, 0, 0) is not None
    assert SECRET not in caplog.text
    assert "HAULWATCH_MAP_TILES_TOKEN" in caplog.text


async def test_one_caller_cannot_spend_the_quota_of_the_service(
    host: TileHost, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tile_server, "MISSES", 3)
    async with server(host.url, clock) as tiles:
        for x in (0, 1, 2):
            assert await tiles.tile(0, 4, x, 0, "zhao") is not None
        with pytest.raises(TooManyTiles, match="too many tiles"):
            await tiles.tile(0, 4, 3, 0, "zhao")
        assert len(host.asked) == 3
        assert await tiles.tile(0, 4, 0, 0, "zhao") is not None, "it is in memory"
        assert await tiles.tile(0, 4, 3, 0, "wang") is not None
        clock.now += 1 / MISSES_PER_S
        assert await tiles.tile(0, 4, 4, 0, "zhao") is not None
        with pytest.raises(TooManyTiles):
            await tiles.tile(0, 4, 5, 0, "zhao")


async def test_a_picture_without_end_is_not_read_to_its_end(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with tile_host(lambda *_: bytes(MAX_TILE_BYTES + 1)) as endless:
        async with server(endless.url, clock) as tiles:
            assert await tiles.tile(0, 0, 0, 0) is None
    assert f"more than {MAX_TILE_BYTES} bytes" in caplog.text
