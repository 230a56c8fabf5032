"""What runs beside the work of every gateway: its publisher, and the file of its status."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from devices.errors import OperatorError
from ingest.gateways.publisher import GatewayPublisher
from ingest.gateways.status import GatewayFigures, keep_reporting


class CannotListen(OperatorError):
    """The port is taken, or the address is not of this machine."""


async def run_gateway(
    publisher: GatewayPublisher,
    status_path: Path,
    figures: Callable[[], GatewayFigures],
    work: Awaitable[None],
    stop: asyncio.Event,
) -> None:
    """Run until the work ends, which it does when `stop` is set. Raises what any of them raises, as a group.

    The status of a gateway that was stopped is removed: a file that stays is of one that died.
    """
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(publisher.run(), name="gateway: broker")
        tasks.create_task(keep_reporting(status_path, stop, figures), name="gateway: status")
        await work
        stop.set()
        publishing.cancel()
    await asyncio.to_thread(status_path.unlink, missing_ok=True)
