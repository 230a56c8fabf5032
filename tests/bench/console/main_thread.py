"""What a page costs the main thread of its browser, frame by frame, apart from drawing.

Times are CPU times of the thread, so neither the load of the machine nor waiting for the drawing process is in them: a
desk with a graphics card has the same work, and not the drawing.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import CDPSession, Page

_CATEGORIES: Final = ("toplevel", "devtools.timeline")
_FRAME: Final = "FireAnimationFrame"
_TASKS: Final = frozenset({"ThreadControllerImpl::RunTask", "RunTask"})
_POLL_MS: Final = 50

Thread = tuple[int, int]
"""Process and thread."""


@dataclass
class Work:
    """Filled when the block ends."""

    frames_ms: list[float] = field(default_factory=list)
    """For each frame, from its beginning to the next."""
    longest_task_ms: float = 0.0
    """Input waits while a task runs."""


@contextmanager
def traced(page: Page, session: CDPSession) -> Iterator[Work]:
    """Trace the page during the block (Chrome DevTools Protocol, domain Tracing)."""
    events: list[dict[str, Any]] = []
    ended: list[object] = []
    session.on("Tracing.dataCollected", lambda part: events.extend(part["value"]))
    session.on("Tracing.tracingComplete", lambda done: ended.append(done))  # noqa: PLW0108 - it wants a function of Python
    wanted = {"includedCategories": list(_CATEGORIES)}
    session.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": wanted})
    work = Work()
    yield work
    session.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(_POLL_MS)
    _sum(events, work)


def _sum(events: list[dict[str, Any]], work: Work) -> None:
    begun: dict[Thread, list[float]] = defaultdict(list)
    tasks: dict[Thread, list[tuple[float, float]]] = defaultdict(list)
    for one in events:
        thread = one["pid"], one["tid"]
        if one["name"] == _FRAME:
            begun[thread].append(one["ts"])
        elif one["name"] in _TASKS and one.get("ph") == "X":
            tasks[thread].append((one["ts"] + one["dur"], one.get("tdur", 0) / 1000))
    if not begun:
        return
    main = max(begun, key=lambda thread: len(begun[thread]))  # the page's: others have next to none
    starts = sorted(begun[main])
    work.frames_ms = [0.0] * len(starts)
    for end, ms in tasks[main]:
        if (index := bisect_right(starts, end) - 1) >= 0:
            work.frames_ms[index] += ms
    work.longest_task_ms = round(max((ms for _, ms in tasks[main]), default=0.0), 1)
