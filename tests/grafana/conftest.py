"""The demonstration in a real InfluxDB, for the tests of the boards."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from ingest.store.influx import InfluxStore
from tests.grafana.answers import Answers
from tests.grafana.demonstration import demonstration
from tests.servers.influxdb import InfluxServer
from tests.waiting import PATIENCE_S


@pytest.fixture(scope="session")
def answers(influx_server: InfluxServer) -> Iterator[Answers]:
    database = f"boards-{uuid4().hex[:8]}"
    influx_server.create_database(database)

    points = demonstration().points

    async def write() -> None:
        store = InfluxStore(influx_server.url, "unused", "haulwatch", database)
        try:
            for start in range(0, len(points), 2_000):  # a body over 1 MB makes aiohttp warn
                await store.write(points[start : start + 2_000])
        finally:
            await store.close()

    asyncio.run(write())
    params = {"db": database, "epoch": "ms"}
    with httpx.Client(base_url=influx_server.url, params=params, timeout=PATIENCE_S) as client:
        yield Answers(demonstration(), client)
