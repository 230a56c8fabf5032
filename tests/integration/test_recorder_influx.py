"""The recorder and a real InfluxDB: readings counted by InfluxQL, an outage, and readings that the store rejects."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from devices.city.model import Device, DeviceRole
from devices.readings.models import Kind, Position, Status, Weighing
from ingest.ledger.dead_letters import DeadLetters
from ingest.process.backoff import Backoff
from ingest.recorder.run import run_recorder
from ingest.store.influx import InfluxStore
from tests.ingest.recorder.parts import CITY, NOW, T0, Bench, counts, fill, position
from tests.points import point_of
from tests.servers.influxdb import InfluxServer
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.real


def receive_a_morning(bench: Bench) -> None:
    """600 positions of two trucks, with repeats, a contradiction and noise; two compartments; statuses."""
    for second in range(0, 3000, 10):
        bench.receive(position(second, lat=35.5 + second * 1e-5), position(second, lat=35.6, device="truck-2"))
        if second % 100 == 0:
            bench.receive(position(second, lat=35.5 + second * 1e-5), fill(second, "glass", second / 100))
            bench.receive(
                fill(second, "paper", second / 60), Status(device_id="truck-1", ts=T0 + second, online=True, session=1)
            )
    bench.receive(position(0, lat=36.0))
    bench.receive_raw("haulwatch/v1/truck-1/position", b"noise")


MORNING = {
    "received": 600 + 120 + 2,
    "stored": 600 + 90,
    "duplicate": 30,
    "quarantined": {"broken_json": 1, "conflict": 1},
}


def counted_by_influxql(server: InfluxServer, database: str, field: str, kind: str) -> int:
    """Count directly, without the store's own code."""
    query = {"db": database, "q": f'SELECT count("{field}") FROM "{kind}"'}
    answer = httpx.get(f"http://127.0.0.1:{server.influxd_port}/query", params=query, timeout=PATIENCE_S)
    [series] = answer.raise_for_status().json()["results"][0]["series"]
    return int(series["values"][0][1])


def another_writer_sends(server: InfluxServer, database: str, line: str) -> None:
    params = {"db": database, "precision": "ms"}
    httpx.post(f"{server.url}/write", params=params, content=line, timeout=PATIENCE_S).raise_for_status()


def drop_measurement(server: InfluxServer, database: str, kind: str) -> None:
    question = {"db": database, "q": f'DROP MEASUREMENT "{kind}"'}
    httpx.post(f"{server.url}/query", data=question, timeout=PATIENCE_S).raise_for_status()


async def test_every_reading_is_found_by_influxql(
    tmp_path: Path, influx_server: InfluxServer, influx_database: str, influx_store: InfluxStore
) -> None:
    bench = Bench(tmp_path, batch_records=100)
    receive_a_morning(bench)
    assert counts(await bench.drain(bench.start(store=influx_store))) == MORNING
    assert bench.ledger().balanced
    for kind, field, expected in (("position", "lat", 600), ("fill", "fill_pct", 60), ("status", "online", 30)):
        assert counted_by_influxql(influx_server, influx_database, field, kind) == expected
        assert await influx_store.count(kind) == expected


async def test_both_stores_give_the_same_answers(tmp_path: Path, influx_store: InfluxStore) -> None:
    bench, embedded = Bench(tmp_path / "influx"), Bench(tmp_path / "sqlite")
    receive_a_morning(bench)
    receive_a_morning(embedded)
    await bench.drain(bench.start(store=influx_store))
    await embedded.drain()
    for kind, device in (("position", "truck-1"), ("position", "truck-2"), ("fill", "point-1"), ("status", "truck-1")):
        assert await influx_store.latest(kind, device) == await embedded.store.latest(kind, device)
        for limit in (1, 7, 5_000):
            asked = (kind, device, T0 + 15_000, T0 + 2_000_000)
            assert await influx_store.rows(*asked, limit=limit) == await embedded.store.rows(*asked, limit=limit)
            means = await influx_store.downsampled(*asked, every_ms=60_000, limit=limit)
            others = await embedded.store.downsampled(*asked, every_ms=60_000, limit=limit)
            assert [row[:3] for row in means] == [row[:3] for row in others]
            for mean, other in zip(means, others, strict=True):
                assert mean.fields == pytest.approx(other.fields, rel=1e-12)


async def test_an_outage_loses_nothing_and_stores_nothing_twice(
    tmp_path: Path, influx_server: InfluxServer, influx_database: str, influx_store: InfluxStore
) -> None:
    bench, stop = Bench(tmp_path, batch_records=50), asyncio.Event()
    receive_a_morning(bench)
    recorder = bench.start(store=influx_store)
    await recorder.step()
    influx_server.stop()
    try:
        backoff = Backoff(first_s=0.01, cap_s=0.05)
        running = asyncio.create_task(run_recorder(recorder, stop, clock=lambda: NOW, backoff=backoff), name="recorder")
        await eventually(lambda: bench.status().trouble is not None)
        status = bench.status()
        assert "502" in str(status.trouble)
        assert status.backlog > 0
        assert bench.ledger().balanced
    finally:
        influx_server.start()
    await eventually(lambda: bench.status().backlog == bench.status().pending == 0)
    stop.set()
    await running
    assert counts(bench.ledger()) == MORNING
    assert bench.status().trouble is None
    assert counted_by_influxql(influx_server, influx_database, "lat", "position") == 600


async def test_a_database_that_is_not_there_keeps_everything(tmp_path: Path, influx_server: InfluxServer) -> None:
    bench, stop = Bench(tmp_path), asyncio.Event()
    bench.receive(position(1))
    store = InfluxStore(influx_server.url, "unused", "haulwatch", f"late-{tmp_path.name}")
    running = asyncio.create_task(
        run_recorder(bench.start(store=store), stop, clock=lambda: NOW, backoff=Backoff(first_s=0.01, cap_s=30.0)),
        name="recorder",
    )
    await eventually(lambda: bench.status().trouble is not None)
    assert "not found" in str(bench.status().trouble)
    influx_server.create_database(f"late-{tmp_path.name}")
    await eventually(lambda: bench.ledger().total.stored == 1)
    stop.set()
    await running
    assert counts(bench.ledger()) == {"received": 1, "stored": 1}
    await store.close()


async def test_a_field_of_another_type_is_found_quarantined_and_redriven_later(
    tmp_path: Path, influx_server: InfluxServer, influx_database: str, influx_store: InfluxStore
) -> None:
    another_writer_sends(influx_server, influx_database, f'weighing,device=someone gross_kg="heavy" {T0}')
    bench = Bench(tmp_path)
    bridge = Device("bridge-1", DeviceRole.WEIGHBRIDGE, site_id="site-1")
    bench.city = replace(CITY, devices={**CITY.devices, bridge.id: bridge})
    bench.receive(*(position(second) for second in range(20)))
    bench.receive(Weighing(device_id="bridge-1", ts=T0, gross_kg=31_000.0, ticket="T1", direction="in"))
    bench.receive(*(position(second) for second in range(20, 40)))
    recorder = bench.start(store=influx_store)
    expected = {"received": 41, "stored": 40, "quarantined": {"rejected_by_store": 1}}
    assert counts(await bench.drain(recorder)) == expected
    assert await influx_store.count("position") == 40
    letters = DeadLetters(bench.state_path)
    [letter] = letters.list()
    assert "field type conflict" in letter.detail
    assert letters.payload(letter.id) == bench.log.messages[20].payload

    drop_measurement(influx_server, influx_database, "weighing")
    letters.redrive(letter.id, bench.log, NOW)
    assert counts(await bench.drain(recorder)) == {"received": 41, "stored": 41}
    assert await influx_store.count(Kind.WEIGHING) == 1


async def test_more_than_five_thousand_lines_are_sent_in_several_writes(influx_store: InfluxStore) -> None:
    device = CITY.devices["truck-1"]
    readings = [Position(device_id="truck-1", ts=T0 + number, lat=1.0, lon=2.0) for number in range(12_345)]
    await influx_store.write([point_of(reading, device) for reading in readings])
    assert await influx_store.count("position") == 12_345
