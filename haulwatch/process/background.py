"""Tasks that run beside the main work of a process.

A background task that fails must not end in silence and must not take the main work with it. It is logged with its
traceback, started again after a pause that grows, and reported to /readyz (`haulwatch.health.readiness`) while it is
down or keeps failing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final

from haulwatch.process import system_clock
from ingest.process.backoff import Backoff
from ingest.process.pause import pause

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
HEALTHY_AFTER_S: Final = 60.0
"""A run that lasted this long ends a series of failures. The slowest loop (the board feed) iterates every 15 s."""

_log = logging.getLogger(__name__)


class TaskHealth(Enum):
    """The condition of a background task."""

    HEALTHY = "healthy"
    RECOVERING = "recovering"
    """It failed once, was started again, and runs for less than `HEALTHY_AFTER_S`."""
    FAILED = "failed"
    """It waits for its next start, or failed several times in a row."""


class EndedEarly(Exception):
    """A background task returned although the process was not asked to stop."""


class BackgroundTask:
    """One named coroutine that is started again whenever it fails. One event loop runs it."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[None]],
        *,
        backoff: Backoff | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`start` is called again after each failure. `name` is shown to anybody who asks /readyz."""
        self.name = name
        self.failing_since: int | None = None
        """ms since 1970 UTC of the first failure of the series; None before any failure."""
        self._start = start
        self._backoff = backoff or Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._monotonic = monotonic
        self._started_at: float | None = None
        """None: it does not run."""
        self._last_error = ""

    @property
    def failures(self) -> int:
        """Failures in a row; 0 while it is healthy."""
        return 0 if self.health is TaskHealth.HEALTHY else self._backoff.failures

    @property
    def health(self) -> TaskHealth:
        if not self._backoff.failures or self._has_lasted():
            return TaskHealth.HEALTHY
        if self._started_at is None or self._backoff.failures > 1:
            return TaskHealth.FAILED
        return TaskHealth.RECOVERING

    async def keep_running(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set or the task is cancelled, through any failure."""
        while not stop.is_set():
            self._started_at = self._monotonic()
            error = await self._run_once()
            if stop.is_set():
                return
            await pause(stop, self._note_failure(error))

    async def _run_once(self) -> BaseException:
        """Run until it fails or ends, and return why.

        It runs in a task of its own: a TaskGroup in it cancels the task around it when a child fails, and in Python
        3.11 that task then looks as if somebody had cancelled it.
        """
        run = asyncio.create_task(self._awaited(), name=self.name)
        try:
            await asyncio.wait([run])
        finally:
            if not run.done():
                run.cancel()
                await asyncio.wait([run])
        if run.cancelled():
            return EndedEarly("it was cancelled while the process runs")
        return run.exception() or EndedEarly("it returned while the process runs")

    async def _awaited(self) -> None:
        await self._start()

    def _note_failure(self, error: BaseException) -> float:
        """Log the failure and return the pause before the next start."""
        if self._has_lasted():
            self._backoff.reset()
        self._started_at = None
        if not self._backoff.failures:
            self.failing_since = system_clock.now_ms()
            self._last_error = ""
        pause_s = self._backoff.next_pause_s()
        text = f"{type(error).__name__}: {error}"
        # An error that repeats is logged with its traceback once.
        trace = error if text != self._last_error else None
        self._last_error = text
        failures = self._backoff.failures
        message = "background task %s failed (%d in a row), starts again in %.1f s: %s"
        _log.error(message, self.name, failures, pause_s, text, exc_info=trace)
        return pause_s

    def _has_lasted(self) -> bool:
        return self._started_at is not None and self._monotonic() - self._started_at >= HEALTHY_AFTER_S


async def run_beside(
    main: Callable[[], Awaitable[None]], background: Sequence[BackgroundTask], stop: asyncio.Event
) -> None:
    """Run `main`, and the background tasks for as long as it runs, in one TaskGroup. Raises what `main` raises.

    What tasks left to threads has ended on return: who closes a database next leaves no connection of it in a thread.
    """
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        beside = [tasks.create_task(task.keep_running(stop), name=task.name) for task in background]
        try:
            await main()
        except Exception as exc:  # noqa: BLE001 - raised below: a TaskGroup would wrap it into an ExceptionGroup
            failure = exc
        for running in beside:
            running.cancel()
    await asyncio.get_running_loop().shutdown_default_executor()
    if failure is not None:
        raise failure
