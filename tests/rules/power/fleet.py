"""Judges many drives in one engine, a truck and a route each, and compares the alerts with the labels."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shapely import LineString

from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Route
from devices.geo.geometry import XY
from devices.readings.models import Position
from rules.alerts.model import AlertChange, Amendment
from rules.engine.engine import AnyRule, RuleEngine
from tests.rules.power.terminals import PLANE, T0_MS

_TICK_MS = 5_000


class Truck(NamedTuple):
    """Readings of one truck and its approved route, metres on the plane."""

    readings: Sequence[Position]
    route: LineString
    interval_s: int


class Told(NamedTuple):
    """An alert change, and when it left the engine, ms."""

    change: AlertChange
    at: int


def judge(trucks: Sequence[Truck], rules: Sequence[AnyRule]) -> dict[str, list[Told]]:
    """Return by alert id what people are told, in order. Trucks are T0, T1, …, as their readings name them."""
    engine = RuleEngine(_city(trucks), rules)
    told: dict[str, list[Told]] = {}

    def note(changes: Iterable[AlertChange], at: int) -> None:
        for change in changes:
            told.setdefault(change.alert_id, []).append(Told(change, at))

    now = T0_MS
    for reading in sorted((one for truck in trucks for one in truck.readings), key=lambda one: one.ts):
        for tick in range(now + _TICK_MS, reading.ts, _TICK_MS):
            note(engine.advance(_TICK_MS), tick)
        now = reading.ts
        engine.receive(now)
        note(engine.judge(reading), now)
    for _ in range(60):
        now += _TICK_MS
        note(engine.advance(_TICK_MS), now)
    assert not engine.failures
    return told


def standing_alerts(told: dict[str, list[Told]]) -> dict[str, list[Told]]:
    """Those that were not withdrawn."""
    return {
        alert_id: steps for alert_id, steps in told.items() if steps[-1].change.amendment is not Amendment.RETRACTED
    }


def _city(trucks: Sequence[Truck]) -> City:
    routes: dict[int, Route] = {}
    for truck in trucks:
        if id(truck.route) not in routes:
            number = len(routes)
            routes[id(truck.route)] = Route(f"R{number}", 1, f"Road {number}", f"路{number}", _degrees(truck.route))
    ids = [f"T{n}" for n in range(len(trucks))]
    return City(
        "power", "Power", "力", "UTC", PLANE.centre,
        devices={
            name: Device(name, DeviceRole.TRUCK, vehicle_id=name, report_interval_s=truck.interval_s)
            for name, truck in zip(ids, trucks, strict=True)
        },
        vehicles={name: Vehicle(name, f"晋{name}") for name in ids},
        routes=tuple(routes.values()),
        permits=tuple(
            Permit(name, name, (routes[id(truck.route)].id,)) for name, truck in zip(ids, trucks, strict=True)
        ),
        region_margin_km=1_000,
    )  # fmt: skip


def _degrees(line: LineString) -> LineString:
    places = [PLANE.latlon(XY(x, y)) for x, y in line.coords]
    return LineString([(place.lon, place.lat) for place in places])
