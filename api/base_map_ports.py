"""Ports of the base map: what the API needs to show what lies below the city."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from devices.geo.geometry import Datum


class TilesUnavailable(Exception):
    """The tile server did not give a picture. The text names no host and no token."""


class TooManyTiles(TilesUnavailable):
    """The caller has asked for too many tiles that are not in memory."""


class Tile(NamedTuple):
    """A picture of the base map."""

    content: bytes
    media_type: str


class Tiles(Protocol):
    """`haulwatch.base_map.tile_server.TileServer`."""

    async def tile(self, layer: int, z: int, x: int, y: int, caller: str) -> Tile | None:
        """None: the server has none there. `caller`: whose tiles are counted. Raises TilesUnavailable, TooManyTiles."""


@dataclass(frozen=True)
class BaseMap:
    """What lies below the city on the map of the console; by default nothing but the coasts of the world."""

    datum: Datum = Datum.WGS84
    attribution: str = ""
    tiles: Tiles | None = None
    layers: int = 0
    """Layers of tiles, numbered from 0, the lowest."""
    max_zoom: int = 18
    """Of the tiles."""
    archive: Path | None = None
    """A PMTiles file, in place of tiles."""
