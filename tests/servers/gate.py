"""The deployed gate: a real HAProxy with deploy/gate/haproxy.cfg, only ports and the broker's address replaced."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests import ROOT
from tests.servers import end, find, free_port, launch, program

CONFIG: Final = ROOT / "deploy" / "gate" / "haproxy.cfg"
LIMIT_BYTES_PER_S: Final = int(re.findall(r"default-limit (\d+)", CONFIG.read_text(encoding="utf-8"))[0])
_OLDEST: Final = (2, 7)
"""Limits of bandwidth are not older."""


def gate_absent() -> str | None:
    """Why no gate can be started here, or None."""
    path = find("haproxy")
    if path is None:
        return "haproxy is not installed here"
    usage = subprocess.run([path, "-v"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", usage)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        version = found[0] if found else "of unknown version"
        return f"the gate needs haproxy 2.7 or newer, here it is {version}"
    return None


@contextmanager
def gate(folder: Path, broker_port: int) -> Iterator[int]:
    """The gate before a broker on loopback; yields the port for devices. Skips the test where there is none."""
    if (reason := gate_absent()) is not None:
        pytest.skip(reason)
    port, unused = free_port(), free_port()
    text = CONFIG.read_text(encoding="utf-8")
    for deployed, here in {
        "bind :8883": f"bind 127.0.0.1:{port}",
        "bind :8884": f"bind 127.0.0.1:{unused}",
        "mosquitto:8883": f"127.0.0.1:{broker_port}",
        "mosquitto:8884": f"127.0.0.1:{broker_port}",
    }.items():
        assert deployed in text
        text = text.replace(deployed, here)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "haproxy.cfg"
    config.write_text(text, encoding="utf-8")
    process = launch([program("haproxy"), "-f", str(config)], folder / "haproxy.log", port)
    try:
        yield port
    finally:
        end(process)
