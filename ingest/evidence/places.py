"""The places that a pack needs: sites, zones and hotspots near the tracks, and what permits and devices name.

A city has thousands of them, and whoever gets a pack is given what the alert rests on. Whether that suffices is tried:
the messages are judged again by it (`ingest.evidence.selection`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import shapely
from shapely.geometry.base import BaseGeometry

from devices.city.columns import pack_city, unpack_city
from devices.city.model import City
from devices.geo.geometry import LatLon
from ingest.evidence.judging import Comparison, judge_again
from ingest.evidence.readings import fixes_of, readings_of
from ingest.log.records import CITY_TOPIC, LogRecord, RawMessage
from rules.alerts.model import AlertChange

NEAR_M: Final = 2_000
"""Between two fixes a truck drives less than that in a minute; rules look as far as 1 km (a queue before a gate)."""
_DEGREES_M: Final = 90_000
"""Of longitude, at 36° north; further south there are more in a degree, so that more is taken."""
_CELL: Final = 0.002
"""Degrees: fixes of one cell are one place, some 200 m wide."""


class Places(StrEnum):
    """Which places of the city a pack holds."""

    NEAR = "near"
    ALL = "all"


class Counted(NamedTuple):
    """Versions of places."""

    sites: int
    routes: int
    zones: int


class _Placed(Protocol):
    @property
    def bounds(self) -> tuple[float, float, float, float]: ...


def counted(city: City) -> Counted:
    return Counted(len(city.sites) + len(city.past_sites), len(city.routes), len(city.zones))


def judged_by_few_places(
    records: list[LogRecord], changes: Sequence[AlertChange], max_payload_bytes: int
) -> tuple[list[LogRecord], Comparison, Places]:
    """The records with as few places as lead to the same alert, and what they lead to. Raises NotJudged."""
    few = with_places_near(records, changes)
    comparison = judge_again(few, changes, max_payload_bytes)
    if comparison.same:
        return few, comparison, Places.NEAR
    whole = judge_again(records, changes, max_payload_bytes)
    if whole.same or len(whole.differences) < len(comparison.differences):
        return records, whole, Places.ALL
    return few, comparison, Places.NEAR


def with_places_near(records: Sequence[LogRecord], changes: Sequence[AlertChange]) -> list[LogRecord]:
    """The records, with revisions of the city that hold only what is needed."""
    cities = {one.offset: unpack_city(one.message.payload) for one in records if one.message.topic == CITY_TOPIC}
    near = _near(records, list(cities.values()), changes)
    kept = []
    for record in records:
        city = cities.get(record.offset) if record.message.topic == CITY_TOPIC else None
        if city is not None:
            payload = pack_city(_needed(city, near))
            revision = RawMessage(CITY_TOPIC, payload, record.message.received_at)
            record = LogRecord(record.offset, revision, record.place)  # noqa: PLW2901
        kept.append(record)
    return kept


def _near(records: Sequence[LogRecord], cities: Sequence[City], changes: Sequence[AlertChange]) -> BaseGeometry:
    """The surroundings of every position in the records and of the place of the alert."""
    places = {LatLon(one.lat, one.lon) for one in changes if one.lat is not None and one.lon is not None}
    for city in cities[:1]:
        for track in fixes_of(readings_of(records, city), city).values():
            places |= {fix.place for fix in track}
    cells = {(round(place.lon / _CELL), round(place.lat / _CELL)) for place in places}
    points = shapely.MultiPoint([(lon * _CELL, lat * _CELL) for lon, lat in sorted(cells)])
    near: BaseGeometry = shapely.buffer(points, NEAR_M / _DEGREES_M + _CELL, quad_segs=2)
    shapely.prepare(near)
    return near


def _needed(city: City, near: BaseGeometry) -> City:
    """The city with the places near, those that devices, permits and their routes name, and those at the edge of its
    region, since a fix outside the region is not believed.
    """
    kinds = {vehicle.kind for vehicle in (*city.vehicles.values(), *city.past_vehicles)}
    route_ids = {id_ for permit in city.permits for id_ in permit.route_ids}
    route_ids |= {route.id for route in city.routes if not kinds.isdisjoint(route.standing_for)}
    area_ids = {id_ for permit in city.permits for id_ in permit.area_ids}
    area_ids |= {id_ for licence in city.licences for id_ in licence.area_ids}
    routes = [route for route in city.routes if route.id in route_ids]
    named = {device.site_id for device in city.devices.values()}
    named |= {id_ for permit in city.permits for id_ in permit.site_ids}
    named |= {id_ for route in routes for id_ in (route.origin_site_id, route.destination_site_id)}
    sites = (*city.past_sites, *city.sites.values())
    named |= {site.id for site in sites if shapely.intersects(near, site.area)}
    edges = set(_at_the_edge([*(site.area for site in sites), *(route.line for route in city.routes)]))
    named |= {site.id for site in sites if id(site.area) in edges}
    return replace(
        city,
        sites={id_: site for id_, site in city.sites.items() if id_ in named},
        past_sites=tuple(site for site in city.past_sites if site.id in named),
        gates=tuple(gate for gate in city.gates if gate.site_id in named),
        routes=tuple(route for route in city.routes if route.id in route_ids or id(route.line) in edges),
        zones=tuple(zone for zone in city.zones if zone.id in area_ids or shapely.intersects(near, zone.area)),
        hotspots=tuple(
            one for one in city.hotspots if shapely.intersects(near, shapely.Point(one.place.lon, one.place.lat))
        ),
    )


def _at_the_edge(shapes: Iterable[_Placed]) -> Iterator[int]:
    """Identities of the shapes that reach furthest west, south, east and north: one of each."""
    kept = list(shapes)
    for side, furthest in ((0, min), (1, min), (2, max), (3, max)):
        if kept:
            yield id(furthest(kept, key=lambda shape, side=side: shape.bounds[side]))  # type: ignore[misc]
