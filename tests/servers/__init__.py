"""Launchers of real servers for tests, bench and chaos: Debian's packages on free loopback ports, in temporary folders.

Without the server's package the test is skipped (`pytest.skip`); a server that does not start fails it (`pytest.fail`).
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

_SBIN: Final = "/usr/sbin:/usr/local/sbin:/sbin"
_PACKAGES: Final = {"influxd": "influxdb", "nginx": "nginx-light", "mosquitto_passwd": "mosquitto"}
"""Debian's packages, where they are not named as their program."""
_START_LIMIT_S: Final = 20.0
_END_LIMIT_S: Final = 20.0


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


def free_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when something accepts on the port; fail with the server's log if it ended or never did."""
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as sock:
            sock.settimeout(0.2)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"{process.args!r} did not start on port {port}:\n{log.read_text(errors='replace')[-2000:]}")


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
        process.wait(_END_LIMIT_S)
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
