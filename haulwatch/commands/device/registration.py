"""What `haulwatch device add` and `adopt` share: the options that describe a device, and its entry in the registry."""

from typing import Annotated

import typer

from devices.access.new_device import check_device
from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Validity
from devices.db.registry import Registry
from devices.readings.instants import parse_instant
from haulwatch.commands.shared import fail


def _instant(text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


RoleOption = Annotated[
    DeviceRole | None, typer.Option("--role", help="What it is bolted to; needed for a device that is not registered.")
]
VehicleOption = Annotated[
    str | None, typer.Option("--vehicle", metavar="ID", help="The vehicle a truck's terminal rides on.")
]
SiteOption = Annotated[str | None, typer.Option("--site", metavar="ID", help="The site any other device stands on.")]
NameOption = Annotated[str, typer.Option("--name", help="What people call it.")]
FleetOption = Annotated[str | None, typer.Option("--fleet", metavar="ID", help="The fleet it is counted with.")]
DistrictOption = Annotated[str | None, typer.Option("--district", metavar="ID", help="The district it belongs to.")]
IntervalOption = Annotated[
    int,
    typer.Option(
        "--report-interval-s", min=1, max=86_400, help="Seconds between its reports; silence is measured in these."
    ),
]
_TIME = "(RFC 3339, or ms since 1970 UTC)."
ValidFromOption = Annotated[
    int | None,
    typer.Option(
        "--valid-from", parser=_instant, metavar="T", help=f"Readings from before this device time are refused {_TIME}"
    ),
]
ValidUntilOption = Annotated[
    int | None,
    typer.Option(
        "--valid-until", parser=_instant, metavar="T", help=f"Readings from this device time on are refused {_TIME}"
    ),
]


def described(
    device_id: str,
    role: DeviceRole | None,
    *,
    vehicle: str | None,
    site: str | None,
    name: str,
    fleet: str | None,
    district: str | None,
    report_interval_s: int,
    valid_from: int | None,
    valid_until: int | None,
) -> Device | None:
    """The device as the options say; None if they say nothing."""
    if role is None:
        if vehicle or site or name or fleet or district or valid_from is not None or valid_until is not None:
            fail("say also what it is bolted to: --role truck, weighbridge, recycling_point or station_line")
        return None
    validity = Validity(valid_from, valid_until)
    return Device(device_id, role, name, vehicle, site, fleet, district, report_interval_s, validity)


def ensure_registered(registry: Registry, city: City, device_id: str, device: Device | None) -> bool:
    """Register a device unless it is known; whether that was needed. Raises UnfitDevice, DatabaseError."""
    if device_id in city.devices:
        if device is not None:
            fail(f"{device_id!r} is registered already: leave out what describes it (devices.yaml changes it)")
        return False
    if device is None:
        fail(f"{device_id!r} is not registered: say what it is, such as --role truck --vehicle ID")
    check_device(device, city)
    return registry.add_device(device)
