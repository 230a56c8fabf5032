"""Pictures of the console for the README, from the demo: `python -m tests.e2e.console.screenshots` writes them.

They show the labelled dump, with its track and curves, in each language. Look at them before you commit them.
"""

import json
import sys
import tempfile
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, expect

from tests import ROOT
from tests.e2e.desk import PATIENCE_MS, Watched, browser
from tests.installation import Installation

PICTURES: Final = {"en-US": "console.png", "zh-CN": "console_zh.png"}
_TOKEN: Final = "a-token-for-the-pictures"
_SIZE: Final = {"width": 1440, "height": 900}
_COLOURS: Final = 256
_SETTLE_S: Final = 10.0
"""After the last incident of the script, until everything is judged."""


def take(folder: Path) -> None:
    """Write the pictures into this folder. Exits with 1 where a page of the console has a fault."""
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(scratch) / "kept"
        demo = Installation(Path(scratch) / "demo", {})
        demo.start("demo", "--json", "--keep", str(kept), "--speed", "60")
        with closing(demo):
            report = kept / "simulators" / "report.json"
            demo.until(lambda: report.exists() and json.loads(report.read_text())["script_done"], "the script ends")
            time.sleep(_SETTLE_S)
            demo.stop("demo")
        # Its port and its token are known to itself only.
        with closing(Installation(kept, {"HAULWATCH_API_TOKEN": _TOKEN})) as desk, browser() as running:
            desk.start_api()
            desk.until(lambda: bool(_dumps(desk)), "the dump is confirmed")
            for locale, name in PICTURES.items():
                _picture(running, desk, locale, folder / name)
                _shrink(folder / name)


def _dumps(desk: Installation) -> list[str]:
    found = desk.get("/api/v1/alerts?rule=illegal_dumping&phase=confirmed")["items"]
    return [alert["alert_id"] for alert in found]


def _picture(running: Browser, desk: Installation, locale: str, file: Path) -> None:
    context = running.new_context(locale=locale, viewport=_SIZE, reduced_motion="reduce")  # type: ignore[arg-type]
    watched = Watched(context, f"http://127.0.0.1:{desk.api_port}")
    page = watched.page
    page.add_init_script(f"sessionStorage.setItem('token', '{_TOKEN}'); sessionStorage.setItem('canWrite', 'true')")
    page.add_init_script("localStorage.setItem('actor', 'li.wei')")
    watched.open(f"/#alert={_dumps(desk)[0]}")
    expect(page.locator(".chart canvas").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".map-key")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".live.on")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(6_000)  # until the trucks were asked for again and the map is drawn
    page.screenshot(path=file)
    if watched.faults:
        sys.exit(f"{locale}: {watched.faults}")


def _shrink(file: Path) -> None:
    """Fewer colours, where Pillow is installed (extra `plots`): a third of the bytes."""
    if find_spec("PIL") is None:
        return
    from PIL import Image  # noqa: PLC0415

    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(_COLOURS)
    small.save(file, optimize=True)


if __name__ == "__main__":
    take(ROOT / "docs")
