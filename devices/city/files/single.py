"""One entry of a city, in the form that it has in the city's files: read and checked as the files are, shown as they
have it.

The API takes and gives entries this way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from devices.city.columns import Row, Values, city_of, rows_of
from devices.city.files import entities as of
from devices.city.files.checks import References, check_areas_of_head, check_entries, check_profiles, check_sites
from devices.city.files.export import Fields, entries_of
from devices.city.files.fields import GateRow, ProfileRow, RouteRow, SiteRow, ZoneRow
from devices.city.files.folder import CityFileError
from devices.city.files.haulage_fields import DriverRow, HaulierRow, LicenceRow, PermitRow, VehicleRow
from devices.city.files.problems import Problems
from devices.city.files.rows import Entry, read_features, read_rows
from devices.city.files.sources import DATUM_MEMBER, GEOJSON, YAML, GivenFiles
from devices.city.model import City


class Kind(NamedTuple):
    """A kind of entry."""

    table: str
    """Name of its rows (`devices.city.columns.Rows`)."""
    model: type[Any]
    """Of its row."""
    is_drawn: bool = False
    """It has a shape."""
    has_versions: bool = True
    """Without versions, a change replaces what there was."""


KINDS: Final[Mapping[str, Kind]] = {
    "sites": Kind("site", SiteRow, is_drawn=True),
    "gates": Kind("gate", GateRow, is_drawn=True),
    "routes": Kind("route", RouteRow, is_drawn=True),
    "zones": Kind("zone", ZoneRow, is_drawn=True),
    "hauliers": Kind("haulier", HaulierRow),
    "drivers": Kind("driver", DriverRow),
    "vehicles": Kind("vehicle", VehicleRow),
    "permits": Kind("permit", PermitRow),
    "licences": Kind("licence", LicenceRow),
    "profiles": Kind("profile", ProfileRow, has_versions=False),
}
"""By the stem of their file."""


def row_of(stem: str, fields: Fields, city: City) -> Values:
    """The row of an entry. `fields`: as its file has them, those with a shape with `geometry` and `datum`; `city`: to
    which it belongs.

    Raises CityFileError: one fault for each field that is wrong.
    """
    kind, problems, zone = KINDS[stem], Problems(), ZoneInfo(city.timezone)
    entries: Sequence[Entry[Any]]
    if kind.is_drawn:
        file = stem + GEOJSON
        properties = {name: value for name, value in fields.items() if name != "geometry"}
        feature = {"type": "Feature", "properties": properties, "geometry": fields.get("geometry")}
        unknown = sorted(properties.keys() - kind.model.model_fields.keys())
        files = GivenFiles({file: {DATUM_MEMBER: None, "features": [feature]}})
        entries = read_features(files, file, kind.model, problems)
        for name in unknown if entries else ():
            problems.add(entries[0].where, name, "no such field: remove it")
    else:
        file = stem + YAML
        entries = read_rows(GivenFiles({file: [fields]}), file, kind.model, problems)
    if kind.has_versions:
        check_entries(entries, lambda row: row.id, zone, problems)
    if stem == "profiles":
        check_profiles(entries, problems)
    if stem == "sites":
        check_sites(entries, problems)
    references = References(
        {
            "site": ("the city's sites", city.sites),
            "route": ("the city's routes", {route.id for route in city.routes}),
            "zone": ("the city's zones", {area.id for area in city.zones}),
            "haulier": ("the city's hauliers", {haulier.id for haulier in city.hauliers}),
            "vehicle": ("the city's vehicles", city.vehicles),
        },
        {area.id: area.kind for area in city.zones},
        problems,
    )
    districts, fleets = ([area.id for area in areas] or None for areas in (city.districts, city.fleets))
    check_areas_of_head({stem: entries}, districts, fleets, references)
    references.check_entries(stem, entries)
    made = _made(stem, entries, city, zone, problems)
    if problems.faults or made is None:
        raise CityFileError(problems.faults)
    [row] = rows_of(made)[kind.table]
    return row


def fields_of(stem: str, rows: Sequence[Row], head: Row) -> list[Fields]:
    """The versions of one entry as its file has them. `head`: the row of the city."""
    return entries_of(city_of_rows(KINDS[stem].table, rows, head))[stem]


def city_of_rows(table: str, rows: Sequence[Row], head: Row) -> City:
    """A city that holds nothing else. `head`: the row of the city."""
    nothing: dict[str, Sequence[Row]] = dict.fromkeys(("vehicle", "site", "route", "device", "permit"), ())
    return city_of(nothing | {"city": [head], table: rows}, 0)


def _made(stem: str, entries: Sequence[Any], city: City, zone: ZoneInfo, problems: Problems) -> City | None:
    """A city that holds the entry; None where it is faulty."""
    empty = City(city.id, city.name, city.name_zh, city.timezone, city.centre)
    drawn: Mapping[str, Callable[..., Any]] = {
        "sites": of.site_of, "gates": of.gate_of, "routes": of.route_of, "zones": of.zone_of,
    }  # fmt: skip
    listed: Mapping[str, Callable[..., Any]] = {
        "hauliers": of.haulier_of, "drivers": of.driver_of, "permits": of.permit_of, "licences": of.licence_of,
    }  # fmt: skip
    if stem in drawn:
        found = of.drawn_of(entries, lambda feature: drawn[stem](feature, city.plane, zone), problems)
    elif any(entry.faulty for entry in entries):
        found = []
    elif stem == "vehicles":
        names = {haulier.id: haulier.name for haulier in city.hauliers}
        found = [of.vehicle_of(entry.row, zone, names) for entry in entries]
    elif stem == "profiles":
        found = [of.profile_of(entry.row) for entry in entries]
    else:
        found = [listed[stem](entry.row, zone) for entry in entries]
    if not found:
        return None
    [one] = found
    held: Any = {one.id: one} if stem in {"sites", "vehicles", "profiles"} else (one,)
    return replace(empty, **{stem: held})
