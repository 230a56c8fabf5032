"""`haulwatch evidence` with its commands."""

from typing import Final

import typer

from haulwatch.commands.evidence.export import export
from haulwatch.commands.evidence.key import key
from haulwatch.commands.evidence.verify import verify

app: Final = typer.Typer(
    no_args_is_help=True,
    help="""Evidence packs: one signed file with all that an alert rests on.

    A pack is a lead for officers. Whoever gets it verifies it without this installation, with `haulwatch evidence
    verify` or openssl, and judges its raw messages again to the same alert.
    """,
)
app.command()(key)
app.command()(export)
app.command()(verify)
