"""The group `haulwatch manifest`."""

import typer

from haulwatch.commands.manifests.listing import list_manifests, show

app = typer.Typer(
    no_args_is_help=True,
    help="""Manifests: one for each truck trip, from its source to its disposal.

    `docs/manifests.md` says what states they have. People and other systems act on them by the API.
    """,
)

app.command("list")(list_manifests)
app.command()(show)
