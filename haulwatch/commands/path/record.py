"""`haulwatch record`: raw log → store, and the raw log kept to its bounds."""

import asyncio
import gc
from contextlib import suppress
from typing import Final

from haulwatch import wiring
from haulwatch.commands.shared import plainly
from haulwatch.process.lifetime import role, told_to_stop
from haulwatch.settings.load import Settings
from haulwatch.wiring.current_city import CurrentCity
from ingest.log.records import CONSUMERS
from ingest.log.segment import RawLogError
from ingest.process.heartbeat import keep_beating
from ingest.recorder.recorder import Recorder
from ingest.recorder.run import run_recorder
from ingest.recorder.state import RecorderState

_TRIM_EVERY_S: Final = 60.0
_DAY_MS: Final = 86_400_000


@plainly
def record() -> None:
    """Move readings from the raw log into the store; keep dead letters and the ledger."""
    with role("recorder") as settings, wiring.registry(settings) as registry:
        asyncio.run(_record(settings, CurrentCity(registry)))


async def _record(settings: Settings, city: CurrentCity) -> None:
    stop = told_to_stop()
    store = wiring.store(settings)
    state = RecorderState(wiring.recorder_state_path(settings))
    limit = settings.limits.max_payload_bytes
    recording = Recorder(wiring.raw_log(settings), store, state, city, max_payload_bytes=limit)
    gc.freeze()  # the city and the marks stay: looking through them for cycles took a sixth of the recorder
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_beating(wiring.heartbeat_path(settings, "recorder"), stop), name="heartbeat")
            trimming = tasks.create_task(_keep_trimmed(settings), name="raw log trim")
            await run_recorder(recording, stop, clock=wiring.now_ms)
            trimming.cancel()
    finally:
        await store.close()
        state.close()


async def _keep_trimmed(settings: Settings) -> None:
    """Drop the oldest segments that every consumer has read, once the log is over its size or they over their age."""
    keep_bytes = settings.limits.raw_log_keep_mib << 20
    keep_ms = int(settings.limits.raw_log_keep_days * _DAY_MS)
    log = wiring.raw_log(settings)
    while True:
        await asyncio.sleep(_TRIM_EVERY_S)
        with suppress(RawLogError):
            if set(CONSUMERS) <= log.committed().keys():  # nobody is missing from the count
                await asyncio.to_thread(log.trim, keep_bytes, wiring.now_ms() - keep_ms if keep_ms else 0)
