"""Simulated phones and trackers: the requests that OsmAnd, Traccar Client and a Traccar server send, with faults."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlencode

KMH_PER_KNOT: Final = 1.852
KMH_PER_MS: Final = 3.6

Form = Literal["query", "json", "traccar", "owntracks"]


class Fix(NamedTuple):
    """Where a truck is, as its receiver measures it. The form of a report has units of its own."""

    ts: int
    """ms since 1970 UTC."""
    lat: float
    lon: float
    speed_kmh: float
    course_deg: float
    battery_pct: int


class Request(NamedTuple):
    """One HTTP request to a gateway, or with `owntracks` one MQTT message."""

    path: str
    query: str
    body: bytes
    """Empty: a GET."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of reports with each fault, 0 to 1."""

    repeated: float = 0.0
    """Sent twice."""
    stale: float = 0.0
    """A report without a fix follows: the present time, and the place and fix time of the last one."""


def drive(start_ms: int, interval_s: int, reports: int, rng: Random) -> Iterator[Fix]:
    """A truck that drives north at a steady speed."""
    lat, lon, speed_kmh = 35.50, 112.87, rng.uniform(20, 60)
    for number in range(reports):
        yield Fix(start_ms + number * interval_s * 1000, round(lat, 6), lon, speed_kmh, 0.0, 90 - number % 50)
        lat += speed_kmh / 3.6 * interval_s / 111_320


def requests(device_id: str, form: Form, fixes: Iterator[Fix], faults: Faults, rng: Random) -> Iterator[Request]:
    """The requests of one device."""
    for fix in fixes:
        sent = request(device_id, form, fix)
        yield sent
        if rng.random() < faults.repeated:
            yield sent
        if rng.random() < faults.stale:
            yield request(device_id, form, fix._replace(ts=fix.ts + 300_000), fixed_at=fix.ts)


def request(device_id: str, form: Form, fix: Fix, *, fixed_at: int | None = None) -> Request:
    """One report. `fixed_at`: when its place was measured, if that is not when it is sent."""
    match form:
        case "query":
            return Request("/", urlencode(_query(device_id, fix, fixed_at)), b"")
        case "json":
            return Request("/", "", json.dumps(_json(device_id, fix)).encode())
        case "traccar":
            return Request("/traccar", "", json.dumps(_traccar(device_id, fix, fixed_at)).encode())
        case "owntracks":
            return Request("", "", json.dumps(_owntracks(fix, fixed_at)).encode())


def _query(device_id: str, fix: Fix, fixed_at: int | None) -> dict[str, Any]:
    return {
        "id": device_id,
        "timestamp": fix.ts // 1000,
        "lat": fix.lat,
        "lon": fix.lon,
        "speed": fix.speed_kmh / KMH_PER_KNOT,
        "bearing": fix.course_deg,
        "batt": fix.battery_pct,
        "valid": "true" if fixed_at is None else "false",
    }


def _json(device_id: str, fix: Fix) -> dict[str, Any]:
    coords = {
        "latitude": fix.lat,
        "longitude": fix.lon,
        "accuracy": 5,
        "speed": fix.speed_kmh / KMH_PER_MS,
        "heading": fix.course_deg,
        "altitude": 760,
    }
    location = {"timestamp": _iso(fix.ts, "Z"), "coords": coords, "battery": {"level": fix.battery_pct / 100}}
    return {"device_id": device_id, "location": location}


def _traccar(device_id: str, fix: Fix, fixed_at: int | None) -> dict[str, Any]:
    position = {
        "protocol": "osmand",
        "deviceTime": _iso(fix.ts, "+00:00"),
        "fixTime": _iso(fix.ts if fixed_at is None else fixed_at, "+00:00"),
        "valid": True,
        "latitude": fix.lat,
        "longitude": fix.lon,
        "speed": fix.speed_kmh / KMH_PER_KNOT,
        "course": fix.course_deg,
        "accuracy": 0.0,
        "attributes": {"batteryLevel": fix.battery_pct},
    }
    return {"position": position, "device": {"id": 7, "uniqueId": device_id, "name": device_id}}


def _owntracks(fix: Fix, fixed_at: int | None) -> dict[str, Any]:
    report = {"_type": "location", "tst": fix.ts // 1000, "lat": fix.lat, "lon": fix.lon, "batt": fix.battery_pct}
    return report | ({"vel": round(fix.speed_kmh), "cog": fix.course_deg} if fixed_at is None else {"t": "p"})


def _iso(ts: int, zone: str) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ts % 1000:03d}{zone}"
