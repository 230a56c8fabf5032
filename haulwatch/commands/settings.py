"""`haulwatch settings`: every setting, and its value."""

from typing import Annotated

import typer

from haulwatch.commands.shared import exits_on_error, out
from haulwatch.settings import table
from haulwatch.settings.load import load_settings


@exits_on_error
def settings(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the defaults as the Markdown table of the documentation.")
    ] = False,
) -> None:
    """List every setting: variable, value, unit, and the reason for the default. Secrets are masked."""
    if markdown:
        typer.echo(table.as_markdown(), nl=False)
    else:
        out.print(table.as_table(load_settings()))
