"""The `haulwatch` command."""

from typing import Annotated

import typer

from haulwatch import __version__
from haulwatch.commands import (
    accounts,
    benchmark,
    cities,
    databases,
    deadletters,
    demonstration,
    diagnosis,
    processes,
    rawlogs,
    registered,
    simulation,
)

_PATH = "The path"
_DEVICES = "Devices and tests"
_CARE = "Care"

app = typer.Typer(
    name="haulwatch",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    rich_markup_mode="markdown",
    help="""Telemetry and alerts for waste trucks, weighbridges, recycling points and sorting stations.

    Begin with `haulwatch demo`. In production run `haulwatch city import DIR` once, then `haulwatch run`, or the
    four processes collect, record, judge and serve each by itself. Settings are environment variables, listed by
    `haulwatch settings`.
    """,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _haulwatch(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command("demo", rich_help_panel=_PATH)(demonstration.run_demo)
app.command(rich_help_panel=_PATH)(processes.run)
app.command(rich_help_panel=_PATH)(processes.collect)
app.command(rich_help_panel=_PATH)(processes.record)
app.command(rich_help_panel=_PATH)(processes.judge)
app.command(rich_help_panel=_PATH)(processes.serve)
app.command(rich_help_panel=_DEVICES)(simulation.simulate)
app.command(rich_help_panel=_DEVICES)(processes.broker)
app.command(rich_help_panel=_DEVICES)(benchmark.bench)
app.command(rich_help_panel=_CARE)(diagnosis.doctor)
app.command(rich_help_panel=_CARE)(diagnosis.settings)
app.command(rich_help_panel=_CARE)(accounts.ledger)
app.command(rich_help_panel=_CARE)(accounts.replay)
app.add_typer(cities.app, name="city", rich_help_panel=_CARE)
app.add_typer(registered.app, name="device", rich_help_panel=_CARE)
app.add_typer(deadletters.app, name="deadletter", rich_help_panel=_CARE)
app.add_typer(rawlogs.app, name="log", rich_help_panel=_CARE)
app.add_typer(databases.app, name="db", rich_help_panel=_CARE)


def main() -> None:
    """Run the command line."""
    app()
