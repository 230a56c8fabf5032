"""GeoJSON (RFC 7946) as the API gives it: WGS-84, [lon, lat]."""

from typing import Any, Final, Literal

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.openapi import Described, answer


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


EXAMPLE_POINT: Final = {"type": "Point", "coordinates": [112.852, 35.491]}
