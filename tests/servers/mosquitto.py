"""A real Mosquitto that keeps what it was given."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import free_port, program, wait_for_port

_CONFIG = """\
listener {port} 127.0.0.1
user root
{access}
persistence true
persistence_location {folder}/
# Mosquitto's defaults lose data: 1,000 queued messages a client, and a save every half hour. Saving on changes
# (autosave_on_changes) would write everything for each message.
autosave_interval 1
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
log_type error
log_type warning
log_type notice
"""


class Mosquitto:
    """A broker on a free loopback port. Started again it has its sessions; killed, those of a second before."""

    def __init__(self, folder: Path, credentials: tuple[str, str] | None = None, more_config: str = "") -> None:
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
        self._config.write_text(_CONFIG.format(port=self.port, folder=folder, access=access) + more_config)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self._log.open("ab") as out:
            command = [self._program, "-c", str(self._config)]
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        wait_for_port(self.port, self._process, self._log)

    def stop(self) -> None:
        """Let it save and leave."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def wait_logged(self, text: str, times: int = 1, timeout_s: float = 20.0) -> None:
        """Return when the log has said it so many times."""
        deadline = time.monotonic() + timeout_s
        while (log := self._log.read_text(errors="replace")).count(text) < times:
            if time.monotonic() > deadline:
                pytest.fail(f"Mosquitto did not say {text!r} {times} times:\n{log[-2000:]}")
            time.sleep(0.01)

    def restart(self) -> None:
        self.stop()
        self.start()


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """A maker of running brokers: `start_mosquitto(credentials=("user", "password"), more_config="…")`."""
    made: list[Mosquitto] = []

    def start(credentials: tuple[str, str] | None = None, more_config: str = "") -> Mosquitto:
        broker = Mosquitto(tmp_path / f"mosquitto-{len(made)}", credentials, more_config)
        made.append(broker)
        broker.start()
        return broker

    yield start
    for broker in made:
        broker.kill()


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A running broker, open to everyone on loopback."""
    return start_mosquitto()
