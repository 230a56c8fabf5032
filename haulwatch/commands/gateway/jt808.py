"""`haulwatch gateway jt808`: terminals of JT/T 808 → broker."""

import asyncio

from haulwatch.commands.gateway.running import CannotListen, run_gateway
from haulwatch.commands.shared import cannot_listen, exits_on_error
from haulwatch.process.lifetime import role, stop_event
from haulwatch.process.open_files import allow_open_files
from haulwatch.settings.data_files import gateway_role
from haulwatch.settings.load import Settings
from haulwatch.wiring.gateways.jt808 import Jt808Parts, jt808_parts
from ingest.gateways.jt808.connection import DIALECT


@exits_on_error
def jt808() -> None:
    """Take terminals of trucks that speak JT/T 808 (2011, 2013, 2019) over TCP, and answer each after the broker.

    HAULWATCH_JT808_HOST and HAULWATCH_JT808_PORT say where; `docs/dialects/jt808.md` has the rest.
    """
    with role(gateway_role(DIALECT), create=True) as settings:
        allow_open_files(settings.gateways.jt808_connections)
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM. Raises CannotListen."""
    parts, stop = jt808_parts(settings), stop_event()
    listening = _listen(settings, parts, stop)
    await run_gateway(parts.publisher, parts.status_path, parts.gateway.figures, listening, stop)


async def _listen(settings: Settings, parts: Jt808Parts, stop: asyncio.Event) -> None:
    host, port = settings.gateways.jt808_host, settings.gateways.jt808_port
    try:
        await parts.gateway.run(host, port, stop)
    except* OSError as group:
        exc = next(error for error in group.exceptions if isinstance(error, OSError))
        remedy = "set HAULWATCH_JT808_HOST or HAULWATCH_JT808_PORT"
        raise CannotListen(cannot_listen(host, port, exc, remedy)) from exc
