"""The group `haulwatch case`."""

import typer

from haulwatch.commands.cases.listing import list_cases, rate
from haulwatch.commands.cases.show import show

app = typer.Typer(
    no_args_is_help=True,
    help="""Cases: alerts that were taken up, reports of the public, and other matters, until they are closed.

    `docs/cases.md` says what a case is. People work on cases in the console.
    """,
)

app.command("list")(list_cases)
app.command()(show)
app.command()(rate)
