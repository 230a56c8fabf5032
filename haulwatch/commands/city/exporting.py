"""`haulwatch city export`: writes the city of the registry as files that import again to the same city."""

from pathlib import Path
from typing import Annotated

import typer

from devices.city.files.export import write_files
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_registry


@exits_on_error
def export_city(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder, or one that is made.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Write the lists as CSV, not as YAML.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the city as GeoJSON, and YAML or CSV: every version of every entry, geometries in WGS-84.

    Drivers are among them: keep the files as you keep the registry.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        fail(f"{directory}: is no empty folder: name another")
    with open_registry(load_settings()) as registry:
        city = registry.load_city(with_drivers=True)
    directory.mkdir(parents=True, exist_ok=True)
    written = write_files(city, directory, lists_as_csv=as_csv)
    if as_json:
        print_json({"revision": city.revision, "files": [path.name for path in written]})
        return
    names = ", ".join(path.name for path in written)
    out.print(f"{city.title}, registry revision {city.revision}: {names}", markup=False)
