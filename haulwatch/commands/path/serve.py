"""`haulwatch serve`: the HTTP API and the console."""

import asyncio
import os

from api.app import create_app
from api.http import server as http_server
from haulwatch import wiring
from haulwatch.commands.shared import fail, plainly
from haulwatch.process.lifetime import role, told_to_stop
from haulwatch.settings.load import Settings
from haulwatch.wiring.api_parts import api_options, api_parts
from haulwatch.wiring.current_city import CurrentCity
from haulwatch.wiring.ingestion_status import ingestion_status
from ingest.boards.feed import BoardFeed, open_cursors
from ingest.mqtt.broker_statistics import BrokerStatistics


@plainly
def serve() -> None:
    """Serve the HTTP API and the console, feed the boards, and send commands to devices."""
    with role("api") as settings, wiring.registry(settings) as registry:
        asyncio.run(_serve(settings, CurrentCity(registry)))


async def _serve(settings: Settings, city: CurrentCity) -> None:
    store, journal, stop = wiring.store(settings), wiring.journal(settings), told_to_stop()
    watch = BrokerStatistics(settings.mqtt.broker, settings.mqtt.client_id, wiring.now_ms)
    watched = settings.limits.broker_counters == "on"
    parts = api_parts(settings, city, store, journal, lambda: watch.counters if watched else None)
    cursors = open_cursors(settings.paths.data_dir)
    feed = BoardFeed(store, journal, city, lambda: ingestion_status(parts), cursors)
    beside = [
        asyncio.create_task(feed.run(stop), name="boards"),
        asyncio.create_task(wiring.commander(settings).run(), name="commander"),
    ]
    if watched:
        beside.append(asyncio.create_task(watch.run(), name="broker counters"))
    try:
        await http_server.serve(create_app(parts, api_options(settings)), settings.api.host, settings.api.port, stop)
    except OSError as exc:
        why = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)  # negative: a name without address
        fail(
            f"cannot listen on {settings.api.host}:{settings.api.port}: {why}: set HAULWATCH_API_HOST or "
            "HAULWATCH_API_PORT"
        )
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        cursors.close()
        await store.close()
