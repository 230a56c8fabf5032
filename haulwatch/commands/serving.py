"""`haulwatch serve`: the HTTP API and the console."""

import asyncio
import os

from api import server as http_server
from api.app import create_app
from haulwatch import wiring
from haulwatch.api_parts import api_options, api_parts
from haulwatch.board_feed import BoardFeed, look_at, open_cursors
from haulwatch.commands.shared import fail, plainly
from haulwatch.current_city import CurrentCity
from haulwatch.lifetime import role, told_to_stop
from haulwatch.settings import Settings
from ingest.broker_watch import BrokerWatch


@plainly
def serve() -> None:
    """Serve the HTTP API and the console, feed the boards, and send commands to devices."""
    with role("api") as settings, wiring.registry(settings) as registry:
        asyncio.run(_serve(settings, CurrentCity(registry)))


async def _serve(settings: Settings, city: CurrentCity) -> None:
    store, journal, stop = wiring.store(settings), wiring.journal(settings), told_to_stop()
    watch = BrokerWatch(settings.mqtt.broker, settings.mqtt.client_id, wiring.now_ms)
    watched = settings.limits.broker_counters == "on"
    parts = api_parts(settings, city, store, journal, lambda: watch.counters if watched else None)
    cursors = open_cursors(settings.paths.data_dir)
    feed = BoardFeed(store, journal, city, lambda: look_at(parts), cursors)
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
