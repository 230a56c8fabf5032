"""`haulwatch serve`: the HTTP API and the console, with its background tasks."""

import asyncio
import logging
from collections.abc import Callable

from api.http import server as http_server
from api.http.connections import ConnectionLimits
from devices.city.model import City
from devices.errors import OperatorError
from haulwatch.commands.shared import cannot_listen, exits_on_error
from haulwatch.process.background import run_beside
from haulwatch.process.lifetime import role, stop_event
from haulwatch.process.path_watch import local_url
from haulwatch.settings.load import Settings
from haulwatch.wiring.api import ApiProcess, api_process
from haulwatch.wiring.databases import open_current_city

_log = logging.getLogger(__name__)


class ServerFailed(OperatorError):
    """The HTTP server cannot start, or ended although nobody asked it to."""


@exits_on_error
def serve() -> None:
    """Serve the HTTP API and the console; update the boards, send commands to devices, look for suspected sites."""
    with role("api") as settings, open_current_city(settings) as city:
        asyncio.run(_serve(settings, city))


async def _serve(settings: Settings, city: Callable[[], City]) -> None:
    """Run until SIGINT or SIGTERM. The end of the HTTP server ends the background tasks, never the other way round."""
    stop = stop_event()
    async with api_process(settings, city, stop) as process:
        await run_beside(lambda: _serve_http(process, settings, stop), process.background, stop)


async def _serve_http(process: ApiProcess, settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises ServerFailed."""
    host, port = settings.api.host, settings.api.port
    limits = ConnectionLimits(settings.api.max_connections, settings.api.max_connections_per_address)
    ready = asyncio.Event()
    announcing = asyncio.create_task(_announce(ready, local_url(host, port)), name="announce the address")
    try:
        await http_server.serve(process.app, host, port, stop, ready=ready, limits=limits)
    except OSError as exc:
        raise ServerFailed(cannot_listen(host, port, exc, "set HAULWATCH_API_HOST or HAULWATCH_API_PORT")) from exc
    except Exception as exc:
        _log.exception("api: the HTTP server failed, the process ends")
        raise ServerFailed(f"the HTTP server failed: {exc!r}: the log has the traceback") from exc
    finally:
        announcing.cancel()
    if not stop.is_set():
        raise ServerFailed("the HTTP server ended by itself: the log names the cause")


async def _announce(ready: asyncio.Event, url: str) -> None:
    await ready.wait()
    _log.info("api: console %s, API %sapi/v1, reference %sdocs", url, url, url)
