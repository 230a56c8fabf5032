"""GeoJSON (RFC 7946) as the API gives it: WGS-84, [lon, lat]."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final, Literal

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.http.openapi import Described, answer


class GeoJSONResponse(JSONResponse):
    """Tells maps what it is."""

    media_type = "application/geo+json"


class Geometry(BaseModel):
    """A Point, LineString or Polygon."""

    type: Literal["Point", "LineString", "Polygon"]
    coordinates: list[Any] = Field(description="[lon, lat] in degrees, nested as RFC 7946 says")


class Feature(BaseModel):
    """A thing on the map."""

    type: Literal["Feature"] = "Feature"
    id: str | None = None
    geometry: Geometry
    properties: dict[str, Any]


class FeatureCollection(BaseModel):
    """What every map endpoint answers."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Feature]
    next_cursor: str | None = Field(
        default=None,
        description="A foreign member: ask again with `cursor` set to it for what follows; null at the end",
    )


def geo_answer(description: str, *features: dict[str, Any]) -> Described:
    """The OpenAPI description of a 200, with an example."""
    example = {"type": "FeatureCollection", "features": list(features), "next_cursor": None}
    return answer(description, example, GeoJSONResponse.media_type)


def map_layer(request: Request, features: Iterable[Feature], *, fresh_s: int = 0) -> Response:
    """A whole layer, as maps ask for it again and again: 304 and no content where the client has it already.

    For `fresh_s` seconds a client need not ask at all.
    """
    content = FeatureCollection(features=list(features)).model_dump_json().encode()
    tag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
    # Private: it may have taken a token to read it.
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={fresh_s}" if fresh_s else "private, no-cache"}
    known = {held.strip().removeprefix("W/") for held in request.headers.get("If-None-Match", "").split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=GeoJSONResponse.media_type)


EXAMPLE_POINT: Final = {"type": "Point", "coordinates": [112.852, 35.491]}
