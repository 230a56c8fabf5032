"""Readings of a pack: decoded from its messages as judgement decodes them, and the tracks of its trucks.

Tracks are GeoJSON (RFC 7946) and GPX 1.1, in WGS-84; times in UTC.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import gpxpy.gpx
from msgspec import structs, to_builtins

from devices.city.model import City
from devices.codecs.codec import Flaw
from devices.codecs.manifests import MANIFEST
from devices.codecs.registry import codec_of
from devices.geo.gcj02 import wgs84_of
from devices.geo.geometry import Datum, LatLon
from devices.readings.models import Position, Reading
from devices.readings.refusals import DecodeError, Refusal
from ingest.admission import admit, at_corrected_time, by_sensors, within_region
from ingest.log.records import CITY_TOPIC, NO_READINGS, LogRecord, RawMessage
from ingest.log.revisions import city_of_record

READINGS_FILE: Final = "readings/readings.jsonl"
TRACKS: Final = "track/"


class Heard(NamedTuple):
    """A reading of a message, as judgement takes it: at the corrected time of its device."""

    offset: int
    element: int
    received_at: int
    reading: Reading
    refused: str = ""
    """Why it was not judged."""


class InLogOrder:
    """Decodes messages in the order of the log, each by the revision of the city before it, as judgement does."""

    def __init__(self, records: Sequence[LogRecord], city: City) -> None:
        """Before the first revision among the records that one holds; `city`: where there is none."""
        revisions = (record.message.payload for record in records if record.message.topic == CITY_TOPIC)
        first = next(revisions, None)
        self.city = city if first is None else city_of_record(first) or city

    def follow(self, message: RawMessage) -> None:
        """Take up a revision of the city, which holds from then on."""
        if message.topic == CITY_TOPIC:
            self.city = city_of_record(message.payload) or self.city

    def readings(self, message: RawMessage) -> Sequence[Reading | Flaw]:
        """What the message holds; nothing if it cannot be read."""
        if message.topic in NO_READINGS:
            return ()
        codec = codec_of(message.dialect)
        decoding = self.city.decoding_of(codec.device_of(message.topic), message.dialect)
        try:
            return codec.decode(message.topic, message.payload, decoding=decoding)
        except DecodeError:
            return ()


def readings_of(records: Sequence[LogRecord], city: City) -> list[Heard]:
    """All readings that can be decoded, in the order of the log.

    Each message is read and admitted by the revision before it. `city`: where the records have none.
    """
    found: list[Heard] = []
    order = InLogOrder(records, city)
    for record in records:
        message = record.message
        order.follow(message)
        decoded = order.readings(message)
        if not decoded:
            continue
        city = order.city
        device_id = codec_of(message.dialect).device_of(message.topic)
        device = city.devices.get(device_id)
        is_manifest = message.dialect == MANIFEST.dialect
        if device is not None and device.clock_correction_s and not is_manifest:
            decoded = at_corrected_time(decoded, device.clock_correction_s)
        for element, item in enumerate(decoded):
            if not isinstance(item, Flaw):
                admitted = None if is_manifest else admit(item, message.received_at, device_id, device, message.dialect)
                refused = str(admitted.reason) if isinstance(admitted, Refusal) else ""
                reading = within_region(by_sensors(item, device, city), city)
                found.append(Heard(record.offset, element, message.received_at, reading, refused))
    return found


def as_lines(heard: Sequence[Heard]) -> bytes:
    """One JSON object for each reading."""
    return "".join(json.dumps(_row(one), ensure_ascii=False) + "\n" for one in heard).encode()


def _row(one: Heard) -> dict[str, Any]:
    reading = one.reading
    row = {"offset": one.offset, "element": one.element, "received_at": one.received_at, "kind": str(reading.kind)}
    row |= {name: value for name, value in to_builtins(reading).items() if value is not None}
    return row | ({"refused": one.refused} if one.refused else {})


class Fix(NamedTuple):
    """A position of a truck in WGS-84."""

    ts: int
    place: LatLon
    reading: Position


def fixes_of(heard: Sequence[Heard], city: City) -> dict[str, list[Fix]]:
    """Positions that count, by device, in the order of device time, each instant once."""
    found: defaultdict[str, dict[int, Fix]] = defaultdict(dict)
    for one in heard:
        reading = one.reading
        if isinstance(reading, Position) and reading.located and not one.refused:
            device, place = city.devices.get(reading.device_id), LatLon(reading.lat, reading.lon)
            if device is not None and device.datum is Datum.GCJ02:
                place = wgs84_of(place)
            found[reading.device_id].setdefault(reading.ts, Fix(reading.ts, place, reading))
    return {device_id: [fix for _, fix in sorted(fixes.items())] for device_id, fixes in sorted(found.items())}


def track_files(fixes: Mapping[str, Sequence[Fix]]) -> Iterator[tuple[str, bytes]]:
    """A GeoJSON and a GPX file for each device."""
    for device_id, track in fixes.items():
        yield f"{TRACKS}{device_id}.geojson", _geojson(device_id, track)
        yield f"{TRACKS}{device_id}.gpx", _gpx(device_id, track)


def _geojson(device_id: str, track: Sequence[Fix]) -> bytes:
    line = [[fix.place.lon, fix.place.lat] for fix in track]
    features: list[dict[str, Any]] = []
    if len(line) > 1:
        features.append(_feature({"type": "LineString", "coordinates": line}, {"device_id": device_id}))
    for fix, place in zip(track, line, strict=True):
        features.append(_feature({"type": "Point", "coordinates": place}, _properties(fix)))
    return (json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False) + "\n").encode()


def _feature(geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _properties(fix: Fix) -> dict[str, Any]:
    fields = structs.asdict(fix.reading)
    kept = {name: value for name, value in fields.items() if value is not None and name not in {"lat", "lon"}}
    return kept | {"time": _utc(fix.ts).isoformat()}


def _gpx(device_id: str, track: Sequence[Fix]) -> bytes:
    gpx = gpxpy.gpx.GPX()
    gpx.creator = "haulwatch"
    segment = gpxpy.gpx.GPXTrackSegment()
    for fix in track:
        point = gpxpy.gpx.GPXTrackPoint(fix.place.lat, fix.place.lon, fix.reading.altitude_m, _utc(fix.ts))
        segment.points.append(point)
    named = gpxpy.gpx.GPXTrack(name=device_id)
    named.segments.append(segment)
    gpx.tracks.append(named)
    text: str = gpx.to_xml(version="1.1")
    return text.encode() + b"\n"


def _utc(ts: int) -> datetime:
    return datetime.fromtimestamp(ts / 1000, UTC)
