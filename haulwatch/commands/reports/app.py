"""`haulwatch report` with its commands."""

from typing import Final

import typer

from haulwatch.commands.reports.key import key
from haulwatch.commands.reports.qr import qr
from haulwatch.commands.reports.reseal import reseal

app: Final = typer.Typer(
    no_args_is_help=True,
    help="""Reports of the public: the key that seals names of informants, and the QR codes of sites.

    Reports are read and handled as cases, in the console or by the API.
    """,
)
app.command()(key)
app.command()(reseal)
app.command()(qr)
