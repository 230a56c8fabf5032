"""Readings that stand without a faulty value: stored, named and counted by device, exactly over power cuts."""

from dataclasses import replace
from pathlib import Path

import pytest

from devices.city.haulage import LoadUnit, Vehicle
from devices.city.model import City
from devices.city.sites import Validity
from devices.readings.models import Kind
from tests.ingest.recorder.parts import NOW, T0, Bench, counts
from tests.ingest.recorder.test_recorder_crash import CutState, CutStore, Fuse, PowerCut

FILL, POSITION = "haulwatch/v1/point-1/fill", "haulwatch/v1/truck-1/position"


def broken_probe(second: int, pct: float) -> bytes:
    return b'{"ts": %d, "fill_pct": %s, "temperature_c": -127}' % (T0 + second * 1000, str(pct).encode())


async def test_values_that_were_dropped_or_clamped_are_counted_by_device_and_field(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for second, pct in enumerate((40, 98, 104, 121)):
        bench.receive_raw(FILL, broken_probe(second, pct))
    bench.receive_raw(FILL, broken_probe(1, 98))  # sent again
    bench.receive_raw(POSITION, b'[{"ts": %d, "lat": 35.5, "lon": 112.8, "hdop": 655}, {"ts": 1}]' % T0)
    ledger = await bench.drain()
    point, truck = bench.line("point-1"), bench.line("truck-1")
    assert counts(point) == {"received": 5, "stored": 3, "duplicate": 1, "quarantined": {"out_of_bounds": 1}}
    assert (point.dropped_fields, point.clamped_fields) == ({"temperature_c": 4}, {"fill_pct": 1})
    assert (truck.dropped_fields, truck.clamped_fields) == ({"hdop": 1}, {})
    assert ledger.total.dropped_fields == {"hdop": 1, "temperature_c": 4}
    assert ledger.balanced
    rows = await bench.store.rows(Kind.FILL, "point-1", T0, NOW, limit=9)
    assert [row.fields for row in rows] == [{"fill_pct": pct} for pct in (40.0, 98.0, 100.0)]


@pytest.mark.parametrize(
    "point", ["before commit", "after commit, before write", "during write", "after write, before confirm"]
)
@pytest.mark.parametrize("compacted", [True, False])
async def test_a_power_cut_counts_no_value_twice(tmp_path: Path, point: str, compacted: bool) -> None:
    bench = Bench(tmp_path, batch_records=2)
    for second in range(7):
        bench.receive_raw(FILL, broken_probe(second, 101))
    fuse = Fuse(point, 2)
    with pytest.raises((PowerCut, ExceptionGroup)):
        await bench.drain(bench.start(state=CutState(bench.state_path, fuse), store=CutStore(bench.store, fuse)))
    if compacted:
        bench.start()
    await bench.drain()
    line = bench.line("point-1")
    assert (line.stored, line.dropped_fields, line.clamped_fields) == (7, {"temperature_c": 7}, {"fill_pct": 7})


@pytest.mark.parametrize(
    ("lat", "lon"), [(0, 0), (35.5, 0), (0, 112.8), (90, 0), (-90, 112.8), (35.5, 180), (22.543096, 114.057865)]
)
async def test_a_position_outside_the_region_is_stored_as_sent_and_as_no_fix(
    tmp_path: Path, lat: float, lon: float
) -> None:
    bench = Bench(tmp_path)
    message = b'{"ts": %d, "lat": %s, "lon": %s}' % (T0, str(lat).encode(), str(lon).encode())
    bench.receive_raw(POSITION, message)
    bench.receive_raw(POSITION, message)
    await bench.drain()
    line = bench.line("truck-1")
    assert (line.stored, line.duplicate, line.outside_region) == (1, 1, 2)
    [row] = await bench.store.rows(Kind.POSITION, "truck-1", T0, NOW, limit=9)
    assert (row.fields["lat"], row.fields["lon"], row.fields["located"]) == (lat, lon, False)


async def test_switches_and_load_are_stored_as_the_native_format_has_them(tmp_path: Path) -> None:
    """By the version of the vehicle that held at device time; a load that cannot be is left out and counted."""
    city = Bench(tmp_path).city
    truck = replace(city.devices["truck-1"], vehicle_id="lorry")
    plain = Vehicle("lorry", "晋E1", validity=Validity(None, T0 + 1_000))
    wired = replace(plain, validity=Validity(T0 + 1_000), version=2, lift_inverted=True, load_unit=LoadUnit.TONNE)
    held = replace(city, devices={**city.devices, "truck-1": truck}, vehicles={"lorry": wired}, past_vehicles=(plain,))
    bench = Bench(tmp_path, city=held)
    for second, load in enumerate((15_000, 15, 900)):
        message = b'{"ts": %d, "lat": 35.5, "lon": 112.8, "lift_up": true, "load_kg": %d}' % (T0 + second * 1_000, load)
        bench.receive_raw(POSITION, message)
    await bench.drain()
    line = bench.line("truck-1")
    assert (line.stored, line.dropped_fields, line.outside_region) == (3, {"load_kg": 1}, 0)
    rows = await bench.store.rows(Kind.POSITION, "truck-1", T0, NOW, limit=9)
    assert [(row.fields["lift_up"], row.fields.get("load_kg")) for row in rows] == [
        (True, 15_000.0), (False, 15_000.0), (False, None),
    ]  # fmt: skip


async def test_a_position_at_the_border_of_the_region_is_a_fix(tmp_path: Path) -> None:
    city = City("c", "C", "城", "UTC", Bench(tmp_path).city.centre, devices=Bench(tmp_path).city.devices)
    bench = Bench(tmp_path, city=city)
    region = city.region
    bench.receive_raw(POSITION, b'{"ts": %d, "lat": %.6f, "lon": 112.8}' % (T0, region.north - 0.001))
    bench.receive_raw(POSITION, b'{"ts": %d, "lat": %.6f, "lon": 112.8}' % (T0 + 1000, region.north + 0.001))
    await bench.drain()
    rows = await bench.store.rows(Kind.POSITION, "truck-1", T0, NOW, limit=9)
    assert [row.fields["located"] for row in rows] == [True, False]


async def test_a_corrected_time_is_in_store_ledger_and_health_and_keeps_what_else_is_corrected(tmp_path: Path) -> None:
    """The device is an hour behind: an upload of two fills, one without its probe, and an element that is none."""
    known = Bench(tmp_path).city
    behind = replace(known.devices["point-1"], clock_correction_s=3_600)
    bench = Bench(tmp_path, city=replace(known, devices={**known.devices, "point-1": behind}))
    late = T0 - 3_600_000
    bench.receive_raw(
        FILL,
        b'[{"ts": %d, "fill_pct": 1}, {"ts": %d, "fill_pct": 2, "temperature_c": -127}, {"ts": %d}]'
        % (late, late + 1_000, late + 2_000),
    )
    await bench.drain()
    line = bench.line("point-1")
    assert (line.stored, line.clock_corrected, line.dropped_fields) == (2, 2, {"temperature_c": 1})
    assert line.quarantined == {"missing_field": 1}
    assert line.clock_offset_ms is not None
    assert NOW - T0 - 2_000 <= line.clock_offset_ms <= NOW - T0, "of all three, corrected"
    rows = await bench.store.rows(Kind.FILL, "point-1", T0, NOW, limit=9)
    assert [row.ts for row in rows] == [T0, T0 + 1_000]
