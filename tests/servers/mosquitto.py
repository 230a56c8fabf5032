"""A real Mosquitto that keeps sessions and queues."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import end, free_port, installed, launch, program
from tests.waiting import PATIENCE_S, until

_CONFIG = """\
listener {port} 127.0.0.1
user root
{access}
persistence true
persistence_location {folder}/
# Mosquitto's defaults lose data: 1,000 queued messages a client, and a save every half hour. Saving on changes
# (autosave_on_changes) would write everything for each message.
autosave_interval {autosave_s}
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
log_type error
log_type warning
log_type notice
"""


class Mosquitto:
    """A broker on a free loopback port. A restart keeps its sessions; a kill keeps those of `autosave_s` before."""

    def __init__(
        self,
        folder: Path,
        credentials: tuple[str, str] | None = None,
        more_config: str = "",
        *,
        autosave_s: int = 1,
    ) -> None:
        self.port = free_port()
        self._program = program("mosquitto")
        self._log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        access = "allow_anonymous true"
        if credentials is not None:
            passwords = folder / "passwords"
            command = [program("mosquitto_passwd"), "-b", "-c", str(passwords), *credentials]
            subprocess.run(command, check=True, capture_output=True)
            access = f"allow_anonymous false\npassword_file {passwords}"
        config = _CONFIG.format(port=self.port, folder=folder, access=access, autosave_s=autosave_s)
        self._config.write_text(config + more_config)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = launch([self._program, "-c", str(self._config)], self._log, self.port)

    def signal(self, number: int) -> None:
        """Send a signal; SIGHUP reads access lists and passwords again."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Let it save and leave."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None

    def wait_logged(self, text: str, times: int = 1) -> None:
        """Return when `text` is in the log so many times."""

        def log() -> str:
            return self._log.read_text(errors="replace")

        until(lambda: log().count(text) >= times, lambda: f"Mosquitto logs {text!r} {times} times\n{log()[-2000:]}")

    def restart(self) -> None:
        self.stop()
        self.start()


def mosquitto_version() -> str | None:
    """None if it is not installed."""
    if not installed("mosquitto"):
        return None
    usage = subprocess.run([program("mosquitto"), "-h"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"version (\S+)", usage)
    return version.group(1) if version else "of unknown version"


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Starts brokers: `start_mosquitto(credentials=("user", "password"), more_config="…")`."""
    started: list[Mosquitto] = []

    def start(credentials: tuple[str, str] | None = None, more_config: str = "") -> Mosquitto:
        broker = Mosquitto(tmp_path / f"mosquitto-{len(started)}", credentials, more_config)
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.kill()


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A running broker that accepts everyone on loopback."""
    return start_mosquitto()
