"""`haulwatch gateway scale`: a weighing indicator on a serial port or TCP → one weighing a truck at the broker."""

import asyncio
import logging
import re
from functools import partial
from typing import Annotated, Final

import typer

from devices.codecs.scale.codec import DIALECT
from devices.readings.ids import DEVICE_ID_PATTERN
from haulwatch.commands.gateway.running import run_gateway
from haulwatch.commands.shared import exits_on_error, fail, host_and_port
from haulwatch.process.lifetime import role, stop_event
from haulwatch.settings.data_files import gateway_role, gateway_status_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.gateways.scale import ScaleParts, scale_of, scale_parts
from ingest.gateways.scale.gateway import Direction, Scale
from ingest.gateways.scale.plates import receive_plates
from ingest.gateways.scale.port import Port, SerialPort, TcpPort
from ingest.gateways.scale.ticket_book import TicketBookFailed
from ingest.gateways.status import GatewayFigures, report_once
from ingest.process.pause import pause

_OPEN_EVERY_S: Final = 2.0
"""Between two attempts to open the ticket book."""
_NO_BOOK: Final = GatewayFigures(
    broker_connected=False, devices=0, connections=0, received=0, published=0, not_published=0, troubles=("no_book",)
)
_log = logging.getLogger(__name__)
_DIRECTIONS: Final[dict[str, Direction]] = {"in": "in", "out": "out", "both": "both"}


@exits_on_error
def scale(
    device: Annotated[str, typer.Option(help="Id of the scale in the registry.")],
    profile: Annotated[
        str, typer.Option(help="Profile of the city, or a built-in one such as yaohua-kg, toledo, text.")
    ],
    port: Annotated[str | None, typer.Option(help="Serial port, such as /dev/ttyS0.")] = None,
    tcp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Instead of a serial port.")] = None,
    direction: Annotated[
        str,
        typer.Option(
            help="in, out or both: which way trucks pass, where the gate does not say. both: a truck with a plate that "
            "came in leaves next."
        ),
    ] = "in",
) -> None:
    """Read a weighing indicator, and publish one settled weighing for each truck.

    Weighings wait on disk while the broker is away. `docs/dialects/scales.md` has the profiles, and how plates get to
    the weighings.
    """
    if not re.fullmatch(DEVICE_ID_PATTERN, device):
        fail(f"--device: {device!r} can be no id of a device")
    if direction not in _DIRECTIONS:
        fail("--direction: write in, out or both")
    with role(gateway_role(f"{DIALECT}-{device}"), create=True) as settings:
        found = scale_of(settings, device, _port(port, tcp), profile, _DIRECTIONS[direction])
        asyncio.run(_run(settings, found))


async def _run(settings: Settings, scale: Scale) -> None:
    """Run until SIGINT or SIGTERM; begin when the disk takes tickets."""
    stop = stop_event()
    status_path = gateway_status_path(settings, f"{DIALECT}-{scale.device_id}")
    is_logged = False
    while not stop.is_set():
        try:
            async with scale_parts(settings, scale) as parts:
                figures = partial(_figures, parts)
                await run_gateway(parts.publisher, parts.status_path, figures, _weigh(parts, scale, stop), stop)
        except TicketBookFailed as exc:
            if not is_logged:
                _log.error("gateway scale: %s: no truck is weighed until then: %s", scale.device_id, exc)
                is_logged = True
            report_once(status_path, _NO_BOOK)
            await pause(stop, _OPEN_EVERY_S)
    await asyncio.to_thread(status_path.unlink, missing_ok=True)


async def _weigh(parts: ScaleParts, scale: Scale, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        reads = receive_plates(parts.plates, scale.device_id, parts.reads, parts.clock)
        running = [
            tasks.create_task(parts.gateway.run(), name="scale: indicator"),
            tasks.create_task(reads, name="scale: plates"),
        ]
        await stop.wait()
        for task in running:
            task.cancel()


def _figures(parts: ScaleParts) -> GatewayFigures:
    return parts.gateway.figures(connected=parts.publisher.connected)


def _port(port: str | None, tcp: str | None) -> Port:
    if (port is None) == (tcp is None):
        fail("give --port /dev/…, or --tcp HOST:PORT")
    if port is not None:
        return SerialPort(port)
    return TcpPort(*host_and_port("--tcp", tcp or ""))
