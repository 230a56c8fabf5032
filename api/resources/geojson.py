"""GeoJSON (RFC 7946) models and responses: WGS-84, [lon, lat]."""

import gzip
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.http.openapi import Responses, answer

_GZIP_LEVEL: Final = 1
"""Of 3,000 trucks it leaves a tenth in 20 ms; the best level a twelfth in ten times that."""


class GeoJSONResponse(JSONResponse):
    """A response with the media type of GeoJSON."""

    media_type = "application/geo+json"


class Geometry(BaseModel):
    """A Point, LineString or Polygon."""

    type: Literal["Point", "LineString", "Polygon"]
    coordinates: list[Any] = Field(description="[lon, lat] in degrees, nested as RFC 7946 defines")


class Feature(BaseModel):
    """One object on the map."""

    type: Literal["Feature"] = "Feature"
    id: str | None = None
    geometry: Geometry
    properties: dict[str, Any]


class FeatureCollection(BaseModel):
    """The response of every map resource."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Feature]
    next_cursor: str | None = Field(
        default=None,
        description="A foreign member (RFC 7946, 6.1): value of `cursor` for the next page; null on the last page",
    )


def geo_answer(description: str, *features: dict[str, Any]) -> Responses:
    """The OpenAPI description of a 200 response, with an example."""
    example = {"type": "FeatureCollection", "features": list(features), "next_cursor": None}
    return answer(description, example, GeoJSONResponse.media_type)


class EncodedLayer(NamedTuple):
    """A whole map layer as it is sent."""

    content: bytes
    tag: str
    compressed: bytes | None = None


def encode_layer(features: Iterable[Feature], *, compress: bool = False) -> EncodedLayer:
    """`compress`: for those who take it; worth its time where many get the same answer."""
    content = FeatureCollection(features=list(features)).model_dump_json().encode()
    tag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
    return EncodedLayer(content, tag, gzip.compress(content, _GZIP_LEVEL) if compress else None)


def map_layer(request: Request, features: Iterable[Feature], *, fresh_s: int = 0) -> Response:
    """A whole map layer with an ETag; 304 without content if the client already has it.

    `fresh_s`: time in s for which a client may use its copy without a request.
    """
    return layer_answer(request, encode_layer(features), fresh_s=fresh_s)


def layer_answer(request: Request, layer: EncodedLayer, *, fresh_s: int = 0) -> Response:
    """As `map_layer`, for a layer that was encoded before."""
    tag = layer.tag
    # What a layer holds depends on who asks: no other person at the same browser gets its copy.
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, max-age={fresh_s}" if fresh_s else "private, no-cache",
        "Vary": "Accept-Encoding, Authorization, Cookie" if layer.compressed else "Authorization, Cookie",
    }
    client_tags = {held.strip().removeprefix("W/") for held in request.headers.get("If-None-Match", "").split(",")}
    if client_tags & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    content = layer.content
    if layer.compressed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        content = layer.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=GeoJSONResponse.media_type)


EXAMPLE_POINT: Final = {"type": "Point", "coordinates": [112.852, 35.491]}
