"""The group `haulwatch gateway`. Each gateway is a module beside this one and a line at its end."""

import typer

from haulwatch.commands.gateway.jt808 import jt808
from haulwatch.commands.gateway.plate import plate
from haulwatch.commands.gateway.scale import scale
from haulwatch.commands.gateway.sparkplug import sparkplug
from haulwatch.commands.gateway.trackers import trackers

app = typer.Typer(no_args_is_help=True)


@app.callback()
def gateway() -> None:
    """Gateways, for devices that do not speak MQTT: each passes on what they send, and answers after the broker.

    `docs/devices.md` says which devices need one.
    """


app.command()(jt808)
app.command()(scale)
app.command()(plate)
app.command()(trackers)
app.command()(sparkplug)
