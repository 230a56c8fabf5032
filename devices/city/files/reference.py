"""The reference of a city's files, made of the models that read them; docs/city.md holds it, `haulwatch city fields`
prints it.
"""

from collections.abc import Iterator
from typing import Final

from pydantic_core import PydanticUndefined

from devices.city.files.fields import CityRow, DeviceRow, GateRow, ProfileRow, RouteRow, Row, SiteRow, ZoneRow, write_of
from devices.city.files.haulage_fields import DriverRow, HaulierRow, LicenceRow, PermitRow, VehicleRow

FILES: Final[tuple[tuple[str, type[Row]], ...]] = (
    ("city.yaml", CityRow),
    ("sites.geojson", SiteRow),
    ("routes.geojson", RouteRow),
    ("zones.geojson", ZoneRow),
    ("gates.geojson", GateRow),
    ("hauliers.yaml", HaulierRow),
    ("drivers.yaml", DriverRow),
    ("vehicles.yaml", VehicleRow),
    ("profiles.yaml", ProfileRow),
    ("devices.yaml", DeviceRow),
    ("permits.yaml", PermitRow),
    ("licences.yaml", LicenceRow),
)


def as_markdown() -> str:
    """One table for each file: field, what to write, meaning; required fields are bold."""
    return "\n".join(line for file, model in FILES for line in _table(file, model))


def _table(file: str, model: type[Row]) -> Iterator[str]:
    yield f"### {file}\n"
    yield "| field | what to write | meaning |"
    yield "| --- | --- | --- |"
    for name, info in model.model_fields.items():
        default = info.default
        shown = "" if default in (None, "", []) or default is PydanticUndefined else f" Default: {default}."
        field = f"**`{name}`**" if info.is_required() else f"`{name}`"
        yield f"| {field} | {write_of(model, name)} | {info.description}{shown} |"
    yield ""
