"""`haulwatch collect`: broker → raw log."""

import re
from typing import Annotated, Final

import typer

from haulwatch.commands.shared import exits_on_error, fail
from haulwatch.process.lifetime import role, stop_event_for_threads
from haulwatch.settings.data_files import collector_role
from haulwatch.wiring.collector import collector_parts
from ingest.collector.collector import run_collector

_INSTANCE: Final = re.compile("[A-Za-z0-9_-]{0,23}")


@exits_on_error
def collect(
    instance: Annotated[
        str, typer.Option(metavar="NAME", help="Name of this collector, where several share the broker's messages.")
    ] = "",
) -> None:
    """Write messages from the broker to the raw log, and acknowledge each when it is on the disk."""
    if not _INSTANCE.fullmatch(instance):
        fail(f"--instance {instance!r}: use up to 23 of the characters A-Z a-z 0-9 _ -")
    with role(collector_role(instance), create=True) as settings:
        if instance and not settings.mqtt.share_group:
            fail(
                f"--instance {instance}: set HAULWATCH_BROKER_SHARE_GROUP too: without it, every collector receives "
                "every message"
            )
        parts = collector_parts(settings, instance)
        stop = stop_event_for_threads()
        try:
            run_collector(parts.source, parts.log, stop, parts.status_path, rates=parts.rates, fairness=parts.fairness)
        finally:
            parts.leave()
