"""An officer exports the evidence of an alert from the console, and anybody verifies the file that the browser kept."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from api.console.pages import BUILT
from ingest.evidence.verification import verify_file
from tests.e2e.desk import CHROMIUM, DUMPED, NOW, PATIENCE_MS, WRITE_TOKEN, dump_at, seed, sign_in, sit_down
from tests.installation import Installation
from tests.servers import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console"),
]
expect.set_options(timeout=PATIENCE_MS)


def test_an_officer_exports_the_evidence_of_an_alert(
    chromium: Browser, install: Callable[..., Installation], tmp_path: Path
) -> None:
    desk = install("desk", HAULWATCH_API_TOKEN=WRITE_TOKEN, HAULWATCH_MQTT_URL=f"mqtt://127.0.0.1:{free_port()}")
    seed(desk)
    desk.start_api()
    watched = sit_down(chromium, desk)
    page = watched.open(f"/#alert={dump_at(NOW).alert_id}")
    expect(page.get_by_role("heading", name=DUMPED.en)).to_be_visible()
    button = page.get_by_role("button", name="Evidence", exact=True)
    expect(button).to_have_count(0)  # nobody is signed in yet
    sign_in(page)
    button.click()
    expect(page.get_by_text("haulwatch evidence key")).to_be_visible()
    assert desk.run("evidence", "key").returncode == 0
    with page.expect_download() as download:
        button.click()
    download.value.save_as(tmp_path / download.value.suggested_filename)
    faults = [fault for fault in watched.faults if "evidence-pack" not in fault]  # the 409 before there was a key
    assert faults == []
    found = verify_file(tmp_path / f"haulwatch-evidence-{dump_at(NOW).alert_id}.zip", None, "1")
    assert found.changes == (dump_at(NOW),)
    assert found.manifest.missing.readings  # the desk has no raw log
