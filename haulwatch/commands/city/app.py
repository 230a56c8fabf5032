"""The group `haulwatch city`, with its subcommands in the order of the help."""

import typer

from haulwatch.commands.city.exporting import export_city
from haulwatch.commands.city.importing import import_city
from haulwatch.commands.city.show import changes, fields, show

app = typer.Typer(
    no_args_is_help=True, help="The city: sites, routes, vehicles, devices, permits and who holds them, in versions."
)

app.command("import")(import_city)
app.command("export")(export_city)
app.command()(fields)
app.command()(show)
app.command()(changes)
