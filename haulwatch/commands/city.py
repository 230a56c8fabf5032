"""`haulwatch city`: imports a city from files, and shows it."""

from pathlib import Path
from typing import Annotated, Final

import typer

from devices.cities import JINCHENG
from devices.city import reference
from devices.city.files import CityFileError, read_city
from devices.spelling import did_you_mean
from haulwatch import migrations
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json, print_table
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_registry

_DEMO_CITY: Final = "jincheng"

app = typer.Typer(no_args_is_help=True, help="The city: sites, routes, vehicles, devices and permits.")


@app.command("import")
@exits_on_error
def import_city(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder with city.yaml, sites.geojson, routes.geojson, …; or `jincheng`, the demo city."
        ),
    ],
    check_only: Annotated[bool, typer.Option("--check", help="Check the files and import nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Import a city from GeoJSON and YAML files. Importing the same files again changes nothing.

    Coordinates are [lon, lat]. Every geometry names its datum; GCJ-02 is converted to WGS-84.
    """
    folder = JINCHENG if str(directory) == _DEMO_CITY else directory
    if not folder.is_dir():
        fail(f"{directory}: no such folder: {_guess(directory) or 'give the folder with city.yaml'}")
    try:
        city = read_city(folder)
    except CityFileError as exc:
        fail(f"{folder} cannot be imported, nothing was changed:\n  " + "\n  ".join(exc.problems))
    if check_only:
        out.print(f"{city.title}: the files are correct", markup=False)
        return
    settings = load_settings()
    settings.paths.data_dir.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(settings.database_url.get_secret_value())
    with open_registry(settings) as registry:
        report = registry.import_city(city)
    if as_json:
        print_json(
            {
                "revision": report.revision,
                "tables": {name: changes._asdict() for name, changes in report.tables.items()},
            }
        )
        return
    rows = [(name, *changes) for name, changes in report.tables.items()]
    columns = ("table", "added", "changed", "unchanged")
    print_table(f"{city.title}, registry revision {report.revision}", columns, rows, right=columns[1:])


@app.command()
@exits_on_error
def fields() -> None:
    """List every field of the files of a city: what to write, and what it means. In Markdown, as in docs/city.md."""
    typer.echo(reference.as_markdown(), nl=False)


@app.command()
@exits_on_error
def show(as_json: JsonFlag = False) -> None:
    """Show the city of the registry, and how many devices, vehicles, sites, routes, zones and permits it has."""
    with open_registry(load_settings()) as registry:
        city = registry.load_city()
    counts = {
        "devices": len(city.devices),
        "vehicles": len(city.vehicles),
        "sites": len(city.sites),
        "routes": len(city.routes),
        "zones": len(city.zones),
        "permits": len(city.permits),
    }
    if as_json:
        print_json({"id": city.id, "name": city.name, "name_zh": city.name_zh, "revision": city.revision, **counts})
    else:
        title = f"{city.title}, registry revision {city.revision}"
        print_table(title, ("what", "count"), counts.items(), right=("count",))


def _guess(directory: Path) -> str:
    """A folder beside the one that is not there, or the demonstration city, with a name like it."""
    beside = [entry.name for entry in directory.parent.iterdir() if entry.is_dir()] if directory.parent.is_dir() else []
    return did_you_mean(directory.name, [_DEMO_CITY, *beside])
