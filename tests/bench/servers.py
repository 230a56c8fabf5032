"""Real servers for a measurement, on free loopback ports, their files in a given folder, ended by their own ids."""

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.bench import BenchFailed

_SBIN: Final = "/usr/sbin:/usr/local/sbin:/sbin"
_PACKAGES: Final = {"mosquitto": "mosquitto", "influxd": "influxdb", "nginx": "nginx-light"}
_UP_LIMIT_S: Final = 20.0
_DOWN_LIMIT_S: Final = 20.0

_MOSQUITTO: Final = """\
listener {port} 127.0.0.1
user root
allow_anonymous true
persistence true
persistence_location {folder}/
# As deploy/mosquitto/mosquitto.conf: nothing is dropped, and what is kept is saved.
autosave_interval 10
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
set_tcp_nodelay true
log_type error
log_type warning
log_type notice
"""
INFLUXD_CONF: Final = """\
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
INFLUXD_ENVIRONMENT: Final = MappingProxyType({"GOGC": "400", "GOMEMLIMIT": "4GiB"})
"""As docker-compose.yml has it: with Go's own 100, garbage is a third of what a large fleet costs InfluxDB."""
# InfluxDB 1.6 has no /api/v2/write of its own.
NGINX_CONF: Final = """\
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


@dataclass(frozen=True, slots=True)
class Broker:
    """A running Mosquitto."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Influx:
    """A running influxd behind nginx."""

    url: str
    pids: tuple[int, ...]

    def version(self) -> str:
        with urllib.request.urlopen(f"{self.url}/ping", timeout=20) as answer:
            said: str = answer.headers.get("X-Influxdb-Version", "of unknown version")
            return said

    def create_database(self, name: str) -> None:
        body = f'q=CREATE DATABASE "{name}"'.encode()
        with urllib.request.urlopen(f"{self.url}/query", body, timeout=20):
            pass


def find(name: str) -> str | None:
    """Where a server program is."""
    return shutil.which(name) or shutil.which(name, path=_SBIN)


def required(name: str) -> str:
    """Where a server program is. Raises BenchFailed with the package that brings it."""
    found = find(name)
    if found is None:
        raise BenchFailed(f"{name} is not installed: on Debian, apt-get install {_PACKAGES[name]}")
    return found


def influx_installed() -> bool:
    return find("influxd") is not None and find("nginx") is not None


def mosquitto_version() -> str | None:
    """None when it is not installed."""
    program = find("mosquitto")
    if program is None:
        return None
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"version (\S+)", said)
    return version.group(1) if version else "of unknown version"


@contextmanager
def mosquitto(folder: Path) -> Iterator[Broker]:
    """A broker open to everyone on loopback. Raises BenchFailed."""
    program, port = required("mosquitto"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "mosquitto.conf"
    config.write_text(_MOSQUITTO.format(port=port, folder=folder))
    with _running([program, "-c", str(config)], folder / "mosquitto.log", port) as pid:
        yield Broker(port, pid)


@contextmanager
def influxdb(folder: Path) -> Iterator[Influx]:
    """InfluxDB with the write path of later versions. Raises BenchFailed."""
    influxd, nginx = required("influxd"), required("nginx")
    port, influxd_port = free_port(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "influxd.conf").write_text(INFLUXD_CONF.format(folder=folder, port=influxd_port, rpc_port=free_port()))
    (folder / "nginx.conf").write_text(NGINX_CONF.format(folder=folder, port=port, influxd_port=influxd_port))
    with ExitStack() as running:
        command = [influxd, "-config", str(folder / "influxd.conf")]
        first = running.enter_context(_running(command, folder / "influxd.log", influxd_port, INFLUXD_ENVIRONMENT))
        command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        second = running.enter_context(_running(command, folder / "nginx.log", port))
        yield Influx(f"http://127.0.0.1:{port}", (first, second))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def _running(
    command: Sequence[str], log: Path, port: int, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[int]:
    """The id of a server that accepts on `port` for the length of the block."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | environment)
    try:
        _wait_for(process, port, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_DOWN_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    give_up_at = time.monotonic() + _UP_LIMIT_S
    while process.poll() is None and time.monotonic() < give_up_at:
        with socket.socket() as sock:
            sock.settimeout(0.2)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise BenchFailed(f"{process.args!r} did not come up:\n{log.read_text(errors='replace')[-2000:]}")
