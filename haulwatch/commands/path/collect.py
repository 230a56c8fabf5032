"""`haulwatch collect`: broker → raw log."""

import re
from typing import Annotated, Final

import typer

from haulwatch import wiring
from haulwatch.commands.shared import fail, plainly
from haulwatch.process.lifetime import role, told_to_stop_thread
from ingest.collector.collector import run_collector

_INSTANCE: Final = re.compile("[A-Za-z0-9_-]{0,23}")


@plainly
def collect(
    instance: Annotated[
        str, typer.Option(metavar="NAME", help="One of several collectors that share the broker's messages.")
    ] = "",
) -> None:
    """Bring messages from the broker into the raw log; acknowledge them when they are on the disk."""
    if not _INSTANCE.fullmatch(instance):
        fail(f"--instance {instance!r}: give up to 23 of A-Z a-z 0-9 _ -")
    with role(wiring.collector_role(instance)) as settings:
        if instance and not settings.mqtt.share_group:
            fail(f"--instance {instance}: set HAULWATCH_BROKER_SHARE_GROUP too, or each would get every message")
        run_collector(
            wiring.mqtt_source(settings, instance),
            wiring.collectors_log(settings),
            told_to_stop_thread(),
            wiring.collector_status_path(settings, instance),
            rates=wiring.device_rates(settings),
        )
