"""`haulwatch record`: raw log → store; also removes old segments of the raw log."""

import asyncio
from functools import partial

from haulwatch.commands.shared import exits_on_error
from haulwatch.process.current_city import CurrentCity
from haulwatch.process.garbage import keep_objects
from haulwatch.process.lifetime import role, stop_event
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_current_city
from haulwatch.wiring.log import once_log_answers, wait_for_log
from haulwatch.wiring.recorder import recorder_parts
from ingest.process.heartbeat import keep_beating


@exits_on_error
def record() -> None:
    """Write readings from the raw log to the store; keep dead letters and the ledger.

    With the raw log on Kafka, several may run, each in a data directory of its own: they share the partitions.
    """
    with role("recorder") as settings, open_current_city(settings) as city:
        asyncio.run(_record(settings, city))


async def _record(settings: Settings, city: CurrentCity) -> None:
    stop = stop_event()
    await wait_for_log(settings, stop)
    if stop.is_set():
        return
    async with once_log_answers(partial(recorder_parts, settings, city), settings, stop) as parts:
        if parts is None:
            return
        keep_objects()  # the city and the newest instants: to search them took a sixth of the recorder's time
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_beating(parts.heartbeat_path, stop), name="heartbeat")
            tasks.create_task(parts.revisions.run(stop, parts.leads), name="revisions")
            retention = tasks.create_task(parts.retention.run(), name="raw log retention")
            await parts.record(stop)
            retention.cancel()
