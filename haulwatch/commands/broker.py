"""`haulwatch broker`: the broker of the demo."""

from typing import Annotated

import typer

from haulwatch.commands.shared import plainly
from haulwatch.process.lifetime import role
from ingest.mqtt.embedded_broker import run_broker


@plainly
def broker(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="TCP port on loopback.")] = 1883,
) -> None:
    """Run the demo's embedded MQTT broker on loopback. Not for production: it loses what a crash interrupts."""
    with role("broker"):
        run_broker("127.0.0.1", port)
