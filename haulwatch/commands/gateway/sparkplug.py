"""`haulwatch gateway sparkplug`: edge nodes of Sparkplug B → broker."""

import asyncio

from devices.codecs.sparkplug.codec import DIALECT
from haulwatch.commands.shared import exits_on_error
from haulwatch.process.lifetime import role, stop_event
from haulwatch.settings.data_files import gateway_role
from haulwatch.settings.load import Settings
from haulwatch.wiring.gateways.sparkplug import sparkplug_parts
from ingest.gateways.status import keep_reporting


@exits_on_error
def sparkplug() -> None:
    """Be the host application of Sparkplug B: read what edge nodes publish at the broker of HAULWATCH_MQTT_URL.

    It keeps their births and aliases, asks for rebirths, and passes each message on so that it can be read alone;
    `docs/dialects/sparkplug.md` has the rest.
    """
    with role(gateway_role(DIALECT), create=True) as settings:
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM."""
    parts, stop = sparkplug_parts(settings), stop_event()
    publishing = asyncio.create_task(parts.publisher.run(), name="sparkplug: publisher")
    reporting = asyncio.create_task(
        keep_reporting(parts.status_path, stop, parts.host.figures), name="sparkplug: status"
    )
    try:
        await parts.host.run(stop)
    finally:
        stop.set()
        publishing.cancel()
        await asyncio.gather(publishing, reporting, return_exceptions=True)
    parts.status_path.unlink(missing_ok=True)
