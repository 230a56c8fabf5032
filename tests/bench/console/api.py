"""The API as a process of its own, measured from outside."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from tests.bench import BenchFailed
from tests.bench.environment import BenchInstallation, start_api
from tests.bench.measures import cpu_s, memory_mb
from tests.servers import free_port

_START_LIMIT_S: Final = 180.0
_STOP_LIMIT_S: Final = 30.0


class RunningApi:
    """`haulwatch serve` of one installation."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process = process

    def cpu_s(self) -> float:
        return cpu_s(self._process.pid)

    def memory_mb(self) -> float:
        return round(memory_mb(self._process.pid), 1)


@contextmanager
def running_api(installation: BenchInstallation, variables: Mapping[str, str] | None = None) -> Iterator[RunningApi]:
    """The API, which answers; ended after the block. Raises BenchFailed."""
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HAULWATCH_")}
    env = inherited | installation.variables | {"HAULWATCH_API_PORT": str(port), **(variables or {})}
    log = installation.settings.paths.data_dir / "serve.log"
    with log.open("wb") as out:
        process = start_api(env, out)
    try:
        api = RunningApi(port, process)
        give_up_at = time.monotonic() + _START_LIMIT_S
        while not _answers(api):
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise BenchFailed(f"the API did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.1)
        yield api
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(api: RunningApi) -> bool:
    try:
        return httpx.get(f"{api.url}/healthz", timeout=_START_LIMIT_S).status_code == 200
    except httpx.TransportError:
        return False
