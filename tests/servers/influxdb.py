"""A real InfluxDB 1.6.7 on loopback, behind nginx that gives it the `/api/v2/write` of later versions."""

import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final
from uuid import uuid4

import pytest
import pytest_asyncio

from ingest.store.influx import InfluxStore
from tests.servers import HTTP, end, free_port, launch, program

_INFLUXD_CONF: Final = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  cache-snapshot-memory-size = "256m"
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
"""
DEPLOYED_ENVIRONMENT: Final = MappingProxyType({"GOGC": "400", "GOMEMLIMIT": "4GiB"})
"""As in docker-compose.yml: with Go's default of 100, garbage collection is a third of InfluxDB's cost in a large
fleet."""
# InfluxDB 1.6 has no /api/v2/write of its own.
_NGINX_CONF: Final = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 8m;
  client_body_buffer_size 8m;
  server {{
    listen 127.0.0.1:{port};
    rewrite ^/api/v2/write$ /write?db=$arg_bucket&precision=$arg_precision? break;
    location / {{ proxy_pass http://127.0.0.1:{influxd_port}; }}
  }}
}}
"""


@dataclass
class InfluxServer:
    """influxd and the nginx before it. A restart keeps the data."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment of influxd, added to our own."""
    influxd_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    _influxd: "subprocess.Popen[bytes] | None" = None
    _nginx: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the servers that run."""
        return tuple(process.pid for process in (self._influxd, self._nginx) if process is not None)

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "influxd.conf"
        config.write_text(_INFLUXD_CONF.format(folder=self.folder, port=self.influxd_port, rpc_port=free_port()))
        command = [program("influxd"), "-config", str(config)]
        self._influxd = launch(command, self.folder / "influxd.log", self.influxd_port, self.environment)

    def start_nginx(self) -> None:
        config = self.folder / "nginx.conf"
        config.write_text(_NGINX_CONF.format(folder=self.folder, port=self.port, influxd_port=self.influxd_port))
        command = [program("nginx"), "-p", str(self.folder), "-c", str(config)]
        self._nginx = launch(command, self.folder / "nginx.log", self.port)

    def stop(self) -> None:
        """End influxd; nginx stays and answers 502."""
        if self._influxd is not None:
            end(self._influxd)
            self._influxd = None

    def close(self) -> None:
        self.stop()
        if self._nginx is not None:
            end(self._nginx)
            self._nginx = None

    def version(self) -> str:
        answer = HTTP.get(f"{self.url}/ping")
        return str(answer.headers.get("X-Influxdb-Version", "of unknown version"))

    def create_database(self, name: str) -> None:
        answer = HTTP.post(f"{self.url}/query", data={"q": f'CREATE DATABASE "{name}"'})
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
