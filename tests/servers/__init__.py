"""Launchers of real servers for tests, bench and chaos: Debian's packages on free loopback ports, in temporary folders.

Without the server's package the test is skipped (`pytest.skip`); a server that does not start fails it (`pytest.fail`).
"""

import itertools
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx
import pytest

from tests.waiting import PATIENCE_S, until

HTTP: Final = httpx.Client(timeout=PATIENCE_S, limits=httpx.Limits(max_keepalive_connections=0))
"""For questions that are asked again and again: `httpx.get` reads the certificates of all authorities first, which
takes ten times as long as the question. It keeps no connection, since servers restart."""
_SBIN: Final = "/usr/sbin:/usr/local/sbin:/sbin"
_PACKAGES: Final = {
    "influxd": "influxdb", "nginx": "nginx-light", "mosquitto_passwd": "mosquitto", "pdftotext": "poppler-utils",
    "pdffonts": "poppler-utils",
}  # fmt: skip
"""Debian's packages, where they are not named as their program."""
_PORTS: Final = range(10_000, 32_000)
"""Below the ports that Linux (from 32768) and macOS (from 49152) give to clients. A port from there may be gone before
the server listens on it, or while it restarts: any connection of any process may get it meanwhile."""


def find(name: str) -> str | None:
    """The path of a server program; None if it is not installed."""
    return shutil.which(name) or shutil.which(name, path=_SBIN)


def installed(*names: str) -> bool:
    return all(find(name) is not None for name in names)


def program(name: str) -> str:
    """The path of a server program; skips the test with the reason if it is not installed."""
    path = find(name)
    if path is None:
        pytest.skip(f"{name} is not installed here: on Debian, apt-get install {_PACKAGES.get(name, name)}")
    return path


def _ports() -> Iterator[int]:
    """Every port of this process in turn, from a random one on. Processes that test in parallel share none."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    own = _PORTS[int(worker) :: workers]
    first = random.SystemRandom().randrange(len(own))
    return itertools.cycle([*own[first:], *own[:first]])


_own_ports: Final = _ports()


def free_port() -> int:
    """A loopback TCP port that nobody listens on now, and that no other test of this run is given."""
    for port in itertools.islice(_own_ports, len(_PORTS)):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.fail(f"no TCP port of {_PORTS} is free")


def accepts(port: int) -> bool:
    """Return whether something listens on this loopback port."""
    with socket.socket() as sock:
        sock.settimeout(PATIENCE_S)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when something accepts on the port; fail with the server's log if it ended or never did."""

    def accepts_or_ended() -> bool:
        if process.poll() is not None:
            pytest.fail(f"{process.args!r} ended before it listened on port {port}:\n{log_tail()}")
        return accepts(port)

    def log_tail() -> str:
        return log.read_text(errors="replace")[-2000:]

    until(accepts_or_ended, lambda: f"{process.args!r} listens on port {port}\n{log_tail()}")


def launch(
    command: Sequence[str], log: Path, port: int, environment: Mapping[str, str] = MappingProxyType({})
) -> "subprocess.Popen[bytes]":
    """Start a server; return when it accepts on `port`. `environment` is added to our own."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | environment)
    try:
        _wait_for_port(port, process, log)
    except BaseException:
        end(process)
        raise
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    """Let a server save and leave; kill it if it takes too long."""
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(
    command: Sequence[str], log: Path, port: int, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server process that accepts on `port` during the block."""
    process = launch(command, log, port, environment)
    try:
        yield process
    finally:
        end(process)
