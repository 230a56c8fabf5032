"""The console's map in headless Chromium while every truck of a fleet reports every five seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from playwright.sync_api import CDPSession, Error, Page

from api.console.pages import BUILT
from simulators.load.generator import Plan
from tests.bench import BenchFailed
from tests.bench.console.api import RunningApi, running_api
from tests.bench.console.main_thread import traced
from tests.bench.console.measures import MapRow
from tests.bench.environment import BenchEnvironment, loading
from tests.bench.fleet import city_of
from tests.bench.measures import cpu_s, memory_mb, percentiles
from tests.bench.path import running_path
from tests.e2e.desk import CHROMIUM, browser

_REPORT_EVERY_S: Final = 5
_SPARE_S: Final = 60.0
"""The load goes on while browser and API start."""
_LIMIT_S: Final = 120.0
_RECORD: Final = """() => {
  window.frames_ms = [];
  let last = performance.now();
  const next = (now) => { window.frames_ms.push(now - last); last = now; window.frame = requestAnimationFrame(next); };
  cancelAnimationFrame(window.frame ?? 0);
  window.frame = requestAnimationFrame((now) => { last = now; window.frame = requestAnimationFrame(next); });
}"""
_DRAG_PX: Final = 4
_TURN_PX: Final = 240
_NOTCH_PX: Final = 120
_NOTCHES: Final = 12


@dataclass(frozen=True, slots=True)
class _Browser:
    page: Page
    session: CDPSession
    pids: tuple[int, ...]
    drawing: tuple[int, ...]

    def drew_s(self) -> float:
        return cpu_s(*self.drawing)


def live_map(environment: BenchEnvironment) -> Iterator[MapRow]:
    """A row while the map lies still, while it is dragged, and while it is zoomed. Raises BenchFailed."""
    if CHROMIUM is None:
        raise BenchFailed("chromium is not installed here: on Debian, apt-get install chromium")
    if not (BUILT / "index.html").exists():
        raise BenchFailed("the console is not built: make console")
    trucks, seconds = environment.sizes.map_trucks, environment.sizes.map_s
    rate = trucks / _REPORT_EVERY_S
    messages = int(rate * (2 * seconds + _SPARE_S))
    with (
        environment.broker() as broker,
        running_path(environment, city_of(trucks), broker) as running,
        loading(Plan(broker.port, messages, trucks, rate=rate)),
        running_api(running.installation) as api,
    ):
        environment.progress(f"{trucks:,} trucks at {rate:,.0f} messages/s")
        _until_all_report(api, trucks)
        with _opened(api) as chromium:
            for phase, act in _PHASES.items():
                environment.progress(f"the map, {phase}")
                yield _measured(chromium, api, phase, act, trucks, seconds)


def _until_all_report(api: RunningApi, trucks: int) -> None:
    give_up_at = time.monotonic() + _LIMIT_S
    while len(httpx.get(f"{api.url}/api/v1/trucks", timeout=_LIMIT_S).json()["features"]) < trucks:
        if time.monotonic() > give_up_at:
            raise BenchFailed("not every truck is on the map")
        time.sleep(1)


@contextmanager
def _opened(api: RunningApi) -> Iterator[_Browser]:
    """The console with its trucks. Raises BenchFailed."""
    try:
        with browser() as running:
            page = running.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(_LIMIT_S * 1000)
            page.goto(api.url)
            page.locator(".map canvas").wait_for()
            with page.expect_response("**/api/v1/trucks"):
                pass
            processes: list[dict[str, Any]] = running.new_browser_cdp_session().send("SystemInfo.getProcessInfo")[
                "processInfo"
            ]
            pids = tuple(int(process["id"]) for process in processes)
            drawing = tuple(int(process["id"]) for process in processes if process["type"] == "GPU")
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            yield _Browser(page, session, pids, drawing)
    except Error as exc:
        raise BenchFailed(f"the browser failed: {exc}") from exc


def _measured(
    chromium: _Browser, api: RunningApi, phase: str, act: Callable[[Page, float], None], trucks: int, seconds: float
) -> MapRow:
    page, drew_s = chromium.page, chromium.drew_s()
    chromium.session.send("HeapProfiler.collectGarbage")
    page.evaluate(_RECORD)
    began, api_before, browser_before = time.monotonic(), api.cpu_s(), cpu_s(*chromium.pids)
    with traced(page, chromium.session) as work:
        act(page, seconds)
    taken_s = time.monotonic() - began
    frames = [float(one) for one in page.evaluate("window.frames_ms")]
    used = {one["name"]: one["value"] for one in chromium.session.send("Performance.getMetrics")["metrics"]}
    return MapRow(
        phase=phase,
        trucks=trucks,
        frame_ms=percentiles(frames),
        longest_ms=round(max(frames, default=0.0), 1),
        work_ms=percentiles(work.frames_ms),
        longest_task_ms=work.longest_task_ms,
        drawing_ms=round((chromium.drew_s() - drew_s) * 1000 / max(1, len(frames)), 1),
        heap_mb=round(used["JSHeapUsedSize"] / 1e6, 1),
        browser_mb=round(sum(map(memory_mb, chromium.pids)), 1),
        browser_cpu_pct=round((cpu_s(*chromium.pids) - browser_before) / taken_s * 100, 1),
        api_cpu_pct=round((api.cpu_s() - api_before) / taken_s * 100, 1),
        api_mb=api.memory_mb(),
    )


def _rest(page: Page, seconds: float) -> None:
    page.wait_for_timeout(seconds * 1000)


def _over_the_middle(page: Page) -> tuple[float, float]:
    box = page.locator(".map canvas").bounding_box()
    if box is None:
        raise BenchFailed("the map is not shown")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    return x, y


def _zoom(page: Page, seconds: float) -> None:
    """In and out by two levels or so, a notch of the wheel at a time."""
    _over_the_middle(page)
    give_up_at, notches = time.monotonic() + seconds, 0
    while time.monotonic() < give_up_at:
        page.mouse.wheel(0, _NOTCH_PX if notches // _NOTCHES % 2 else -_NOTCH_PX)
        notches += 1
        page.wait_for_timeout(60)


def _drag(page: Page, seconds: float) -> None:
    """To and fro, at the speed of a hand."""
    x, y = _over_the_middle(page)
    page.mouse.down()
    give_up_at, at, by = time.monotonic() + seconds, 0, _DRAG_PX
    while time.monotonic() < give_up_at:
        at += by
        by = -by if abs(at) >= _TURN_PX else by
        page.mouse.move(x + at, y)
        page.wait_for_timeout(16)
    page.mouse.up()


_PHASES: Final[dict[str, Callable[[Page, float], None]]] = {"still": _rest, "panned": _drag, "zoomed": _zoom}
