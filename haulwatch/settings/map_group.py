"""The settings of the base map: what the console draws below the city's own geometry."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, SecretStr, model_validator

from haulwatch.settings.fields import Group, field, readable_file
from haulwatch.settings.urls import tile_urls

PLACE: Final = "{token}"
"""Stands in a tile URL for the token of the service."""
_WMTS: Final = (
    "https://t0.tianditu.gov.cn/{name}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={name}&STYLE=default"
    "&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={{token}}"
)
TIANDITU: Final = {"tianditu": ("vec", "cva"), "tianditu-satellite": ("img", "cia")}
"""天地图 by its layers: the map or the pictures, and over them the Chinese names."""
_PMTILES: Final = re.compile(rb"PMTiles\x03")


def _tiles(text: str) -> str:
    return text.strip() if text.strip() in TIANDITU else tile_urls(text)


def _pmtiles(path: Path) -> Path:
    with readable_file(path).open("rb") as file:
        if not _PMTILES.match(file.read(8)):
            raise ValueError("is not a PMTiles archive of version 3: convert it with `pmtiles convert`")
    return path


class MapSettings(Group):
    """The base map. With none of them the console draws the city's own geometry over the coasts of the world."""

    tiles: Annotated[str, AfterValidator(_tiles)] | None = field(
        None,
        "MAP_TILES",
        "tianditu, tianditu-satellite, or http[s]://host/{z}/{x}/{y}…, several with spaces between",
        "Tiles below the city: pictures of 256 pixels in Web Mercator, the lowest layer first. `{token}` stands for "
        "HAULWATCH_MAP_TILES_TOKEN. The API fetches them and keeps them in memory, so that desks need no way out "
        "and never see the token. Absent: nothing leaves this machine.",
    )
    token: SecretStr | None = field(
        None,
        "MAP_TILES_TOKEN",
        "token",
        "Token of the tile service; of 天地图 one of the type for servers (服务端).",
        min_length=1,
    )
    pmtiles: Annotated[Path, AfterValidator(_pmtiles)] | None = field(
        None,
        "MAP_PMTILES",
        "PMTiles file",
        "A base map as one file on this machine, for closed networks: pictures, or vectors in the schema of Protomaps "
        "or OpenMapTiles.",
    )
    datum: Literal["wgs84", "gcj02"] = field(
        "wgs84",
        "MAP_DATUM",
        "wgs84 or gcj02",
        "Datum of the base map. wgs84 is right for 天地图 (CGCS2000 is within a metre of it) and OpenStreetMap, gcj02 "
        "for most other Chinese services: then the console shifts what it draws, and says so. Tiles in BD-09 have "
        "another grid and cannot be drawn.",
    )
    attribution: str = field(
        "",
        "MAP_ATTRIBUTION",
        "text",
        "Shown on the map: what the licence of the base map, and its approval number (审图号), ask for.",
        max_length=200,
    )
    max_zoom: int = field(
        18,
        "MAP_MAX_ZOOM",
        "zoom level",
        "Of the tiles of HAULWATCH_MAP_TILES; nearer, the map enlarges these. 18 is what 天地图 has.",
        ge=1,
        le=22,
    )

    @property
    def templates(self) -> tuple[str, ...]:
        """URLs of the layers with {z}, {x} and {y}, the lowest first; with the token in them."""
        text = self.tiles or ""
        urls = [_WMTS.format(name=name) for name in TIANDITU[text]] if text in TIANDITU else text.split()
        token = self.token.get_secret_value() if self.token else ""
        return tuple(url.replace(PLACE, token) for url in urls)

    @property
    def shown_attribution(self) -> str:
        return self.attribution or ("天地图 Tianditu" if self.tiles in TIANDITU else "")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.tiles is not None and self.pmtiles is not None:
            raise ValueError("HAULWATCH_MAP_TILES and HAULWATCH_MAP_PMTILES are both set: keep one")
        wants_token = self.tiles in TIANDITU or PLACE in (self.tiles or "")
        if wants_token and self.token is None:
            raise ValueError(f"HAULWATCH_MAP_TILES={self.tiles} needs a token: set HAULWATCH_MAP_TILES_TOKEN")
        if self.token is not None and not wants_token:
            raise ValueError(
                "HAULWATCH_MAP_TILES_TOKEN has no place: write {token} into HAULWATCH_MAP_TILES, or unset it"
            )
        if self.tiles in TIANDITU and self.datum == "gcj02":
            raise ValueError("天地图 is not in GCJ-02: unset HAULWATCH_MAP_DATUM")
        return self
