"""`haulwatch broker`: the embedded broker of the demo."""

from typing import Annotated

import typer

from haulwatch.commands.shared import exits_on_error
from haulwatch.process.lifetime import role
from ingest.mqtt.embedded_broker import run_broker


@exits_on_error
def broker(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="TCP port on loopback.")] = 1883,
) -> None:
    """Run the demo's embedded MQTT broker on loopback. Not for production: a crash loses what it holds."""
    with role("broker", create=True):
        run_broker("127.0.0.1", port)
