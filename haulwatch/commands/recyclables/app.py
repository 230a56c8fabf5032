"""The group `haulwatch deposits`."""

from typing import Final

import typer

from haulwatch.commands.recyclables.accounts import account, accounts, erase
from haulwatch.commands.recyclables.bookings import bookings, cancel, recredit, spend
from haulwatch.commands.recyclables.key import key
from haulwatch.commands.recyclables.sums import refused, sums

app: Final = typer.Typer(
    no_args_is_help=True,
    help="""Deposits of recyclables at smart points: weights, points or yuan by the tariff, accounts by pseudonym.

    `docs/recyclables.md` says how points send them. Cards and codes are never kept.
    """,
)
app.command()(sums)
app.command()(accounts)
app.command()(account)
app.command()(erase)
app.command()(spend)
app.command()(cancel)
app.command()(bookings)
app.command()(recredit)
app.command()(refused)
app.command()(key)
