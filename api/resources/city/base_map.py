"""The base map: what the operator's settings put below the city, and its tiles or its file.

Tiles of another server pass through here, so that a desk needs no way out, the content policy lets no other host in,
and the token of a tile service stays on this machine.
"""

import os
import re
from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel, Field

from api.access.authentication import CurrentCaller
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.base_map_ports import TilesUnavailable, TooManyTiles
from api.http.openapi import Responses, answer, problems
from api.http.problems import ProblemKind, RequestRefused, invalid, not_found
from devices.geo.geometry import Datum
from devices.people.sign_in_failures import place_of

router = APIRouter(prefix="/base-map", tags=["map"], dependencies=VIEWERS)

MAX_RANGE_BYTES: Final = 4 * 1024 * 1024
"""Of the archive at once: four times the largest directory or tile that one has."""
_KEEP_S: Final = 86_400
_RETRY_AFTER_S: Final = 5
_RANGE: Final = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})")
_DEEPEST: Final = 22


class BaseMapKind(StrEnum):
    """Where the base map comes from."""

    NONE = "none"
    TILES = "tiles"
    ARCHIVE = "archive"


class BaseMapOut(BaseModel):
    """The base map below the city."""

    kind: BaseMapKind
    datum: Datum = Field(
        description="Datum of the base map. All positions of this API are WGS-84: over another datum a map shifts them"
    )
    attribution: str = Field(description="To be shown on the map; text, never markup")
    layers: list[str] = Field(description="Paths of tiles with {z}, {x} and {y}, the lowest layer first")
    archive: str | None = Field(description="Path of a PMTiles file that is read by ranges")
    max_zoom: int = Field(description="Of the tiles")


_EXAMPLE: Final = {
    "kind": "tiles",
    "datum": "wgs84",
    "attribution": "天地图 Tianditu",
    "layers": ["/api/v1/base-map/tiles/0/{z}/{x}/{y}"],
    "archive": None,
    "max_zoom": 18,
}


def _bytes_answer(status: int, description: str, *media_types: str) -> Responses:
    content = {name: {"schema": {"type": "string", "format": "binary"}, "example": ""} for name in media_types}
    return {status: {"description": description, "content": content}}


@router.get(
    "",
    summary="Describe the base map",
    response_model=BaseMapOut,
    responses=answer("The base map", _EXAMPLE) | problems(ProblemKind.UNAUTHORIZED),
)
def describe(request: Request, parts: Parts) -> BaseMapOut:
    """What lies below the city: nothing, tiles, or an archive; and in which datum."""
    base = parts.base_map
    here = request.url.path
    kind = BaseMapKind.ARCHIVE if base.archive else BaseMapKind.TILES if base.tiles else BaseMapKind.NONE
    return BaseMapOut(
        kind=kind,
        datum=base.datum,
        attribution=base.attribution,
        layers=[f"{here}/tiles/{layer}/{{z}}/{{x}}/{{y}}" for layer in range(base.layers)] if base.tiles else [],
        archive=f"{here}/archive" if base.archive else None,
        max_zoom=base.max_zoom,
    )


@router.get(
    "/tiles/{layer}/{z}/{x}/{y}",
    summary="A tile of the base map",
    response_class=Response,
    responses=_bytes_answer(200, "A picture of 256 pixels", "image/png", "image/jpeg", "image/webp")
    | problems(
        ProblemKind.UNAUTHORIZED,
        ProblemKind.INVALID,
        ProblemKind.NOT_FOUND,
        ProblemKind.TOO_BUSY,
        ProblemKind.UNAVAILABLE,
    ),
)
async def tile(
    request: Request,
    parts: Parts,
    caller: CurrentCaller,
    layer: Annotated[int, Path(ge=0, le=9, description="Number of the layer, from 0")],
    z: Annotated[int, Path(ge=0, le=_DEEPEST, description="Zoom level")],
    x: Annotated[int, Path(ge=0, lt=2**_DEEPEST, description="Column, from the west")],
    y: Annotated[int, Path(ge=0, lt=2**_DEEPEST, description="Row, from the north")],
) -> Response:
    """A tile of the server that HAULWATCH_MAP_TILES names, from memory where it was asked for within a day."""
    base = parts.base_map
    if base.tiles is None or layer >= base.layers:
        raise not_found("Layer", str(layer), "GET /api/v1/base-map lists the layers")
    if z > base.max_zoom:
        raise invalid("path.z", f"must be at most {base.max_zoom}, which GET /api/v1/base-map gives as max_zoom")
    for name, number in (("x", x), ("y", y)):
        if number >= 2**z:
            raise invalid(f"path.{name}", f"must be below {2**z} at zoom level {z}")
    place = place_of(request.client.host if request.client else "")
    try:
        found = await base.tiles.tile(layer, z, x, y, f"{caller.name} {place}")
    except TooManyTiles as exc:
        headers = {"Retry-After": str(_RETRY_AFTER_S)}
        raise RequestRefused(ProblemKind.TOO_BUSY, f"No base map: {exc}.", headers=headers) from exc
    except TilesUnavailable as exc:
        raise RequestRefused(
            ProblemKind.UNAVAILABLE, f"No base map: {exc}.", headers={"Retry-After": str(_RETRY_AFTER_S)}
        ) from exc
    if found is None:
        raise not_found("Tile", f"{z}/{x}/{y}", "the tile server has none there")
    headers = {"Cache-Control": f"private, max-age={_KEEP_S}", "Vary": "Authorization, Cookie"}
    return Response(found.content, media_type=found.media_type, headers=headers)


@router.get(
    "/archive",
    summary="A range of the base map's file",
    status_code=206,
    response_class=Response,
    responses=_bytes_answer(206, "The bytes asked for", "application/vnd.pmtiles")
    | problems(
        ProblemKind.UNAUTHORIZED,
        ProblemKind.INVALID,
        ProblemKind.NOT_FOUND,
        ProblemKind.RANGE,
        ProblemKind.UNAVAILABLE,
    ),
)
def archive(
    request: Request,
    parts: Parts,
    byte_range: Annotated[str, Header(alias="Range", description="`bytes=first-last`")] = "",
) -> Response:
    """A part of the PMTiles file that HAULWATCH_MAP_PMTILES names, 4 MiB at most. Its ETag changes with the file."""
    file = parts.base_map.archive
    if file is None:
        raise not_found("Archive", "archive", "set HAULWATCH_MAP_PMTILES to have one")
    asked = _RANGE.fullmatch(byte_range)
    if asked is None or "if-range" in request.headers:  # which may ask for the whole file
        detail = "Ask for one range of bytes: Range: bytes=first-last, without If-Range."
        raise RequestRefused(ProblemKind.RANGE, detail)
    first, last = int(asked[1]), int(asked[2])
    try:
        with file.open("rb") as opened:  # one file for size and bytes: a newer one may take its place meanwhile
            found = os.fstat(opened.fileno())
            opened.seek(min(first, found.st_size))
            content = opened.read(max(0, min(last - first + 1, MAX_RANGE_BYTES)))
    except OSError as exc:
        raise RequestRefused(
            ProblemKind.UNAVAILABLE,
            "The file of the base map is not there: put it back, or unset HAULWATCH_MAP_PMTILES.",
        ) from exc
    if not first <= last < first + MAX_RANGE_BYTES or first >= found.st_size:
        raise RequestRefused(
            ProblemKind.RANGE,
            f"The file has {found.st_size} bytes, and an answer at most {MAX_RANGE_BYTES}.",
            headers={"Content-Range": f"bytes */{found.st_size}"},
        )
    # Nothing of it is kept by the browser, which would ask with If-Range for the parts that it has.
    headers = {
        "Content-Range": f"bytes {first}-{first + len(content) - 1}/{found.st_size}",
        "Accept-Ranges": "bytes",
        "ETag": f'"{found.st_mtime_ns:x}-{found.st_size:x}"',
    }
    return Response(content, 206, headers, "application/vnd.pmtiles")
