"""Tasks that are told to end, end."""

import asyncio

import pytest

from ingest.process.pause import end_if_cancelled


async def test_an_error_in_the_place_of_a_cancellation_does_not_keep_a_task_alive() -> None:
    async def serve() -> None:
        while True:
            try:
                try:
                    await asyncio.sleep(60)
                finally:
                    raise OSError("the way out failed")
            except OSError:
                end_if_cancelled()

    task = asyncio.create_task(serve())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 5)
    assert task.cancelled()


async def test_a_task_that_was_not_cancelled_goes_on() -> None:
    end_if_cancelled()
