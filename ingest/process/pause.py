"""Waiting that ends at once when the process is told to stop."""

import asyncio
from contextlib import suppress


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Return after `seconds`, or as soon as `stop` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def end_if_cancelled() -> None:
    """Raise CancelledError in a task that was cancelled and has caught something else.

    A library's way out may fail while a cancellation passes through it, and its error then stands in the place of the
    cancellation: a loop that catches it and goes on would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
