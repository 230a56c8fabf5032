"""`haulwatch gateway jt808`: terminals of JT/T 808 → broker."""

import asyncio
import os

from devices.errors import OperatorError
from haulwatch.commands.shared import exits_on_error
from haulwatch.process.lifetime import role, stop_event
from haulwatch.process.open_files import allow_open_files
from haulwatch.settings.data_files import gateway_role
from haulwatch.settings.load import Settings
from haulwatch.wiring.gateways.jt808 import Jt808Parts, jt808_parts
from ingest.gateways.jt808.connection import DIALECT
from ingest.gateways.status import keep_reporting


class CannotListen(OperatorError):
    """The port is taken, or the address is not of this machine."""


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
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(parts.publisher.run(), name="jt808: broker")
        tasks.create_task(keep_reporting(parts.status_path, stop, parts.gateway.figures), name="jt808: status")
        await _listen(settings, parts, stop)
        publishing.cancel()
    parts.status_path.unlink(missing_ok=True)  # it was stopped, and did not die


async def _listen(settings: Settings, parts: Jt808Parts, stop: asyncio.Event) -> None:
    host, port = settings.gateways.jt808_host, settings.gateways.jt808_port
    try:
        await parts.gateway.run(host, port, stop)
    except* OSError as group:
        exc = next(error for error in group.exceptions if isinstance(error, OSError))
        cause = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)
        raise CannotListen(
            f"cannot listen on {host}:{port}: {cause}: set HAULWATCH_JT808_HOST or HAULWATCH_JT808_PORT"
        ) from exc
