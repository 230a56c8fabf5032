"""The number of series in the store grows with the devices, never with time, alerts or tickets."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import httpx
import pytest

from devices.city.model import City, DeviceRole
from devices.readings.models import Fill, Kind, Position, Reading, Status
from devices.readings.series import (
    ALERT_MEASUREMENT,
    ALERT_STATE_MEASUREMENT,
    ALERT_STATE_TAGS,
    ALERT_TAGS,
    AREA_TAGS,
    CITY_LOADS_MEASUREMENT,
    CITY_LOADS_TAGS,
    EMPTYING_MEASUREMENT,
    EMPTYING_TAGS,
    HEALTH_MEASUREMENT,
    HEALTH_TAGS,
    INDICATOR_MEASUREMENT,
    INDICATOR_TAGS,
    MANIFEST_MEASUREMENT,
    MANIFEST_TAGS,
    PLACE_MEASUREMENT,
    PLACE_TAGS,
    SUSPECTED_SITE_MEASUREMENT,
    SUSPECTED_SITE_TAGS,
    Point,
)
from ingest.alerts.store_sink import alert_points
from ingest.alerts.subjects import SubjectFields
from ingest.boards.points import place_points
from ingest.store.influx import InfluxStore
from rules.alerts.actions import JournalEntry
from rules.alerts.model import Phase, Severity
from rules.catalogue import build_rules
from tests.api.fakes import change
from tests.bench.fleet import city_of
from tests.grafana.demonstration import demonstration
from tests.points import point_of
from tests.servers.influxdb import InfluxServer
from tests.waiting import PATIENCE_S

START = 1_790_000_000_000
TRUCKS, POINTS = 90_000, 10_000
COMPARTMENTS = ("paper", "glass", "metal", "textile")
SERIES_OF = {DeviceRole.TRUCK: 2, DeviceRole.RECYCLING_POINT: len(COMPARTMENTS) + 1}
"""Of readings: positions and statuses of a truck; a fill for each compartment, and statuses."""
WITH_COMPARTMENTS = (Kind.FILL, ALERT_MEASUREMENT, ALERT_STATE_MEASUREMENT)
READ_BY_NOBODY = {"alert_id", "ticket", "plate", "material", "manifest", "seq", "session", "title", "rfid"}
"""Values without end: as tags, each new one would be another series for ever."""

Series = tuple[str, tuple[tuple[str, str], ...]]


def series_of(points: Iterable[Point]) -> set[Series]:
    return {(point.measurement, point.tags) for point in points}


def readings_of(city: City, hour: int = 0) -> Iterator[Reading]:
    """One reading of each of its kinds from every device; every value and number differs from hour to hour."""
    ts = START + hour * 3_600_000
    for number, device in enumerate(city.devices.values()):
        yield Status(device_id=device.id, ts=ts, seq=hour, online=True, session=hour + 1)
        if device.role is DeviceRole.TRUCK:
            lat = 35.5 + hour * 1e-3
            yield Position(device_id=device.id, ts=ts, seq=hour + number, lat=lat, lon=112.8, manifest=f"m-{hour}")
        else:
            for compartment in COMPARTMENTS:
                yield Fill(device_id=device.id, ts=ts, compartment=compartment, fill_pct=float(hour % 100))


@pytest.fixture(scope="module")
def city() -> City:
    return city_of(TRUCKS, POINTS)


def points_of(city: City, hour: int = 0) -> list[Point]:
    return [point_of(reading, city.devices[reading.device_id]) for reading in readings_of(city, hour)]


def test_a_city_of_100_000_devices_makes_series_for_its_devices_and_no_more(city: City) -> None:
    points = points_of(city)
    series = series_of(points)
    assert len(city.devices) == 100_000
    assert len(series) == TRUCKS * SERIES_OF[DeviceRole.TRUCK] + POINTS * SERIES_OF[DeviceRole.RECYCLING_POINT]
    values: dict[str, set[str]] = defaultdict(set)
    for _, tags in series:
        for key, value in tags:
            values[key].add(value)
    distinct = {key: len(found) for key, found in values.items()}
    assert distinct == {"device": 100_000, "fleet": 20, "district": 1, "compartment": len(COMPARTMENTS)}


def test_neither_time_nor_values_make_series() -> None:
    city = city_of(900, 100)
    first = series_of(points_of(city))
    assert all(series_of(points_of(city, hour)) == first for hour in range(1, 49))


def test_alerts_make_series_by_device_rule_phase_and_severity_however_many_there_are() -> None:
    city = city_of(10)
    rules = sorted(rule.name for rule in build_rules())

    def entries(alerts: int) -> list[JournalEntry]:
        return [
            JournalEntry(
                sequence=1,
                recorded_at=START,
                change=change(
                    number,
                    rule=rules[number % len(rules)],
                    subject=f"load-{number % 10:06d}",
                    phase=phase,
                    severity=list(Severity)[number % len(Severity)],
                ),
            )
            for number in range(alerts)
            for phase in Phase
        ]

    few, many = (
        series_of(alert_points(entries(1_000), city, SubjectFields())),
        series_of(alert_points(entries(2_000), city, SubjectFields())),
    )
    assert few == many
    assert len(many) <= 10 * len(rules) * len(Phase) * len(Severity)


def test_every_tag_is_one_of_the_few_that_are_named() -> None:
    """Over everything the demonstration writes: readings, alerts and their states, places, ingestion."""
    named: dict[str, set[str]] = {str(kind): {"device", *AREA_TAGS} for kind in Kind}
    named |= {
        ALERT_MEASUREMENT: {*ALERT_TAGS, *AREA_TAGS},
        ALERT_STATE_MEASUREMENT: set(ALERT_STATE_TAGS),
        PLACE_MEASUREMENT: set(PLACE_TAGS),
        HEALTH_MEASUREMENT: set(HEALTH_TAGS),
        SUSPECTED_SITE_MEASUREMENT: set(SUSPECTED_SITE_TAGS),
        EMPTYING_MEASUREMENT: set(EMPTYING_TAGS),
        CITY_LOADS_MEASUREMENT: set(CITY_LOADS_TAGS),
        MANIFEST_MEASUREMENT: set(MANIFEST_TAGS),
        INDICATOR_MEASUREMENT: set(INDICATOR_TAGS),
    }
    for measurement in WITH_COMPARTMENTS:
        named[measurement].add("compartment")
    shown = demonstration()
    used: dict[str, set[str]] = defaultdict(set)
    for point in shown.points:
        used[point.measurement] |= {key for key, _ in point.tags}
    assert used.keys() == named.keys()
    for measurement, tags in used.items():
        assert tags <= named[measurement], measurement
        assert not tags & READ_BY_NOBODY, measurement


def test_weighings_and_throughput_have_one_series_a_device() -> None:
    """Tickets, plates and materials are fields."""
    city = demonstration().city
    kinds = {Kind.WEIGHING: "weighbridge", Kind.THROUGHPUT: "line"}
    for kind, of in kinds.items():
        points = [p for p in demonstration().points if p.measurement == kind]
        assert len(points) > 10
        assert len(series_of(points)) == len({dict(p.tags)["device"] for p in points})
        assert all(dict(p.tags)["device"].startswith(of) for p in points)
    assert len(series_of(place_points(city, START))) <= len(city.devices)


@pytest.mark.real
def test_a_real_influxdb_counts_the_same_series(influx_server: InfluxServer, influx_database: str) -> None:
    city = city_of(9_000, 1_000)
    points = points_of(city)

    async def write(batches: Sequence[Sequence[Point]]) -> None:
        store = InfluxStore(influx_server.url, "unused", "haulwatch", influx_database)
        for batch in batches:
            await store.write(batch)
        await store.close()

    asyncio.run(write([points[n : n + 5_000] for n in range(0, len(points), 5_000)]))
    asked = {"q": "SHOW SERIES EXACT CARDINALITY", "db": influx_database}
    [result] = httpx.get(f"{influx_server.url}/query", params=asked, timeout=PATIENCE_S).json()["results"]
    counted = {series["name"]: series["values"][0][0] for series in result["series"]}
    assert counted == {"position": 9_000, "status": 10_000, "fill": 4_000}
    assert sum(counted.values()) == len(series_of(points))
