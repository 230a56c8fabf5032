"""Pauses that end at once when the process has to stop."""

import asyncio
from contextlib import suppress


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Return after `seconds`, or as soon as `stop` is set."""
    # Not `asyncio.wait_for`: in Python 3.11 it swallows a cancellation that comes together with the event.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def end_if_cancelled() -> None:
    """Raise CancelledError in a task that was cancelled but caught another error.

    The clean-up code of a library may fail while a cancellation passes through it, and its error then replaces the
    cancellation: a loop that catches the error and goes on would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
