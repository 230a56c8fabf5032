"""A real InfluxDB 1.6.7 on loopback, behind nginx that gives it the `/api/v2/write` of later versions."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from ingest.store.influx import InfluxStore
from tests.bench.servers import INFLUXD_CONF, NGINX_CONF
from tests.servers import free_port, program, running


@dataclass
class InfluxServer:
    """influxd and the nginx before it; the data outlive `stop` and `start`."""

    folder: Path
    influxd_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    _influxd: ExitStack = field(default_factory=ExitStack)
    _nginx: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.folder / "influxd.conf"
        config.write_text(INFLUXD_CONF.format(folder=self.folder, port=self.influxd_port, rpc_port=free_port()))
        command = [program("influxd"), "-config", str(config)]
        self._influxd.enter_context(running(command, self.folder / "influxd.log", self.influxd_port))

    def start_nginx(self) -> None:
        config = self.folder / "nginx.conf"
        config.write_text(NGINX_CONF.format(folder=self.folder, port=self.port, influxd_port=self.influxd_port))
        command = [program("nginx"), "-p", str(self.folder), "-c", str(config)]
        self._nginx.enter_context(running(command, self.folder / "nginx.log", self.port))

    def stop(self) -> None:
        """The database goes; nginx stays and answers 502."""
        self._influxd.close()

    def close(self) -> None:
        self._influxd.close()
        self._nginx.close()

    def create_database(self, name: str) -> None:
        answer = httpx.post(f"{self.url}/query", data={"q": f'CREATE DATABASE "{name}"'})
        answer.raise_for_status()


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    server = InfluxServer(tmp_path_factory.mktemp("influxdb"))
    try:
        server.start()
        server.start_nginx()
        yield server
    finally:
        server.close()


@pytest.fixture
def influx_database(influx_server: InfluxServer) -> str:
    """A fresh, empty database."""
    name = f"test-{uuid4().hex[:12]}"
    influx_server.create_database(name)
    return name


@pytest_asyncio.fixture
async def influx_store(influx_server: InfluxServer, influx_database: str) -> AsyncIterator[InfluxStore]:
    store = InfluxStore(influx_server.url, "unused", "haulwatch", influx_database)
    yield store
    await store.close()
