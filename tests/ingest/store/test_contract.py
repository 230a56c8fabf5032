"""One contract, both stores: the same readings give the same answers from SQLite and from a real InfluxDB."""

from collections.abc import AsyncIterator
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.city.model import Device, DeviceRole
from devices.readings.models import Fill, Kind, Load, Position, Reading, Status, Weighing
from devices.readings.series import Point, SeriesKey, series_key
from ingest.recorder.line import line_head, measured, whole_line
from ingest.store import Bounds, History, Instant, LineStore, Row, Store
from ingest.store.influx import InfluxStore
from ingest.store.sqlite import SqliteStore
from tests.points import content, point_of
from tests.servers.influxdb import InfluxServer

T0 = 1_700_000_000_000
TRUCK = Device("truck-1", DeviceRole.TRUCK, fleet="fleet, one", district="沁水 县")
POINT = Device("point-1", DeviceRole.RECYCLING_POINT, site_id="site=7")
BRIDGE = Device("bridge-1", DeviceRole.WEIGHBRIDGE)


class WholeStore(Store, LineStore, History, Protocol):
    """All ports of a store: the recorder's, the board feed's and the API's."""


@pytest_asyncio.fixture(params=["sqlite", pytest.param("influx", marks=pytest.mark.real)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WholeStore]:
    if request.param == "sqlite":
        opened: WholeStore = SqliteStore(tmp_path / "points.db")
    else:
        server: InfluxServer = request.getfixturevalue("influx_server")
        opened = InfluxStore(server.url, "unused", "haulwatch", request.getfixturevalue("influx_database"))
    yield opened
    await opened.close()


def position(second: int, **fields: object) -> Position:
    values = {"lat": 35.5 + second * 1e-5, "lon": 112.85, "speed_kmh": float(second % 200), **fields}
    return Position(device_id=TRUCK.id, ts=T0 + second * 1000, **values)  # type: ignore[arg-type]


def fill(second: int, compartment: str, pct: float) -> Fill:
    return Fill(device_id=POINT.id, ts=T0 + second * 1000, compartment=compartment, fill_pct=pct, deposits=second)


def points(device: Device, *readings: Reading) -> list[Point]:
    return [point_of(reading, device) for reading in readings]


def instant(reading: Reading) -> Instant:
    return Instant(series_key(reading), reading.ts)


async def test_a_written_reading_is_read_back_exactly(store: WholeStore) -> None:
    reading = position(
        1, seq=2**53 - 1, lat=1 / 3, accuracy_m=40.0, load=Load.LOADED, lift_up=False, manifest='联单 "7", \\ a=b'
    )
    await store.write(points(TRUCK, reading))
    [row] = await store.rows("position", TRUCK.id, T0, T0 + 60_000, limit=10)
    assert row == Row(reading.ts, TRUCK.id, "", point_of(reading, TRUCK).fields)
    assert {name: type(value) for name, value in row.fields.items()} == {
        name: type(value) for name, value in point_of(reading, TRUCK).fields.items()
    }


async def test_writing_twice_changes_nothing(store: WholeStore) -> None:
    batch = points(TRUCK, position(1), position(2))
    await store.write(batch)
    await store.write(batch)
    assert await store.count("position") == 2
    assert len(await store.rows("position", TRUCK.id, T0, T0 + 60_000, limit=10)) == 2


async def test_lines_are_written_as_their_points_are(store: WholeStore) -> None:
    readings = [position(1, seq=4, lift_up=True, manifest='a "b" \\'), position(2, lat=-0.0)]
    await store.write_lines(
        [
            whole_line(line_head(series_key(reading), TRUCK), measured(reading), reading.seq, reading.ts)
            for reading in readings
        ]
    )
    await store.write(points(TRUCK, position(3)))
    first, second, third = await store.rows("position", TRUCK.id, T0, T0 + 60_000, limit=10)
    assert [first.fields, second.fields] == [point_of(reading, TRUCK).fields for reading in readings]
    assert third.fields.keys() < first.fields.keys()
    assert await store.downsampled("position", TRUCK.id, T0, T0 + 60_000, every_ms=60_000, limit=9)
    assert len(await store.latest("position", TRUCK.id)) == 1, "one series"


async def test_fields_written_to_a_stored_instant_join_the_fields_it_has(store: WholeStore) -> None:
    tags = (("device", "truck-1"),)
    await store.write([Point("position", tags, {"lat": 1.0, "lon": 2.0}, T0)])
    await store.write([Point("position", tags, {"lon": 3.0, "located": True}, T0)])
    [row] = await store.rows("position", "truck-1", T0, T0 + 1, limit=9)
    assert row.fields == {"lat": 1.0, "lon": 3.0, "located": True}


async def test_stored_fields_returns_exactly_the_asked_instants_that_are_stored(store: WholeStore) -> None:
    stored: list[Reading] = [position(0), position(1), position(3_600), fill(0, "glass", 10.0), fill(0, "paper", 20.0)]
    for reading in stored:
        await store.write(points(POINT if isinstance(reading, Fill) else TRUCK, reading))
    asked = [stored[0], stored[2], stored[4], position(2), fill(0, "metal", 1.0), fill(1, "paper", 1.0)]
    found = await store.stored_fields([instant(reading) for reading in asked])
    assert found == {instant(reading): content(reading) for reading in (stored[0], stored[2], stored[4])}
    assert await store.stored_fields([]) == {}


async def test_newest_is_returned_for_each_series_that_has_one(store: WholeStore) -> None:
    await store.write(points(TRUCK, position(5), position(1)))
    await store.write(points(POINT, fill(7, "glass", 1.0), fill(9, "paper", 1.0)))
    glass, paper = SeriesKey(Kind.FILL, POINT.id, "glass"), SeriesKey(Kind.FILL, POINT.id, "paper")
    truck, nobody = SeriesKey(Kind.POSITION, TRUCK.id, ""), SeriesKey(Kind.STATUS, TRUCK.id, "")
    assert await store.newest([glass, paper, truck, nobody]) == {
        glass: T0 + 7_000,
        paper: T0 + 9_000,
        truck: T0 + 5_000,
    }
    assert await store.newest([paper]) == {paper: T0 + 9_000}


async def test_more_devices_than_one_query_holds(store: WholeStore) -> None:
    devices = [Device(f"truck-{number}", DeviceRole.TRUCK) for number in range(230)]
    readings = [Position(device_id=device.id, ts=T0 + index, lat=1.0, lon=2.0) for index, device in enumerate(devices)]
    await store.write([point_of(*pair) for pair in zip(readings, devices, strict=True)])
    assert len(await store.newest([series_key(reading) for reading in readings])) == 230
    assert len(await store.stored_fields([instant(reading) for reading in readings])) == 230


async def test_latest_is_the_newest_row_of_each_compartment(store: WholeStore) -> None:
    await store.write(points(POINT, fill(1, "glass", 10.0), fill(2, "glass", 20.0), fill(0, "paper", 5.0)))
    latest = await store.latest("fill", POINT.id)
    assert [(row.ts, row.part, row.fields["fill_pct"]) for row in latest] == [
        (T0, "paper", 5.0),
        (T0 + 2000, "glass", 20.0),
    ]
    assert await store.latest("fill", "nobody") == []


async def test_latest_of_many_devices_are_in_the_order_of_their_ids(store: WholeStore) -> None:
    ids = [f"truck-{number:03}" for number in range(230)]
    stored = [point_of(Position(device_id=id_, ts=T0, lat=1.0, lon=2.0), Device(id_, DeviceRole.TRUCK)) for id_ in ids]
    await store.write(stored[::-1])
    await store.write(points(TRUCK, position(1), position(9), position(5)))
    rows = await store.latest_of("position", [TRUCK.id, "nobody", *ids[::-1], TRUCK.id])
    assert [row.device_id for row in rows] == sorted([*ids, TRUCK.id])
    assert {row.ts for row in rows if row.device_id == TRUCK.id} == {T0 + 9_000}
    await store.write(points(POINT, fill(2, "glass", 20.0), fill(0, "paper", 5.0), fill(1, "glass", 10.0)))
    levels = await store.latest_of("fill", [POINT.id, TRUCK.id])
    assert [(row.device_id, row.part, row.fields["fill_pct"]) for row in levels] == [
        (POINT.id, "paper", 5.0),
        (POINT.id, "glass", 20.0),
    ]
    assert await store.latest_of("position", []) == []


async def test_latest_located_passes_over_positions_without_a_fix(store: WholeStore) -> None:
    lost, other = Device("truck-lost", DeviceRole.TRUCK), Device("truck-2", DeviceRole.TRUCK)
    await store.write(points(TRUCK, position(1), position(2), position(3, located=False), position(4, located=False)))
    nowhere = Position(device_id=lost.id, ts=T0, lat=0.0, lon=0.0, located=False)
    somewhere = Position(device_id=other.id, ts=T0 + 9, lat=1.0, lon=2.0)
    await store.write([point_of(nowhere, lost), point_of(somewhere, other)])
    rows = await store.latest_located([TRUCK.id, other.id, lost.id, "nobody"])
    assert [(row.device_id, row.ts) for row in rows] == sorted([(TRUCK.id, T0 + 2_000), (other.id, T0 + 9)])
    assert await store.latest_located([]) == []


async def test_a_device_that_moved_to_another_district_has_one_latest_row(store: WholeStore) -> None:
    moved = Device(TRUCK.id, DeviceRole.TRUCK, district="elsewhere")
    await store.write([*points(TRUCK, position(1)), *points(moved, position(2))])
    assert [row.ts for row in await store.latest("position", TRUCK.id)] == [T0 + 2000]
    assert len(await store.rows("position", TRUCK.id, T0, T0 + 60_000, limit=10)) == 2


async def test_a_stored_instant_is_found_after_its_device_moved(store: WholeStore) -> None:
    moved = Device(POINT.id, DeviceRole.RECYCLING_POINT, site_id="elsewhere", district="elsewhere")
    before, after = fill(1, "glass", 10.0), fill(2, "glass", 20.0)
    await store.write([*points(POINT, before), *points(moved, after)])
    asked = [instant(before), instant(after)]
    assert await store.stored_fields(asked) == {instant(before): content(before), instant(after): content(after)}
    assert await store.newest([series_key(before)]) == {series_key(before): after.ts}
    assert await store.count("fill") == 2


async def test_control_characters_and_breaks_in_texts_survive(store: WholeStore) -> None:
    texts = ["a\0b", "\r\n", "\x1b[2J", "\u2028", "\ufeff", "\uffff", "\U0010ffff", "a\\", '"\n#x y=1 5\n"']
    # No reading may hold these, but a store may be given them.
    readings = [replace(position(second), manifest=text) for second, text in enumerate(texts)]
    await store.write(points(TRUCK, *readings))
    found = await store.stored_fields([instant(reading) for reading in readings])
    assert found == {instant(reading): content(reading) for reading in readings}


async def test_rows_start_inclusive_end_exclusive_oldest_first(store: WholeStore) -> None:
    await store.write(points(TRUCK, *(position(second) for second in (3, 1, 2, 4))))
    rows = await store.rows("position", TRUCK.id, T0 + 1000, T0 + 4000, limit=10)
    assert [row.ts for row in rows] == [T0 + 1000, T0 + 2000, T0 + 3000]


async def test_paging_loses_no_compartment(store: WholeStore) -> None:
    await store.write(points(POINT, *(fill(s, part, 1.0) for s in range(5) for part in ("glass", "metal", "paper"))))
    seen: list[tuple[int, str]] = []
    start = T0
    while rows := await store.rows("fill", POINT.id, start, T0 + 60_000, limit=4):
        seen += [(row.ts, row.part) for row in rows]
        start = rows[-1].ts + 1
    assert seen == [(T0 + s * 1000, part) for s in range(5) for part in ("glass", "metal", "paper")]
    assert len(await store.rows("fill", POINT.id, T0, T0 + 60_000, limit=2)) == 3, "one instant is never torn"


async def test_rows_of_one_compartment(store: WholeStore) -> None:
    await store.write(points(POINT, *(fill(s, part, 1.0) for s in range(3) for part in ("glass", "paper"))))
    rows = await store.rows("fill", POINT.id, T0, T0 + 60_000, limit=10, part="paper")
    assert [(row.ts, row.part) for row in rows] == [(T0 + s * 1000, "paper") for s in range(3)]


async def test_downsampled_means_by_aligned_window_without_the_empty_ones(store: WholeStore) -> None:
    await store.write(points(TRUCK, position(0, lift_up=True), position(10), position(200, satellites=9)))
    start = T0 - T0 % 60_000
    rows = await store.downsampled("position", TRUCK.id, start, start + 600_000, every_ms=60_000, limit=10)
    windows = sorted({ts - ts % 60_000 for ts in (T0, T0 + 10_000, T0 + 200_000)})
    assert [row.ts for row in rows] == windows
    assert rows[0].fields["speed_kmh"] == pytest.approx(5.0)
    assert rows[0].fields["lat"] == pytest.approx(35.50005)
    assert rows[1].fields["satellites"] == pytest.approx(9.0)
    assert not {"lift_up", "located"} & rows[0].fields.keys(), "a switch has no mean"
    first = await store.downsampled("position", TRUCK.id, start, start + 600_000, every_ms=60_000, limit=1)
    assert [row.ts for row in first] == windows[:1]


async def test_downsampled_keeps_compartments_apart(store: WholeStore) -> None:
    await store.write(points(POINT, fill(0, "glass", 10.0), fill(1, "glass", 20.0), fill(0, "paper", 80.0)))
    rows = await store.downsampled("fill", POINT.id, T0, T0 + 60_000, every_ms=10_000, limit=10)
    assert [(row.part, row.fields["fill_pct"]) for row in rows] == [("glass", 15.0), ("paper", 80.0)]


async def test_count_counts_readings_of_a_kind(store: WholeStore) -> None:
    assert await store.count("weighing") == 0
    ticket = Weighing(device_id=BRIDGE.id, ts=T0, gross_kg=31_000.0, ticket="T1", direction="in")
    await store.write(points(BRIDGE, ticket, Status(device_id=BRIDGE.id, ts=T0, online=True, session=1)))
    await store.write(points(TRUCK, position(1), position(2, satellites=4), position(3)))
    assert [await store.count(kind) for kind in ("weighing", "status", "position")] == [1, 1, 3]


async def test_names_cannot_break_out_of_their_quotes(store: WholeStore) -> None:
    await store.write(points(TRUCK, position(1)))
    for name in ("' OR '1' = '1", "truck-1' --", "a\\' OR 1=1 --", "x\ny", '"'):
        assert await store.rows("position", name, T0, T0 + 60_000, limit=10) == []
        assert await store.rows("fill", TRUCK.id, T0, T0 + 60_000, limit=10, part=name) == []


async def test_ping_names_the_store(store: WholeStore) -> None:
    assert (await store.ping()).split()[0] in {"SQLite", "InfluxDB"}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: not text.endswith("\\")
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tag=TEXT,
    fields=st.fixed_dictionaries(
        {
            "lat": st.floats(-90, 90),
            "speed_kmh": st.floats(0, 250) | st.just(40.0),
            "satellites": st.integers(0, 64),
            "located": st.booleans(),
            "manifest": TEXT | st.just('"\\"\n\\\\"'),
        }
    ),
    number=st.integers(0, 2**40),
)
async def test_anything_a_reading_can_hold_survives_the_store(
    store: WholeStore, tag: str, fields: dict[str, bool | int | float | str], number: int
) -> None:
    device = f"truck-{number}-{blake2b(f'{tag}|{fields}'.encode()).hexdigest()[:8]}"  # each example a series of its own
    await store.write([Point("position", (("device", device), ("district", tag)), fields, T0)])
    key = Instant(SeriesKey(Kind.POSITION, device, ""), T0)
    assert (await store.stored_fields([key]))[key] == fields


@pytest.mark.real
async def test_the_server_is_the_real_one(influx_store: InfluxStore) -> None:
    assert (await influx_store.ping()).startswith("InfluxDB 1.6.7")


async def test_positions_within_a_rectangle_come_by_device_and_time_and_are_cut_at_a_limit(store: WholeStore) -> None:
    others = [Device(f"truck-{number:03}", DeviceRole.TRUCK) for number in range(150)]
    far = Position(device_id="truck-far", ts=T0, lat=36.0, lon=112.85)
    standing = [(Position(device_id=one.id, ts=T0 + 2_000, lat=35.5, lon=112.85), one) for one in others]
    await store.write([point_of(*one) for one in [*standing, (far, Device("truck-far", DeviceRole.TRUCK))]])
    moved = Device(TRUCK.id, DeviceRole.TRUCK, district="elsewhere")
    await store.write([*points(moved, position(3)), *points(TRUCK, *(position(second) for second in (1, 2, 4, 5)))])
    await store.write(points(TRUCK, position(6, lat=None, lon=None)))
    box = Bounds(112.8, 35.49, 112.85, 35.50004)
    every = [*(device.id for device in others), TRUCK.id, "truck-far", "nobody"]

    async def found(devices: list[str], end: int = T0 + 60_000, limit: int = 1_000) -> list[tuple[str, int]]:
        rows = await store.positions_within(devices, T0 + 2_000, end, box, limit=limit)
        return [(row.device_id, (row.ts - T0) // 1_000) for row in rows]

    own = [(TRUCK.id, 2), (TRUCK.id, 3), (TRUCK.id, 4)]
    assert await found([TRUCK.id, "truck-far"]) == own
    everywhere = sorted([*((device.id, 2) for device in others), *own])
    assert await found(every[::-1]) == everywhere
    assert await found([TRUCK.id], end=T0 + 4_000) == own[:2]
    assert await found([TRUCK.id], limit=1) == own[:2], "one more says that there are more"
    assert await found(every, limit=120) == everywhere[:121]
    assert await found([]) == []
