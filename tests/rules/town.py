"""A small town for stories: one straight road east, a source at 0 m, a tip at 10 km, and trucks to drive on it.

Places are metres east and north of the source; times are seconds since `T0`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Self

import msgspec
from msgspec import convert
from msgspec.structs import replace
from shapely import LineString, Polygon

from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Route, Site, SiteKind, Zone, ZoneKind
from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.readings.models import Fill, Position, Reading, Weighing
from rules.alerts.model import AlertChange
from rules.engine.engine import AnyRule, RuleEngine

T0 = 1_790_000_000_000
PLANE = LocalPlane(LatLon(35.49, 112.85))
TRUCKS = 6
POINTS = 24


def place(x: float, y: float) -> LatLon:
    return PLANE.latlon(XY(x, y))


def square(x: float, y: float, half_m: float) -> Polygon:
    """An area of so many metres around a place."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return Polygon([(p.lon, p.lat) for p in (place(x + half_m * i, y + half_m * j) for i, j in corners)])


def road(*points: tuple[float, float]) -> LineString:
    return LineString([(p.lon, p.lat) for p in (place(x, y) for x, y in points)])


def zone(zone_id: str, kind: ZoneKind, west: float, south: float, east: float, north: float) -> Zone:
    """A zone between these metres east and north of the source; its Chinese name is its id with 区."""
    corners = [place(x, y) for x, y in ((west, south), (east, south), (east, north), (west, north))]
    area = Polygon([(corner.lon, corner.lat) for corner in corners])
    return Zone(zone_id, 1, kind, zone_id.title(), f"{zone_id}区", area)


def _site(site_id: str, kind: SiteKind, x: float, y: float) -> Site:
    return Site(site_id, kind, site_id.title(), f"{site_id}场", square(x, y, 60))


def town(**changed: Any) -> City:
    """Trucks T1-T6 (T6 without a permit), points P01-P24 of two compartments, a bridge at the tip."""
    sites = [
        _site("source", SiteKind.CONSTRUCTION_SITE, 0, 0),
        _site("tip", SiteKind.DISPOSAL_SITE, 10_000, 0),
        _site("othertip", SiteKind.DISPOSAL_SITE, 5_000, 4_000),
        _site("depot", SiteKind.DEPOT, 5_000, -2_000),
        _site("point", SiteKind.RECYCLING_POINT, 2_000, 3_000),
    ]
    trucks = [f"T{n}" for n in range(1, TRUCKS + 1)]
    devices = [Device(truck, DeviceRole.TRUCK, vehicle_id=f"V{truck}", report_interval_s=10) for truck in trucks]
    devices += [
        Device(f"P{n:02}", DeviceRole.RECYCLING_POINT, site_id="point", report_interval_s=300)
        for n in range(1, POINTS + 1)
    ]
    devices.append(Device("W1", DeviceRole.WEIGHBRIDGE, site_id="tip", report_interval_s=300))
    parts: dict[str, Any] = {
        "id": "town", "name": "Town", "name_zh": "镇", "timezone": "Asia/Shanghai", "centre": PLANE.centre,
        "devices": {device.id: device for device in devices},
        "vehicles": {f"V{t}": Vehicle(f"V{t}", f"晋E{t}", tare_kg=12_000, payload_kg=15_000) for t in trucks},
        "sites": {site.id: site for site in sites},
        "routes": (Route("R1", 1, "East road", "东路", road((0, 0), (10_000, 0)), "source", "tip"),),
        "permits": tuple(Permit(f"K{t}", f"V{t}", ("R1",), ("tip",)) for t in trucks[:-1]),
    }  # fmt: skip
    return City(**parts | changed)


class Trip:
    """One truck's readings, built step by step. `fields` are carried by every position until `now` changes them."""

    def __init__(self, truck: str, x: float, y: float, *, at_s: float = 0, every_s: float = 10, **fields: Any) -> None:
        self.truck, self.x, self.y, self.now_s, self.every_s = truck, x, y, at_s, every_s
        self.fields: dict[str, Any] = {"accuracy_m": 5.0} | fields
        self.readings: list[Reading] = []

    def report(self, speed_kmh: float | None, /, **extra: Any) -> None:
        here = place(self.x, self.y)
        fields: dict[str, Any] = {"lat": here.lat, "lon": here.lon, "speed_kmh": speed_kmh} | self.fields | extra
        fields |= {"device_id": self.truck, "ts": T0 + round(self.now_s * 1000)}
        self.readings.append(convert(fields, Position))

    def drive(self, x: float, y: float, kmh: float = 40, **fields: Any) -> Self:
        """Drive straight to a point, reporting on the way."""
        start, length = (self.x, self.y), ((x - self.x) ** 2 + (y - self.y) ** 2) ** 0.5
        step_m, gone = kmh / 3.6 * self.every_s, 0.0
        while gone < length:
            gone = min(gone + step_m, length)
            share = gone / length
            self.x, self.y = start[0] + (x - start[0]) * share, start[1] + (y - start[1]) * share
            self.now_s += self.every_s
            self.report(kmh, **fields)
        return self

    def stand(self, seconds: float, **fields: Any) -> Self:
        for _ in range(round(seconds / self.every_s)):
            self.now_s += self.every_s
            self.report(0.0, **fields)
        return self

    def quiet(self, seconds: float) -> Self:
        """Let time pass without a report."""
        self.now_s += seconds
        return self

    def now(self, **fields: Any) -> Self:
        self.fields |= fields
        return self


def fills(
    levels: Sequence[float],
    *,
    point: str = "P01",
    part: str = "paper",
    every_s: int = 60,
    start_s: int = 0,
    **extra: Any,
) -> list[Reading]:
    fields: dict[str, Any] = {"device_id": point, "compartment": part} | extra
    return [
        convert(fields | {"ts": T0 + (start_s + i * every_s) * 1000, "fill_pct": level}, Fill)
        for i, level in enumerate(levels)
    ]


def ticket(
    truck: str, at_s: float, *, net_kg: float = 12_000, direction: Literal["in", "out"] = "in", **extra: Any
) -> Weighing:
    fields: dict[str, Any] = {"tare_kg": 12_000.0, "net_kg": net_kg, "ticket": "1", "plate": f"晋E{truck}"} | extra
    fields |= {
        "device_id": fields.pop("device", "W1"),
        "ts": T0 + round(at_s * 1000),
        "gross_kg": 12_000 + net_kg,
        "direction": direction,
    }
    return convert(fields, Weighing)


def in_time(*rows: Iterable[Reading]) -> list[Reading]:
    return sorted((reading for row in rows for reading in row), key=lambda reading: reading.ts)


def numbered(readings: Iterable[Reading]) -> list[Reading]:
    """Readings, in the order of time, with the numbers that their devices give them."""
    counts = Counter[str]()
    found = []
    for reading in readings:
        counts[reading.device_id] += 1
        found.append(replace(reading, seq=counts[reading.device_id]))
    return found


def judged(
    rules: Sequence[AnyRule], *rows: Iterable[Reading], quiet_s: float = 150, city: City | None = None
) -> list[AlertChange]:
    """Alert changes of readings sent in the order of time. 150 s of silence complete everything and are not judged."""
    return run(RuleEngine(city or town(), rules), in_time(*rows), quiet_s)


def run(engine: RuleEngine, readings: Iterable[Reading], quiet_s: float = 150) -> list[AlertChange]:
    """Judge readings that are received at their device time, with the ticks of a collector that listens meanwhile."""
    changes, newest = list[AlertChange](), 0
    for reading in readings:
        for _ in range(newest + 10_000, reading.ts, 10_000) if newest else ():
            changes += engine.advance(10_000)
        newest = max(newest, reading.ts)
        engine.receive(newest)
        changes += engine.judge(reading)
    for _ in range(round(quiet_s / 10)):
        changes += engine.advance(10_000)
    assert not engine.failures
    return changes


def rows(engine: RuleEngine) -> dict[str, Any]:
    """The rows that the engine has to write, unpacked: of each device by its id, and of the fleet."""
    fleet, devices = engine.unsaved()
    return {device_id: msgspec.msgpack.decode(row) for device_id, row in devices} | {
        "fleet": msgspec.msgpack.decode(fleet)
    }


def summaries(changes: Iterable[AlertChange]) -> list[str]:
    """Summarise changes as short lines: subject, phase (or amendment), severity."""
    return [f"{change.subject} {change.amendment or change.phase} {change.severity}" for change in changes]


def at_s(change: AlertChange) -> float:
    return (change.at - T0) / 1000
