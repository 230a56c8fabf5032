"""The console in a real browser: what it shows with, without and with a wrong token."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.servers import free_port
from tests.waiting import PATIENCE_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
READ_TOKEN = "a-token-for-reading-only"


def page(installation: Installation, profile: Path, language: str = "en-US") -> str:
    """The document as a person sees it some seconds after it was opened."""
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-sync", "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
        f"--lang={language}", "--timeout=20000", "--virtual-time-budget=4000", "--dump-dom",
        f"http://127.0.0.1:{installation.api_port}/",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)
    assert "</html>" in done.stdout, done.stderr[-2000:]
    return done.stdout.partition("<script>")[0]


def test_without_a_valid_token_the_console_says_so_and_does_not_say_that_there_is_no_alert(
    install: Callable[..., Installation], tmp_path: Path
) -> None:
    locked = install(
        "locked", HAULWATCH_API_READ_TOKEN=READ_TOKEN, HAULWATCH_MQTT_URL=f"mqtt://127.0.0.1:{free_port()}"
    )
    assert locked.run("city", "import", "jincheng").returncode == 0
    locked.start_api()
    shown = page(locked, tmp_path / "one")
    assert "This server requires a token:" in shown
    assert "Not shown: this server requires a valid token" in shown
    assert "No alerts yet" not in shown
    assert "No readings in quarantine" not in shown
    locked.stop("serve")

    locked.environment.pop("HAULWATCH_API_READ_TOKEN")
    locked.start_api()
    shown = page(locked, tmp_path / "two")
    assert "No alerts yet" in shown
    assert "Not shown" not in shown
    assert "GMT+8" in shown, "the clock has its zone"
