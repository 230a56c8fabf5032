"""`haulwatch gateway sparkplug`: edge nodes of Sparkplug B → broker."""

import asyncio

from devices.codecs.sparkplug.codec import DIALECT
from haulwatch.commands.gateway.running import run_gateway
from haulwatch.commands.shared import exits_on_error
from haulwatch.process.lifetime import role, stop_event
from haulwatch.settings.data_files import gateway_role
from haulwatch.settings.load import Settings
from haulwatch.wiring.gateways.sparkplug import sparkplug_parts


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
    await run_gateway(parts.publisher, parts.status_path, parts.host.figures, parts.host.run(stop), stop)
