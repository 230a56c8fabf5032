"""`haulwatch city`: the city as data."""

from pathlib import Path
from typing import Annotated

import typer

from devices.cities import JINCHENG
from devices.city.files import CityFileError, read_city
from haulwatch import migrations, wiring
from haulwatch.commands.shared import JsonFlag, fail, out, plainly, print_json, print_table
from haulwatch.settings.load import load_settings

app = typer.Typer(no_args_is_help=True, help="The city: sites, routes, vehicles, devices and permits.")


@app.command("import")
@plainly
def import_city(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder with city.yaml, sites.geojson, routes.geojson, …; or `jincheng`, the demo city."
        ),
    ],
    check_only: Annotated[bool, typer.Option("--check", help="Read and check the files, import nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Import a city from GeoJSON and YAML. Importing the same files again changes nothing.

    Coordinates are [lon, lat]; every geometry names its datum, and GCJ-02 is converted to WGS-84 here.
    """
    folder = JINCHENG if str(directory) == "jincheng" else directory
    try:
        city = read_city(folder)
    except CityFileError as exc:
        fail(f"{folder} cannot be imported, nothing was changed:\n  " + "\n  ".join(exc.problems))
    if check_only:
        out.print(f"{city.name} {city.name_zh}: the files are in order")
        return
    settings = load_settings()
    settings.paths.data_dir.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(settings.database_url.get_secret_value())
    with wiring.registry(settings) as registry:
        report = registry.import_city(city)
    if as_json:
        print_json(
            {"revision": report.revision, "tables": {name: done._asdict() for name, done in report.tables.items()}}
        )
        return
    rows = [(name, *changes) for name, changes in report.tables.items()]
    columns = ("table", "added", "changed", "unchanged")
    print_table(f"{city.name} {city.name_zh}, registry revision {report.revision}", columns, rows, right=columns[1:])


@app.command()
@plainly
def show(as_json: JsonFlag = False) -> None:
    """Say which city the registry holds, and how much of it."""
    with wiring.registry(load_settings()) as registry:
        city = registry.load_city()
    counts = {
        "devices": len(city.devices),
        "vehicles": len(city.vehicles),
        "sites": len(city.sites),
        "routes": len(city.routes),
        "permits": len(city.permits),
    }
    if as_json:
        print_json({"id": city.id, "name": city.name, "name_zh": city.name_zh, "revision": city.revision, **counts})
    else:
        title = f"{city.name} {city.name_zh}, registry revision {city.revision}"
        print_table(title, ("what", "how many"), counts.items(), right=("how many",))
