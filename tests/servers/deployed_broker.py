"""The deployed broker: a real Mosquitto with the configuration of deploy/mosquitto, only ports and folders replaced.

It uses the files that make_secrets.py and `haulwatch device` write for it.
"""

import json
import os
import runpy
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from haulwatch.cli import command_line
from tests import ROOT
from tests.servers import end, free_port, launch, program
from tests.waiting import PATIENCE_S, until

DEPLOY = ROOT / "deploy"
CONFIG = DEPLOY / "mosquitto"


def dynamic_security_plugin() -> Path:
    """The plugin that comes with Mosquitto; skips the test if it is not installed."""
    found = next(Path("/usr/lib").glob("**/mosquitto_dynamic_security.so"), None)
    if found is None:
        pytest.skip("mosquitto_dynamic_security.so is not installed here (it comes with mosquitto)")
    return found


def make_secrets(folder: Path) -> list[str]:
    """Run deploy/make_secrets.py for another folder. Returns the names of the files there afterwards."""
    runpy.run_path(str(DEPLOY / "make_secrets.py"))["main"](folder)
    return sorted(path.name for path in folder.iterdir())


class DeployedBroker:
    """The deployed configuration in a folder of its own, with the command line that writes its logins."""

    def __init__(self, folder: Path, *devices: str) -> None:
        self.inner_port, self.outer_port, self.certificate_port = free_port(), free_port(), free_port()
        self.secrets, self.access, self.home = folder / "secrets", folder / "access", folder / "home"
        self.log, self.config = folder / "mosquitto.log", folder / "mosquitto.conf"
        self.passwords: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        make_secrets(self.secrets)
        for path in self.secrets.glob("mqtt_url_*"):
            user, _, password = path.read_text().removeprefix("mqtt://").partition("@")[0].partition(":")
            self.passwords[user] = password
        self.haulwatch("city", "import", "jincheng")
        for device in devices:
            self.give_secret("add", device)
        self.haulwatch("device", "authority", "127.0.0.1", "--to", str(self.access))
        self.export()
        (folder / "data").mkdir()
        # Debian's Mosquitto, started by root, would switch to a user who may not read this folder.
        root = "user root\n" if os.getuid() == 0 else ""
        text = (
            root
            + "log_type information\n"  # shows when it reloads
            + (CONFIG / "mosquitto.conf").read_text()
            + (CONFIG / "certificates.conf").read_text()
        )
        for deployed, here in {
            "listener 1883": f"listener {self.inner_port} 127.0.0.1",
            "listener 8883": f"listener {self.outer_port} 127.0.0.1",
            "listener 8884": f"listener {self.certificate_port} 127.0.0.1",
            "/usr/lib/mosquitto_dynamic_security.so": str(dynamic_security_plugin()),
            "/mosquitto/access": str(self.access),
            "/mosquitto/data": str(folder / "data"),
        }.items():
            assert deployed in text
            text = text.replace(deployed, here)
        self.config.write_text(text)

    def haulwatch(self, *arguments: str) -> Any:
        """The JSON that a command prints."""
        env = {"HAULWATCH_DATA_DIR": str(self.home)}
        done = CliRunner().invoke(command_line(("city", "device")), [*arguments, "--json"], env=env)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def give_secret(self, command: str, device: str, *description: str) -> str:
        [given] = self.haulwatch("device", command, device, *description)
        self.passwords[device] = given["secret"]
        return str(given["secret"])

    def export(self) -> Any:
        """Write the broker's files. Returns the report of the command."""
        services = str(self.secrets / "mosquitto_services")
        return self.haulwatch("device", "export-acl", str(self.access), "--services", services)

    def reload(self) -> None:
        """Make it read its files again. Returns when it has begun; it does nothing else before it is done."""
        assert self._process is not None
        before = self.log_length()
        self._process.send_signal(signal.SIGHUP)
        self.logged("Reloading config", before)

    def restart(self) -> None:
        """Let it save and leave, and start it again: it reads its access list only then."""
        self.stop()
        self.start()

    @contextmanager
    def running(self) -> Iterator["DeployedBroker"]:
        """The broker during the block. A restart keeps its sessions and queues."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Returns when the last of its listeners is open."""
        self._process = launch([program("mosquitto"), "-c", str(self.config)], self.log, self.certificate_port)

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

    @property
    def port(self) -> int:
        """The inner listener."""
        return self.inner_port

    @property
    def url(self) -> str:
        """The outer listener, with TLS; without a login."""
        return f"mqtts://127.0.0.1:{self.outer_port}"

    def add_gateway(self, user: str) -> None:
        """Add a login that publishes for every device and hears the alerts. Before the start."""
        self.passwords[user] = "load"
        command = [program("mosquitto_passwd"), "-b", str(self.access / "passwords"), user, self.passwords[user]]
        subprocess.run(command, check=True, capture_output=True)
        path = self.access / "dynamic-security.json"
        config = json.loads(path.read_text())
        rights = [("publishClientSend", "haulwatch/v1/+/+")]
        rights += [(kind, "haulwatch/v1/alerts/#") for kind in ("publishClientReceive", "subscribePattern")]
        acls = [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in rights]
        config["clients"].append({"username": user, "roles": [{"rolename": user}]})
        config["roles"].append({"rolename": user, "acls": acls})
        path.write_text(json.dumps(config))

    def trusting(self, certificate: str | None = None) -> ssl.SSLContext:
        """The TLS context of a device that trusts the broker's authority, with the device's certificate, if any."""
        context = ssl.create_default_context(cafile=str(self.access / "ca.crt"))
        if certificate is not None:
            context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
        return context

    def logged(self, text: str, after: int = 0) -> bool:
        """Wait until `text` is in the log after the first `after` characters; fails if it never is."""

        def logged() -> str:
            return self.log.read_text(errors="replace")[after:]

        until(lambda: text in logged(), lambda: f"Mosquitto logs {text!r}\n{logged()[-2000:]}")
        return True

    def log_length(self) -> int:
        return len(self.log.read_text(errors="replace"))
