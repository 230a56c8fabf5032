"""Haulwatch as people run it: the installed command, its processes, and a data directory of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import httpx
from typer.testing import CliRunner

from haulwatch.cli import PRIVATE, command_line
from haulwatch.settings.load import load_settings
from haulwatch.wiring.stores import current_ledger
from ingest.log.raw_log import RawLog
from ingest.process.heartbeat import last_beat
from tests.servers import HTTP, free_port
from tests.servers.loaded import CAN_LOAD, LoadedProcess, start
from tests.waiting import PATIENCE_S, until

Running = subprocess.Popen[bytes] | LoadedProcess


class Installation:
    """A data directory, and the processes of Haulwatch that work on it."""

    def __init__(self, folder: Path, variables: Mapping[str, str], *, loaded: bool = False) -> None:
        """`loaded`: its processes begin with the modules loaded (`tests.servers.loaded`) where that can be."""
        self.folder = folder
        self._loaded = loaded and CAN_LOAD
        self.api_port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HAULWATCH_")}
        self.environment = {
            **inherited,
            **variables,
            "HAULWATCH_DATA_DIR": str(folder),
            "HAULWATCH_API_PORT": str(self.api_port),
        }
        self._running: dict[str, Running] = {}
        self._started: dict[str, int] = {}

    def run(self, *arguments: str, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever its exit code."""
        command = [sys.executable, "-m", "haulwatch", *arguments]
        if self._loaded:
            with TemporaryFile() as out, TemporaryFile() as errors:
                code = start(arguments, self.environment, out, errors).wait(timeout_s)
                out.seek(0)
                errors.seek(0)
                return subprocess.CompletedProcess(command, code, out.read().decode(), errors.read().decode())
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def json(self, *arguments: str) -> Any:
        """The JSON that a command prints with --json; fails unless it succeeds."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def import_city(self) -> None:
        """`haulwatch city import jincheng` without a process of its own, which takes most of its time to start.

        `docs/first-hour.md` and the demo import in a process (`test_first_hour`, `test_private_files`).
        """
        before = os.umask(PRIVATE)
        try:
            environment = {name: value for name, value in self.environment.items() if name.startswith("HAULWATCH_")}
            done = CliRunner().invoke(command_line(["city"]), ["city", "import", "jincheng"], env=environment)
        finally:
            os.umask(before)
        assert done.exit_code == 0, done.output

    def ledger(self) -> dict[str, Any]:
        """What `haulwatch ledger --json` prints. It starts no process, so it may be asked again and again."""
        return current_ledger(load_settings(self.environment)).model_dump(mode="json")

    def start(self, *arguments: str, name: str = "") -> Running:
        """Start a process that keeps running, called `name`, or by its first argument. It may be started again."""
        name = name or arguments[0]
        with self.log(name).open("ab") as out:
            process: Running
            if self._loaded:
                process = start(arguments, self.environment, out, out)
            else:
                command = [sys.executable, "-m", "haulwatch", *arguments]
                process = subprocess.Popen(command, env=self.environment, stdout=out, stderr=subprocess.STDOUT)
        self._running[name] = process
        self._started[name] = time.time_ns() // 1_000_000
        return process

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.kill()
        process.wait(PATIENCE_S)

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0, self.log(name).read_text()[-3000:]

    def close(self) -> None:
        for name in list(self._running):
            self.kill(name)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def until(self, check: Callable[[], bool], what: str, *, every_s: float = 0.1) -> None:
        """Wait until `check` is true; fail with the logs of all processes if it never is."""

        def with_logs() -> str:
            return "\n".join([what, *(f"--- {name}\n{self.log(name).read_text()[-1500:]}" for name in self._running)])

        until(check, with_logs, every_s=every_s)

    def status(self) -> dict[str, Any]:
        """The collector's status file; empty before it is written."""
        path = self.folder / "collector_status.json"
        status: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return status

    def until_judged(self) -> None:
        """Until the judge has read the whole raw log; the collector must not append any more."""
        with closing(RawLog(self.folder / "raw")) as log:
            last_offset = log.last_offset()

        def judged() -> bool:
            beat = last_beat(self.folder / "judge_status.json")
            return beat is not None and beat.offset >= last_offset

        self.until(judged, f"the judge reads up to record {last_offset}")

    def start_collector(self) -> None:
        self.start("collect")
        self.until_connected()

    def until_connected(self) -> None:
        """Wait until the collector that was started last is connected to the broker."""

        def connected() -> bool:
            status = self.status()
            return bool(status.get("connected")) and status["at"] >= self._started["collect"]

        self.until(connected, "the collector connects")

    def get(self, path: str) -> Any:
        """An answer of this installation's API, which must be running."""
        answer = HTTP.get(f"http://127.0.0.1:{self.api_port}{path}")
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    def start_api(self) -> None:
        self.start("serve")

        def answers() -> bool:
            try:
                return HTTP.get(f"http://127.0.0.1:{self.api_port}/healthz").status_code == 200
            except httpx.TransportError:
                return False

        self.until(answers, "the API answers")
