"""`haulwatch city import`: brings a city's files into the registry, or shows what that would change."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from devices.cities import JINCHENG
from devices.city.files import CityFileError, read_city
from devices.city.files.difference import Deed, EntryChange, as_text, difference
from devices.city.files.problems import Fault
from devices.city.model import City
from devices.city.succession import check_clashes, from_instant
from devices.db.registry import AnotherCity, CityMissing
from devices.db.registry_changes import Author
from devices.spelling import did_you_mean
from haulwatch import migrations
from haulwatch.commands.shared import By, JsonFlag, acting_name, exits_on_error, fail, out, print_json, print_table
from haulwatch.process import system_clock
from haulwatch.settings.data_files import NoData
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.databases import open_registry

DEMO_CITY: Final = "jincheng"
_DATE_CHARS: Final = 10
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2099
_NOTES: Final = {Deed.LEFT_OUT: "not in the files: stays as it is"}
_CHANGES_PAST: Final = "held already: late readings are judged by the change; --from keeps the past"


@exits_on_error
def import_city(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder with city.yaml, sites.geojson, routes.geojson, …; or `jincheng`, the demo city."
        ),
    ],
    check_only: Annotated[bool, typer.Option("--check", help="Check the files and import nothing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show every change that the import would make, and import nothing.")
    ] = False,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MOMENT",
            help="What changes becomes a new version, valid from this date or date-time on; the one before ends there.",
        ),
    ] = None,
    by: By = None,
    reason: Annotated[str, typer.Option(help="Why; stands beside each change.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Import a city from GeoJSON and YAML or CSV files. Importing the same files again changes nothing.

    Coordinates are [lon, lat]. Every geometry names its datum; GCJ-02 is converted to WGS-84.
    """
    folder = JINCHENG if str(directory) == DEMO_CITY else directory
    if not folder.is_dir():
        fail(f"{directory}: no such folder: {_guess(directory) or 'give the folder with city.yaml'}")
    try:
        city = read_city(folder)
    except CityFileError as exc:
        if as_json:
            print_json({"errors": [_error(fault) for fault in exc.faults]})
            raise typer.Exit(2) from None
        lines = "\n  ".join(fault.with_line for fault in exc.faults)
        fail(f"{folder} cannot be imported, nothing was changed:\n  {lines}")
    begin_ms = None if begin is None else _moment(begin, city)
    if check_only:
        out.print(f"{city.title}: the files are correct", markup=False)
        return
    settings = load_settings()
    if dry_run:
        _show_changes(settings, city, begin_ms, as_json=as_json)
        return
    author = Author(acting_name(by), system_clock.now_ms(), reason)
    settings.paths.data_dir.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(settings.database_url.get_secret_value())
    with open_registry(settings) as registry:
        if begin_ms is None or not registry.revision():
            report = registry.import_city(city, author)
        else:
            report = registry.change_city(lambda stored: _succeeding(stored, city, begin_ms), author)
    if as_json:
        print_json(
            {
                "revision": report.revision,
                "tables": {name: changes._asdict() for name, changes in report.tables.items()},
            }
        )
        return
    rows = [(name, *changes) for name, changes in report.tables.items() if any(changes)]
    columns = ("table", "added", "changed", "unchanged")
    print_table(f"{city.title}, registry revision {report.revision}", columns, rows, right=columns[1:])


def _succeeding(stored: City, city: City, begin_ms: int) -> City:
    """Raises AnotherCity."""
    if stored.id != city.id:
        raise AnotherCity(stored.id, city.id)
    return from_instant(stored, city, begin_ms)


def _show_changes(settings: Settings, city: City, begin_ms: int | None, *, as_json: bool) -> None:
    """Show what the import would change; nothing is written, no table is made."""
    stored = _stored(settings)
    if stored is not None:
        city = _succeeding(stored, city, begin_ms) if begin_ms is not None else city
        if stored.id != city.id:
            raise AnotherCity(stored.id, city.id)
    check_clashes(stored, city)
    changes = difference(stored, city, system_clock.now_ms())
    if as_json:
        print_json({"errors": [], "changes": [_change(change) for change in changes]})
        return
    rows = [row for change in changes for row in _rows(change)]
    counts = {deed: sum(change.deed is deed for change in changes) for deed in Deed}
    counted = ", ".join(f"{count} {deed.replace('_', ' ')}" for deed, count in counts.items() if count) or "no change"
    print_table(
        f"{city.title}: {counted}; nothing was imported",
        ("file", "id", "version", "what", "field", "now", "then"),
        rows,
    )


def _stored(settings: Settings) -> City | None:
    """The city of the registry; None before the first import. Raises DatabaseError."""
    try:
        with open_registry(settings) as registry:
            return registry.load_city(with_drivers=True)
    except (CityMissing, NoData):
        return None


def _rows(change: EntryChange) -> Sequence[tuple[str, ...]]:
    head = (change.file, change.id, str(change.version), change.deed.replace("_", " "))
    if not change.fields:
        return [(*head, "", "", _NOTES.get(change.deed, ""))]
    rows = [(*head, one.field, as_text(one.before), as_text(one.after)) for one in change.fields]
    return [*rows, (*head, "", "", _CHANGES_PAST)] if change.changes_past else rows


def _change(change: EntryChange) -> dict[str, object]:
    return {
        "file": change.file,
        "id": change.id,
        "version": change.version,
        "what": str(change.deed),
        "fields": [asdict(one) for one in change.fields],
        "changes_past": change.changes_past,
    }


def _error(fault: Fault) -> dict[str, object]:
    where = fault.where
    return {
        "file": where.file, "line": fault.line, "entry": where.entry, "field": fault.field, "fault": fault.fault,
    }  # fmt: skip


def _moment(text: str, city: City) -> int:
    """A date is midnight in the city."""
    try:
        moment = datetime.fromisoformat(text) if len(text) != _DATE_CHARS else None
        if moment is None:
            day = date.fromisoformat(text)
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the zone follows
    except ValueError:
        fail(f"--from: {text!r} is no moment: write 2026-12-01, or 2026-12-01T08:00:00+08:00")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        fail(f"--from: {text!r} is not in the years {_FIRST_YEAR} to {_LAST_YEAR}: write another moment")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(city.timezone))
    return round(moment.timestamp() * 1000)


def _guess(directory: Path) -> str:
    """A folder beside the one that is not there, or the demonstration city, with a name like it."""
    beside = [entry.name for entry in directory.parent.iterdir() if entry.is_dir()] if directory.parent.is_dir() else []
    return did_you_mean(directory.name, [DEMO_CITY, *beside])
