"""The loop of a worker, and what runs beside it only where verdicts are judged."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ingest.judge.workers.worker import Worker
from ingest.log.errors import LogMadeAnew, RawLogError
from ingest.process.backoff import Backoff
from ingest.process.pause import pause

_WAIT_S: Final = 0.1
_FIRST_PAUSE_S: Final = 0.4
_LONGEST_PAUSE_S: Final = 10.0
"""Shorter than the silence after which a member of a group is taken for stuck."""
_LOOK_S: Final = 0.2

_log = logging.getLogger(__name__)


async def run_worker(worker: Worker, stop: asyncio.Event) -> None:
    """Judge until `stop` is set, then keep everything and leave. A Kafka that is away is tried for ever.

    Raises LogMadeAnew, having left: no judge of these topics can go on.
    """
    backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    while not stop.is_set():
        try:
            await asyncio.to_thread(worker.step, _WAIT_S)
        except LogMadeAnew:
            await asyncio.to_thread(worker.close)
            raise
        except RawLogError as exc:
            pause_s = backoff.next_pause_s()
            _log.warning("judge: cannot go on, trying again in %.1f s: %s", pause_s, exc)
            await pause(stop, pause_s)
            continue
        backoff.reset()
        await asyncio.sleep(0)
    await asyncio.to_thread(worker.close)


async def run_while(
    holds: Callable[[], bool], run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event
) -> None:
    """Run it while the condition holds, each time anew, until `stop` is set."""
    while not stop.is_set():
        await pause(stop, _LOOK_S)
        if stop.is_set() or not holds():
            continue
        ends = asyncio.Event()
        task = asyncio.ensure_future(run(ends))
        try:
            while holds() and not stop.is_set() and not task.done():
                await pause(stop, _LOOK_S)
        finally:
            ends.set()
            await task
