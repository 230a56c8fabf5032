"""`haulwatch gateway trackers`: phones and trackers over HTTP → broker."""

import asyncio
import socket
from pathlib import Path
from typing import Annotated, Final

import typer

from haulwatch.commands.gateway.running import CannotListen, run_gateway
from haulwatch.commands.shared import cannot_listen, exits_on_error
from haulwatch.process.lifetime import role, stop_event
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import gateway_folder, gateway_role, gateway_status_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.gateways.publisher import gateway_publisher
from ingest.gateways.trackers.app import TrackerGateway
from ingest.gateways.trackers.keys import Keys, read_keys
from ingest.gateways.trackers.server import listen, serve

_NAME: Final = "trackers"


@exits_on_error
def trackers(
    keys: Annotated[Path, typer.Option(help="File of lines `DEVICE KEY`, readable by its owner only.")],
    host: Annotated[str, typer.Option(help="Where to listen. Another address than this machine's own needs TLS.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65_535, help="5055 is what OsmAnd and Traccar Client use.")] = 5055,
) -> None:
    """Take positions of OsmAnd, Traccar Client and Traccar servers over HTTP, and answer each after the broker.

    It speaks no TLS: let nginx or another proxy do that before it. `docs/dialects/trackers.md` has the rest.
    """
    with role(gateway_role(_NAME), create=True) as settings:
        gateway_folder(settings).mkdir(parents=True, exist_ok=True)
        asyncio.run(_serve(settings, read_keys(keys), _listener(host, port)))


async def _serve(settings: Settings, keys: Keys, listener: socket.socket) -> None:
    """Run until SIGINT or SIGTERM."""
    stop, publisher = stop_event(), gateway_publisher(settings, _NAME)
    gateway, status = TrackerGateway(publisher, keys, now_ms), gateway_status_path(settings, _NAME)
    await run_gateway(publisher, status, gateway.figures, serve(gateway.app, listener, stop), stop)


def _listener(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as exc:
        raise CannotListen(cannot_listen(host, port, exc, "give another --host or --port")) from exc
