"""The options that limit what a person or a machine may see, checked against the city."""

from collections.abc import Sequence
from typing import Annotated

import typer

from devices.city.model import City
from devices.people.model import Visibility
from devices.spelling import did_you_mean
from haulwatch.commands.shared import fail
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_registry

DistrictOption = Annotated[
    list[str] | None,
    typer.Option("--district", metavar="ID", help="May see this district only; may be repeated. Default: all."),
]
HaulierOption = Annotated[
    list[str] | None,
    typer.Option(
        "--haulier", metavar="FLEET", help="May see this haulier's fleet only; may be repeated. Default: all."
    ),
]


def limits_of(settings: Settings, districts: Sequence[str] | None, hauliers: Sequence[str] | None) -> Visibility:
    """What these options let somebody see. Ends with a message if the city has no such district or fleet."""
    if districts or hauliers:
        with open_registry(settings) as registry:
            city = registry.load_city()
        of_city = districts_and_hauliers(city)
        _check("--district", districts, of_city[0])
        _check("--haulier", hauliers, of_city[1])
    return Visibility(frozenset(districts) if districts else None, frozenset(hauliers) if hauliers else None)


def districts_and_hauliers(city: City) -> tuple[set[str], set[str]]:
    """All that somebody can be limited to: those with a name, and those that devices name."""
    devices = city.devices.values()
    districts = {area.id for area in city.districts} | {device.district for device in devices if device.district}
    hauliers = {area.id for area in city.fleets} | {device.fleet for device in devices if device.fleet}
    return districts, hauliers


def shown_limits(visibility: Visibility) -> str:
    """In words, for a table."""
    limits = [
        f"{what} {', '.join(sorted(ids))}"
        for what, ids in (("district", visibility.districts), ("haulier", visibility.hauliers))
        if ids is not None
    ]
    return " and ".join(limits) or "all"


def _check(option: str, given: Sequence[str] | None, found: set[str]) -> None:
    names = sorted(found)
    for name in given or ():
        if name not in names:
            fail(f"{option}: the city has no {name!r}: {did_you_mean(name, names) or 'it has ' + ', '.join(names)}")
