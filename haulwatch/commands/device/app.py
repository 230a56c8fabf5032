"""The group `haulwatch device`, with its subcommands in the order of the help."""

import typer

from haulwatch.commands.device.add import add
from haulwatch.commands.device.adopt import adopt, unknown
from haulwatch.commands.device.certificate import authority, certificate
from haulwatch.commands.device.command import command, commands
from haulwatch.commands.device.enable import disable, enable
from haulwatch.commands.device.export_acl import export_acl
from haulwatch.commands.device.rotate import rotate
from haulwatch.commands.device.show import list_devices, show

app = typer.Typer(
    no_args_is_help=True,
    help="Devices: registration, logins at the broker, certificates, commands, and the ledger of each.",
)

app.command("list")(list_devices)
app.command()(show)
app.command()(add)
app.command()(rotate)
app.command()(disable)
app.command()(enable)
app.command("export-acl")(export_acl)
app.command()(authority)
app.command()(certificate)
app.command()(unknown)
app.command()(adopt)
app.command()(command)
app.command()(commands)
