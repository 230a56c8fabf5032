"""A city with alerts for the console to show, and a real browser that watches what the page does."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.db.database import open_database
from devices.readings.models import Fill, Position, Reading
from ingest.store.sqlite import SqliteStore
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Evidence, Phase, ReadingRef, Severity, Text, alert_id
from tests.closing import closed_later
from tests.installation import Installation
from tests.points import point_of
from tests.waiting import PATIENCE_S

CHROMIUM: Final = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None
)
"""The shell has the same engine without windows, and takes half the time for a page."""
NOW: Final = 1_790_000_000_000
"""Device time of the newest incident; within what the tests store, nothing depends on the clock."""
TRUCK: Final = "truck-005"
POINT: Final = "point-010"
DUMPED: Final = Text(en="Truck 晋E·D0105 tipped its load outside permitted sites", zh="车辆晋E·D0105非法倾倒")
FULL: Final = Text(en="Smart recycling point 10: compartment paper is full", zh="10号智能回收点：纸类箱已满溢")
OLDER: Final = 12
"""Alerts that are over: axe looks at each row on the page, which takes most of its time."""
DESKTOP: Final = {"width": 1200, "height": 720}
"""Just wide enough for all columns: this machine's processor draws each point of the map."""
PATIENCE_MS: Final = PATIENCE_S * 1_000
WRITE_TOKEN: Final = "a-token-for-writing-at-the-desk"
READ_TOKEN: Final = "a-token-for-reading-only"


def change(
    rule: str, subject: str, opened_at: int, title: Text, *, severity: Severity, closed_at: int | None = None
) -> AlertChange:
    """The only change of an alert; a dump has a place, measures and a reading."""
    is_dump = rule == "illegal_dumping"
    ref = ReadingRef(device_id=subject, kind="position", ts=opened_at, values={"lift_up": True})
    return AlertChange(
        alert_id=alert_id(rule, subject, opened_at), revision=1, rule=rule, rule_version=1, subject=subject,
        phase=Phase.CONFIRMED if closed_at is None else Phase.CLOSED, severity=severity, at=opened_at,
        opened_at=opened_at, closed_at=closed_at, title=title, lat=35.52 if is_dump else None,
        lon=112.86 if is_dump else None,
        evidence=Evidence(
            parameters={"confirmed_score": 1.5},
            findings=(Text(en="Bed raised for 42 s while standing", zh="停车举升42秒"),),
            ruled_out=(Text(en="No permitted site within 50 m", zh="50米内无核准场所"),),
            readings=(ref,) if is_dump else (),
            measures={"lift_s": 42, "score": 2.5} if is_dump else {"fill_pct": 97.5},
        ),
    )  # fmt: skip


def dump_at(instant: int) -> AlertChange:
    return change("illegal_dumping", TRUCK, instant, DUMPED, severity=Severity.P1)


def older_alerts(count: int) -> list[AlertChange]:
    """An hour and more before, over since."""
    hour = 3_600_000
    return [
        change(
            "speeding", f"truck-{1 + n % 20:03}", NOW - (n + 1) * hour, Text(en=f"Speeding {n}", zh=f"超速{n}"),
            severity=Severity.P3, closed_at=NOW - (n + 1) * hour + 60_000,
        )
        for n in range(count)
    ]  # fmt: skip


def track() -> list[Reading]:
    """Half an hour of a truck that drives, stands with its bed up, and drives on."""
    found: list[Reading] = []
    for second in range(-900, 900, 10):
        stands = 0 <= second < 120
        north = min(second, 0) + max(second - 120, 0)
        found.append(
            Position(
                device_id=TRUCK, ts=NOW + second * 1_000, lat=35.52 + north * 0.00001, lon=112.86 + north * 0.00002,
                speed_kmh=0.0 if stands else 41.5, heading_deg=60.0, lift_up=stands, cover_open=stands,
                load_kg=14_000.0 if second < 60 else 200.0, ignition_on=True, manifest="M-77",
            )
        )  # fmt: skip
    return found


def levels() -> list[Reading]:
    return [
        Fill(
            device_id=POINT, ts=NOW - 1_800_000 + n * 60_000, compartment="paper", fill_pct=70.0 + n, temperature_c=21.0
        )
        for n in range(28)
    ]


def seed(installation: Installation, older: int = OLDER) -> None:
    """The demonstration city with an open dump, a full bin, what was stored of both, and older alerts."""
    installation.import_city()
    city = read_city(JINCHENG)
    readings: Sequence[Reading] = [*track(), *levels()]

    async def store() -> None:
        written = SqliteStore(installation.folder / "readings.db")
        await written.write([point_of(reading, city.devices[reading.device_id]) for reading in readings])
        await written.close()

    with ThreadPoolExecutor(1) as elsewhere:  # the browser's driver has the loop of this thread
        elsewhere.submit(lambda: asyncio.run(store())).result()
    full = change("bin_overflow", POINT, NOW - 600_000, FULL, severity=Severity.P2)
    record(installation, [*older_alerts(older), full, dump_at(NOW)])


def record(installation: Installation, changes: Sequence[AlertChange]) -> None:
    """As the judge would, into the journal that the API reads."""
    with closing(AlertJournal(open_database(f"sqlite:///{installation.folder / 'haulwatch.db'}"))) as journal:
        journal.record(changes, recorded_at=NOW)


ASKED: Final = ("/api/v1/session", "/api/v1/alerts/0000000000000000/acknowledge", "/api/v1/alerts/rate")
"""Who is signed in, whether a token may write, and the alarm rate without a judge are answered with 401, 404 and 503 by
design. Browsers write every such answer down as an error."""


class Watched:
    """A page, and what is wrong with it: errors in its console, and requests that leave the machine."""

    def __init__(self, context: BrowserContext, url: str, elsewhere: str = "-") -> None:
        """`elsewhere`: where else the page may go to."""
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.url = url
        self._known = (url, elsewhere, "data:", "blob:")
        self.faults: list[str] = []
        self.page.on("console", lambda said: self._note(said.type, said.text, said.location.get("url", "")))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", lambda request: self._check(request.url))

    def _note(self, kind: str, text: str, source: str) -> None:
        if kind in {"error", "warning"} and not source.endswith(ASKED) and "GPU stall" not in text:
            self.faults.append(f"{kind}: {text} {source}")

    def _check(self, url: str) -> None:
        if not url.startswith(self._known):
            self.faults.append(f"leaves the machine: {url}")

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.url + path)
        return self.page


_WEBGL_ONLY: Final = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-compositing")
"""There is no graphics card: WebGL, which the map needs, is computed, and nothing else goes through it."""
_NO_WEBGL: Final = ("--disable-3d-apis", "--disable-gpu")
"""As a computer without WebGL has it: the console says that it has no map. A page takes a third of the work."""


@contextmanager
def browser(*, has_map: bool = True) -> Iterator[Browser]:
    with sync_playwright() as playwright, launched(playwright, has_map=has_map) as running:
        yield running


@contextmanager
def launched(playwright: Playwright, *, has_map: bool) -> Iterator[Browser]:
    running = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--disable-quic", *(_WEBGL_ONLY if has_map else _NO_WEBGL)],
    )
    try:
        yield running
    finally:
        running.close()


AXE: Final = Path(__file__).parents[2] / "api/console/web/node_modules/axe-core/axe.min.js"


def serious_faults(page: Page) -> list[str]:
    """What axe-core finds serious or critical, with the elements.

    It takes half a second of a core and more: ask once for what is new on the page. No rule needs the style sheets that
    it would load again (`preload`).
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    return [
        f"{rule['id']}: {[node['html'][:120] for node in rule['nodes'][:3]]}"
        for rule in found["violations"]
        if rule["impact"] in {"serious", "critical"}
    ]


def sit_down(chromium: Browser, desk: Installation, locale: str = "en-US", **options: object) -> Watched:
    options.setdefault("viewport", DESKTOP)
    context = closed_later(chromium.new_context(locale=locale, **options))  # type: ignore[arg-type]
    return Watched(context, f"http://127.0.0.1:{desk.api_port}")


def sign_in(page: Page, name: str = "li.wei", token: str = WRITE_TOKEN) -> None:
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Token", exact=True).fill(token)
    page.keyboard.press("Enter")
    expect(page.locator("header .person")).to_contain_text(name)  # the page was loaded again
    expect(page.locator(".row").first).to_be_visible()


def seated(watched: Watched, name: str = "li.wei", path: str = "/") -> Page:
    """The console of somebody who has signed in before, as `sign_in` leaves it: without the two pages that takes."""
    kept = {"token": WRITE_TOKEN, "canWrite": "true"}
    words = [f"sessionStorage.setItem('{key}', '{value}')" for key, value in kept.items()]
    watched.page.add_init_script("; ".join([*words, f"localStorage.setItem('actor', '{name}')"]))
    page = watched.open(path)
    expect(page.locator("header .person")).to_contain_text(name)
    expect(page.locator(".row").first).to_be_visible()
    return page
