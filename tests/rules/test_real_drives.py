"""Recorded drives of real vehicles: with their own track as the approved route they raise no alert."""

import json
import re
from datetime import datetime
from pathlib import Path

import gpxpy
import pytest
from shapely import LineString

from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Route
from devices.geo.geometry import LatLon
from devices.readings.models import Position
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine

pytestmark = pytest.mark.recording

Fixes = list[tuple[int, float, float]]
"""Device time in ms, lat, lon."""


def bus(recordings: Path) -> Fixes:
    text = (recordings / "limerick_bus304" / "304_to_UL_2019-02-18_0745.gpx").read_text()
    return [
        (round(point.time.timestamp() * 1000), point.latitude, point.longitude)
        for track in gpxpy.parse(text).tracks
        for segment in track.segments
        for point in segment.points
        if point.time is not None
    ]


def car(recordings: Path, every_s: str) -> Fixes:
    rows = json.loads((recordings / "munich_barefoot" / f"x0001-{every_s}.json").read_text())
    fixes = []
    for row in rows:
        lon, lat = (float(part) for part in re.findall(r"[-0-9.]+", row["point"]))
        when = datetime.strptime(row["time"], "%Y-%m-%d %H:%M:%S%z")
        fixes.append((round(when.timestamp() * 1000), lat, lon))
    return fixes


def drive(fixes: Fixes, route: Fixes, interval_s: int) -> list[AlertChange]:
    line = LineString([(lon, lat) for _, lat, lon in route])
    city = City(
        "real", "Real", "实", "UTC", LatLon(route[0][1], route[0][2]),
        devices={"T": Device("T", DeviceRole.TRUCK, vehicle_id="V", report_interval_s=interval_s)},
        vehicles={"V": Vehicle("V", "晋E1")},
        routes=(Route("R", 1, "own track", "本线", line),),
        permits=(Permit("K", "V", ("R",)),),
    )  # fmt: skip
    engine = RuleEngine(city, build_rules())
    changes = []
    for ts, lat, lon in sorted(fixes):
        engine.receive(ts)
        changes += engine.judge(Position(device_id="T", ts=ts, lat=lat, lon=lon))
    for _ in range(15):
        changes += engine.advance(10_000)
    assert not engine.failures
    return changes


def test_the_bus_on_its_own_track_raises_nothing(recordings: Path) -> None:
    fixes = bus(recordings)
    assert len(fixes) == 2144
    assert drive(fixes, fixes, 1) == []


@pytest.mark.parametrize(("every_s", "count"), [("001", 1194), ("015", 80)])
def test_the_car_on_its_own_track_raises_nothing(recordings: Path, every_s: str, count: int) -> None:
    fixes = car(recordings, every_s)
    assert len(fixes) == count
    assert drive(fixes, car(recordings, "001"), int(every_s)) == []


def test_the_car_is_judged_alike_at_one_and_at_fifteen_seconds(recordings: Path) -> None:
    """Approved is only the first third: the rest of the drive is a deviation, found at both rates."""
    route = car(recordings, "001")[:400]
    often, seldom = (drive(car(recordings, every_s), route, int(every_s)) for every_s in ("001", "015"))
    assert often[-1].severity == seldom[-1].severity
    assert len({change.alert_id for change in often}) == len({change.alert_id for change in seldom}) == 1
    assert abs(often[0].opened_at - seldom[0].opened_at) <= 15_000
    assert abs(often[0].at - seldom[0].at) <= 30_000
