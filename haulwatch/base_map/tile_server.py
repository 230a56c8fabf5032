"""The operator's tile service: fetched through one client, kept in memory, with bounds on both."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

import httpx

from api.base_map_ports import Tile, TilesUnavailable, TooManyTiles

_log = logging.getLogger(__name__)

MAX_CACHE_BYTES: Final = 64 * 1024 * 1024
"""Some 4,000 tiles: a city at all zoom levels that people look at."""
MAX_TILE_BYTES: Final = 1_048_576
"""Ten times a large picture of 256 pixels."""
KEEP_S: Final = 86_400.0
"""A base map changes by the month; a tile that was missing is asked for again the next day too."""
KEEP_BAD_S: Final = 300.0
"""An answer that is no picture, of a service that is there: so long there is no tile at that place."""
MISSES: Final = 600
"""Tiles that one caller may have fetched at once: some twenty screens of a large desk."""
MISSES_PER_S: Final = 10.0
"""And then so many, on the average."""
REST_S: Final = 5.0
"""After a failure of the whole service it is not asked for so long, so that desks do not wait for it."""
_FETCHES: Final = 8
_MAX_WAITING: Final = 64
_TIMEOUT_S: Final = 10.0
_LOG_PAUSE_S: Final = 60.0
_ENTRY_BYTES: Final = 200
"""Taken by an entry of the cache beside its picture."""
_MAX_CALLERS: Final = 1_000
"""Those that missed last are remembered."""
_NONE_THERE: Final = frozenset({204, 404})
_OF_THE_WHOLE_SERVICE: Final = frozenset({401, 403, 429})
"""And all from 500 on: they concern no single tile."""
_PICTURES: Final = {"image/png": "image/png", "image/jpeg": "image/jpeg", "image/jpg": "image/jpeg",
                    "image/webp": "image/webp"}  # fmt: skip

_Key = tuple[int, int, int, int]


class _Kept(NamedTuple):
    tile: Tile | None
    until: float


class _BadTile(Exception):
    """The service gives something else at this place."""


class TileServer:
    """Tiles of some layers. Implements `api.base_map_ports.Tiles`; close it at the end.

    `templates`: URLs with {z}, {x} and {y}. They may hold a token: nothing of them is logged or raised.
    """

    def __init__(
        self,
        templates: Sequence[str],
        *,
        user_agent: str,
        max_cache_bytes: int = MAX_CACHE_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._templates = tuple(templates)
        self._clock = clock
        # Redirects are not followed: only the host that the operator named is asked.
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S, headers={"User-Agent": user_agent})
        self._fetching = asyncio.Semaphore(_FETCHES)
        self._waiting = 0
        self._max_cache_bytes = max_cache_bytes
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._kept_bytes = 0
        self._one_at_a_time: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()
        self._misses: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._rests_until = self._logged_at = float("-inf")

    async def close(self) -> None:
        await self._client.aclose()

    async def tile(self, layer: int, z: int, x: int, y: int, caller: str = "") -> Tile | None:
        """None: the server has none there. Raises TilesUnavailable, TooManyTiles."""
        key = (layer, z, x, y)
        if (kept := self._find(key)) is not None:
            return kept.tile
        if self._waiting >= _MAX_WAITING:
            raise TilesUnavailable("too many tiles are asked for at once")
        self._waiting += 1
        try:
            # Desks that look at the same place ask the server once.
            async with self._one_at_a_time.setdefault(key, asyncio.Lock()), self._fetching:
                if (kept := self._find(key)) is not None:
                    return kept.tile
                if self._clock() < self._rests_until:
                    raise TilesUnavailable("the tile server failed a moment ago")
                self._count_miss(caller)
                try:
                    tile = await self._fetch(key)
                except _BadTile as exc:
                    self._log(str(exc))
                    self._keep(key, None, KEEP_BAD_S)
                    return None
                self._keep(key, tile, KEEP_S)
                return tile
        finally:
            self._waiting -= 1

    async def _fetch(self, key: _Key) -> Tile | None:
        layer, z, x, y = key
        url = self._templates[layer].replace("{z}", str(z)).replace("{x}", str(x)).replace("{y}", str(y))
        try:
            async with self._client.stream("GET", url) as answer:
                if answer.status_code in _NONE_THERE:
                    return None
                named = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                if answer.status_code != 200 or named not in _PICTURES:
                    why = f"it answers {answer.status_code} with {named or 'nothing'} in place of a picture"
                    if answer.status_code in _OF_THE_WHOLE_SERVICE or answer.status_code >= 500:
                        raise self._failure(why)
                    raise _BadTile(why)
                content = bytearray()
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > MAX_TILE_BYTES:
                        raise _BadTile(f"a tile has more than {MAX_TILE_BYTES} bytes")
        except httpx.HTTPError as exc:
            raise self._failure(f"it cannot be reached ({type(exc).__name__})") from None  # its text has the URL
        return Tile(bytes(content), _PICTURES[named])

    def _failure(self, why: str) -> TilesUnavailable:
        self._rests_until = self._clock() + REST_S
        self._log(why)
        return TilesUnavailable(f"the tile server gives no tile: {why}")

    def _log(self, why: str) -> None:
        now = self._clock()
        if now - self._logged_at >= _LOG_PAUSE_S:
            self._logged_at = now
            _log.warning(
                "base map: the tile server gives no tile: %s. Check HAULWATCH_MAP_TILES and HAULWATCH_MAP_TILES_TOKEN, "
                "and whether this machine may reach it; the console shows the map without it",
                why,
            )

    def _count_miss(self, caller: str) -> None:
        """Take a token from the bucket of this caller. Raises TooManyTiles where it is empty."""
        now = self._clock()
        tokens, at = self._misses.pop(caller, (float(MISSES), now))
        tokens = min(float(MISSES), tokens + (now - at) * MISSES_PER_S)
        self._misses[caller] = (tokens - 1 if tokens >= 1 else tokens, now)
        while len(self._misses) > _MAX_CALLERS:
            self._misses.popitem(last=False)
        if tokens < 1:
            raise TooManyTiles("you have asked for too many tiles, wait a moment")

    def _find(self, key: _Key) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until <= self._clock():
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def _keep(self, key: _Key, tile: Tile | None, for_s: float) -> None:
        self._kept[key] = _Kept(tile, self._clock() + for_s)
        self._kept_bytes += _size(tile)
        while self._kept_bytes > self._max_cache_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: _Key) -> None:
        self._kept_bytes -= _size(self._kept.pop(key).tile)


def _size(tile: Tile | None) -> int:
    return _ENTRY_BYTES + (len(tile.content) if tile else 0)
