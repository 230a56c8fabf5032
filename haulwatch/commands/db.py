"""`haulwatch db`: the tables of the relational database."""

from pathlib import Path
from typing import Annotated

import typer

from haulwatch import migrations
from haulwatch.commands.shared import JsonFlag, exits_on_error, out, print_json
from haulwatch.settings.load import load_settings
from haulwatch.wiring import database_roles
from haulwatch.wiring.databases import existing_database_url

app = typer.Typer(no_args_is_help=True, help="The database of registry, logins, commands and alert journal.")


@app.command()
@exits_on_error
def upgrade() -> None:
    """Upgrade the tables to the revision of this version. A second run changes nothing."""
    settings = load_settings()
    settings.paths.data_dir.mkdir(parents=True, exist_ok=True)
    url = settings.database_url.get_secret_value()
    before = migrations.current(url)
    migrations.upgrade(url)
    after = migrations.current(url)
    out.print(
        f"the database is at revision {after}" + (" already" if before == after else f" (was {before or 'empty'})")
    )


_UrlFile = Annotated[
    Path,
    typer.Option(exists=True, dir_okay=False, metavar="FILE", help="File with the database URL of this process."),
]


@app.command()
@exits_on_error
def roles(
    record: _UrlFile,
    judge: _UrlFile,
    serve: _UrlFile,
    sign_on: Annotated[
        bool,
        typer.Option(
            "--sign-on",
            help="The API makes accounts for people of an identity provider, and follows their roles. It is so without "
            "this option where HAULWATCH_OIDC_ISSUER is set.",
        ),
    ] = False,
) -> None:
    """Give recorder, judge and API a PostgreSQL user each, with the rights they need and no more.

    User and password come from the URLs; call it as the owner of the tables, after `haulwatch db upgrade`. A second run
    changes nothing. The collector has no database.
    """
    settings = load_settings()
    files = {"record": record, "judge": judge, "serve": serve}
    urls = {process: file.read_text(encoding="utf-8").strip() for process, file in files.items()}
    has_provider = sign_on or settings.sign_on.issuer is not None
    granted = database_roles.grant(existing_database_url(settings), urls, sign_on=has_provider)
    for process, role in granted.items():
        out.print(f"{process}: {role}", markup=False)


@app.command()
@exits_on_error
def status(as_json: JsonFlag = False) -> None:
    """Show the revision of the tables, and the one that this version needs.

    Exit code 0: they are equal. 1: run `haulwatch db upgrade`.
    """
    current, head = migrations.current(existing_database_url(load_settings())), migrations.head()
    if as_json:
        print_json({"current": current, "head": head, "up_to_date": current == head})
    else:
        out.print(
            f"current {current or 'empty'}, needed {head}" + ("" if current == head else ": run `haulwatch db upgrade`")
        )
    if current != head:
        raise typer.Exit(1)
