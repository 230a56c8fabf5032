"""`haulwatch db`: the tables of registry and journal."""

import typer

from haulwatch import migrations
from haulwatch.commands.shared import JsonFlag, out, plainly, print_json
from haulwatch.settings.load import load_settings

app = typer.Typer(no_args_is_help=True, help="The database of registry and alert journal.")


@app.command()
@plainly
def upgrade() -> None:
    """Bring the tables to this version's revision. Doing it twice changes nothing."""
    url = _url()
    before = migrations.current(url)
    migrations.upgrade(url)
    after = migrations.current(url)
    out.print(
        f"the database is at revision {after}" + (" already" if before == after else f" (was {before or 'empty'})")
    )


@app.command()
@plainly
def status(as_json: JsonFlag = False) -> None:
    """Say which revision the tables are at, and which one this version wants."""
    current, head = migrations.current(_url()), migrations.head()
    if as_json:
        print_json({"current": current, "head": head, "up_to_date": current == head})
    else:
        out.print(
            f"current {current or 'empty'}, wanted {head}" + ("" if current == head else ": run `haulwatch db upgrade`")
        )


def _url() -> str:
    settings = load_settings()
    settings.paths.data_dir.mkdir(parents=True, exist_ok=True)
    return settings.database_url.get_secret_value()
