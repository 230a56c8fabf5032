"""The base map by the API: described with its datum, tiles through this server, an archive by bounded ranges."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import AsyncClient

from api.base_map_ports import BaseMap, Tile, TilesUnavailable, TooManyTiles
from api.ports import ApiOptions, ApiParts
from api.resources.city.base_map import MAX_RANGE_BYTES
from devices.geo.geometry import Datum
from tests.api.conftest import client_of

Client = Callable[[BaseMap], AbstractAsyncContextManager[AsyncClient]]


class FakeTiles:
    """One tile; beside it none, in row 7 a failure, and in row 6 too many."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int, int]] = []
        self.callers: list[str] = []

    async def tile(self, layer: int, z: int, x: int, y: int, caller: str) -> Tile | None:
        self.asked.append((layer, z, x, y))
        self.callers.append(caller)
        if y == 6:
            raise TooManyTiles("you have asked for too many tiles, wait a moment")
        if y == 7:
            raise TilesUnavailable("the tile server gives no tile: it cannot be reached")
        return Tile(b"picture", "image/webp") if (x, y) == (1, 2) else None


@pytest.fixture
def with_map(parts: ApiParts) -> Client:
    @asynccontextmanager
    async def made(base: BaseMap) -> AsyncIterator[AsyncClient]:
        async with client_of(replace(parts, base_map=base), ApiOptions(version="1")) as client:
            yield client

    return made


CONTENT = bytes(range(256)) * (MAX_RANGE_BYTES // 256 + 4)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "city.pmtiles"
    file.write_bytes(CONTENT)
    return file


def replace_archive(file: Path) -> None:
    file.write_bytes(b"another map")


async def test_by_default_there_is_none(client: AsyncClient) -> None:
    found = (await client.get("/api/v1/base-map")).json()
    assert found == {
        "kind": "none", "datum": "wgs84", "attribution": "", "layers": [], "archive": None, "max_zoom": 18,
    }  # fmt: skip
    assert (await client.get("/api/v1/base-map/tiles/0/3/1/2")).status_code == 404
    assert (await client.get("/api/v1/base-map/archive", headers={"Range": "bytes=0-1"})).status_code == 404


async def test_tiles_come_through_this_server_and_what_lies_outside_is_not_asked_for(with_map: Client) -> None:
    tiles = FakeTiles()
    base = BaseMap(Datum.GCJ02, "© Maps", tiles, layers=2, max_zoom=16)
    async with with_map(base) as client:
        found = (await client.get("/api/v1/base-map")).json()
        assert (found["kind"], found["datum"], found["attribution"], found["max_zoom"]) == (
            "tiles", "gcj02", "© Maps", 16,
        )  # fmt: skip
        path = found["layers"][1].format(z=3, x=1, y=2)
        answer = await client.get(path)
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"picture", "image/webp")
        assert answer.headers["cache-control"] == "private, max-age=86400"
        assert tiles.asked == [(1, 3, 1, 2)]
        for wrong in ("2/3/1/2", "0/3/8/0", "0/3/0/8", "0/17/0/0", "0/23/0/0", "0/3/-1/0", "0/3/x/0"):
            refused = await client.get(f"/api/v1/base-map/tiles/{wrong}")
            assert refused.status_code in {404, 422}, wrong
        assert len(tiles.asked) == 1
        assert (await client.get("/api/v1/base-map/tiles/0/3/2/2")).status_code == 404
        away = await client.get("/api/v1/base-map/tiles/0/3/1/7")
        assert (away.status_code, away.headers["retry-after"]) == (503, "5")
        many = await client.get("/api/v1/base-map/tiles/0/3/1/6")
        assert (many.status_code, many.headers["retry-after"]) == (429, "5")
        deep = (await client.get("/api/v1/base-map/tiles/0/17/0/0")).json()
        assert deep["detail"].startswith("path.z: must be at most 16")
    assert set(tiles.callers) == {"anonymous 127.0.0.1"}


async def test_an_archive_is_read_by_ranges(with_map: Client, archive: Path) -> None:
    async with with_map(BaseMap(archive=archive)) as client:
        assert (await client.get("/api/v1/base-map")).json()["archive"] == "/api/v1/base-map/archive"
        answer = await client.get("/api/v1/base-map/archive", headers={"Range": "bytes=250-260"})
        assert (answer.status_code, answer.content) == (206, bytes([*range(250, 256), *range(5)]))
        assert answer.headers["cache-control"] == "no-store"
        size = len(CONTENT)
        assert answer.headers["content-range"] == f"bytes 250-260/{size}"
        beyond = await client.get("/api/v1/base-map/archive", headers={"Range": f"bytes={size - 3}-{size + 100}"})
        assert beyond.content == bytes([253, 254, 255])
        tag = answer.headers["etag"]
        replace_archive(archive)
        changed = await client.get("/api/v1/base-map/archive", headers={"Range": "bytes=0-6"})
        assert changed.content == b"another"
        assert changed.headers["etag"] != tag


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "bytes=0-"},
        {"Range": "bytes=-5"},
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=9-1"},
        {"Range": f"bytes=0-{MAX_RANGE_BYTES}"},
        {"Range": "bytes=99999999999-99999999999"},
        {"Range": "lines=0-1"},
        {"Range": "bytes=0-1", "If-Range": '"another"'},
    ],
)
async def test_nobody_gets_the_whole_archive_at_once(with_map: Client, archive: Path, headers: dict[str, str]) -> None:
    async with with_map(BaseMap(archive=archive)) as client:
        answer = await client.get("/api/v1/base-map/archive", headers=headers)
        assert answer.status_code == 416
        assert answer.json()["type"] == "urn:haulwatch:problem:range"


async def test_an_archive_that_was_taken_away_is_named(with_map: Client, tmp_path: Path) -> None:
    async with with_map(BaseMap(archive=tmp_path / "city.pmtiles")) as client:
        answer = await client.get("/api/v1/base-map/archive", headers={"Range": "bytes=0-1"})
    assert answer.status_code == 503
    assert "HAULWATCH_MAP_PMTILES" in answer.json()["detail"]
