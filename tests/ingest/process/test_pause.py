"""Tasks that are cancelled end."""

import asyncio

import pytest

from ingest.process.pause import end_if_cancelled, pause
from tests.waiting import PATIENCE_S


async def test_an_error_that_replaces_a_cancellation_does_not_keep_a_task_alive() -> None:
    async def serve() -> None:
        while True:
            try:
                try:
                    await asyncio.sleep(3_600)
                finally:
                    raise OSError("the clean-up failed")
            except OSError:
                end_if_cancelled()

    task = asyncio.create_task(serve())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
    assert task.cancelled()


async def test_a_task_that_was_not_cancelled_goes_on() -> None:
    end_if_cancelled()


@pytest.mark.parametrize("turns_later", [0, 1, 2])
async def test_a_cancellation_that_comes_together_with_the_event_ends_the_task(turns_later: int) -> None:
    event = asyncio.Event()

    async def serve() -> None:
        await pause(event, 3_600)
        await asyncio.sleep(3_600)

    task = asyncio.create_task(serve())
    await asyncio.sleep(0)
    event.set()
    for _ in range(turns_later):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)


async def test_a_pause_ends_with_the_event_or_with_its_time() -> None:
    event = asyncio.Event()
    await pause(event, 0.001)
    assert not event.is_set()
    event.set()
    await asyncio.wait_for(pause(event, 3_600), PATIENCE_S)
