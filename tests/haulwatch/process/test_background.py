"""Background tasks, with a clock of the test's own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from haulwatch.process.background import HEALTHY_AFTER_S, BackgroundTask, TaskHealth, run_beside
from ingest.process.backoff import Backoff
from tests.waiting import PATIENCE_S


class Script:
    """A coroutine that runs for the next of the given spans, then raises; after the last it runs until cancelled."""

    def __init__(self, *spans_s: float) -> None:
        self.now_s = 0.0
        self._spans_s = list(spans_s)
        self.last_run = asyncio.Event()

    def monotonic(self) -> float:
        return self.now_s

    async def run(self) -> None:
        if not self._spans_s:
            self.last_run.set()
            await asyncio.Event().wait()
        self.now_s += self._spans_s.pop(0)
        raise KeyError("torn row")


def task_of(script: Script) -> BackgroundTask:
    return BackgroundTask("feed", script.run, backoff=Backoff(0.001, 0.001), monotonic=script.monotonic)


async def until_last_run(task: BackgroundTask, script: Script) -> None:
    """Run the task through its failures, and cancel it in the run that lasts."""
    running = asyncio.create_task(task.keep_running(asyncio.Event()))
    await asyncio.wait_for(script.last_run.wait(), PATIENCE_S)
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_one_failure_is_recovering_and_then_healthy() -> None:
    script = Script(5)
    task = task_of(script)
    assert (task.health, task.failures, task.failing_since) == (TaskHealth.HEALTHY, 0, None)
    await until_last_run(task, script)
    assert (task.health, task.failures) == (TaskHealth.RECOVERING, 1)
    assert task.failing_since is not None
    script.now_s += HEALTHY_AFTER_S
    assert (task.health, task.failures) == (TaskHealth.HEALTHY, 0)


async def test_failures_in_a_row_are_failed_although_it_runs_again() -> None:
    script = Script(5, HEALTHY_AFTER_S - 1)
    task = task_of(script)
    await until_last_run(task, script)
    assert (task.health, task.failures) == (TaskHealth.FAILED, 2)


async def test_a_long_run_between_two_failures_begins_a_new_series(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(5, HEALTHY_AFTER_S)
    task = task_of(script)
    await until_last_run(task, script)
    assert (task.health, task.failures) == (TaskHealth.RECOVERING, 1)
    assert [record.exc_info is not None for record in caplog.records] == [True, True], "each series has its traceback"


async def test_it_is_failed_while_it_waits_for_its_next_start() -> None:
    script = Script(5)
    task = BackgroundTask("feed", script.run, backoff=Backoff(60, 60), monotonic=script.monotonic)
    stop = asyncio.Event()
    running = asyncio.create_task(task.keep_running(stop))
    for _ in range(5):
        await asyncio.sleep(0)
    assert task.health is TaskHealth.FAILED
    stop.set()
    await asyncio.wait_for(running, PATIENCE_S)


async def test_a_task_that_returns_early_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    starts = 0
    stop = asyncio.Event()

    async def run() -> None:
        nonlocal starts
        starts += 1
        if starts == 3:
            stop.set()

    await asyncio.wait_for(BackgroundTask("feed", run, backoff=Backoff(0.001, 0.001)).keep_running(stop), PATIENCE_S)
    assert starts == 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "returned while the process runs" in caplog.messages[0]


async def test_an_error_in_the_place_of_a_cancellation_does_not_keep_the_task_alive() -> None:
    """As a library may raise while its connection closes."""
    started = asyncio.Event()

    async def run() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("cannot close")

    running = asyncio.create_task(BackgroundTask("feed", run).keep_running(asyncio.Event()))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, PATIENCE_S)


async def test_the_error_of_the_main_work_is_raised_as_it_is_and_ends_the_tasks() -> None:
    script = Script()

    async def main() -> None:
        await script.last_run.wait()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_beside(main, [task_of(script)], asyncio.Event())
    assert len(asyncio.all_tasks()) == 1


async def torn_group() -> None:
    """As the command dispatcher: a TaskGroup in which a child fails. It cancels the task around it."""

    async def torn() -> None:
        raise KeyError("torn row")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(torn())


async def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def panics() -> None:
    raise Panic("not an Exception")


class Panic(BaseException):
    """As a library in Rust raises it."""


async def returns() -> None:
    pass


@pytest.mark.parametrize("once", [torn_group, cancels_itself, panics, returns])
async def test_however_a_task_ends_it_is_started_again_and_the_main_work_goes_on(
    once: Callable[[], Awaitable[None]],
) -> None:
    runs, enough, stop = 0, asyncio.Event(), asyncio.Event()

    async def start() -> None:
        nonlocal runs
        runs += 1
        if runs < 4:
            await once()
            return
        enough.set()
        await asyncio.Event().wait()

    async def main() -> None:
        await enough.wait()

    task = BackgroundTask("feed", start, backoff=Backoff(0.001, 0.001))
    await asyncio.wait_for(run_beside(main, [task], stop), PATIENCE_S)
    assert (runs, task.health, task.failures) == (4, TaskHealth.FAILED, 3)
