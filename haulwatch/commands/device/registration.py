"""Shared parts of `haulwatch device add` and `adopt`: the options that describe a device, and its registration."""

from typing import Annotated

import typer

from devices.access.new_device import check_device
from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Validity
from devices.db.registry import Registry
from devices.readings.decoding import NATIVE_DIALECT
from haulwatch.commands.shared import fail, instant

RoleOption = Annotated[
    DeviceRole | None, typer.Option("--role", help="Its role; required for a device that is not registered.")
]
VehicleOption = Annotated[
    str | None, typer.Option("--vehicle", metavar="ID", help="The vehicle that carries a truck's terminal.")
]
SiteOption = Annotated[str | None, typer.Option("--site", metavar="ID", help="The site of any other device.")]
NameOption = Annotated[str, typer.Option("--name", help="Its name for people.")]
FleetOption = Annotated[str | None, typer.Option("--fleet", metavar="ID", help="Its fleet.")]
DistrictOption = Annotated[str | None, typer.Option("--district", metavar="ID", help="Its district.")]
IntervalOption = Annotated[
    int,
    typer.Option(
        "--report-interval-s",
        min=1,
        max=86_400,
        help="Seconds between its reports; silence is measured in these intervals.",
    ),
]
DialectOption = Annotated[
    str | None,
    typer.Option("--dialect", metavar="NAME", help="The dialect that it speaks: docs/devices.md. Default: native."),
]
ProfileOption = Annotated[
    str, typer.Option("--profile", metavar="ID", help="The profile by which its messages are read.")
]
DepthOption = Annotated[
    float | None,
    typer.Option(
        "--depth-mm", min=1, max=20_000, help="Depth of a bin from its sensor to its floor, for a recycling_point."
    ),
]
_TIME = "(RFC 3339, or ms since 1970 UTC)."
ValidFromOption = Annotated[
    int | None,
    typer.Option(
        "--valid-from", parser=instant, metavar="T", help=f"Readings before this device time are refused {_TIME}"
    ),
]
ValidUntilOption = Annotated[
    int | None,
    typer.Option(
        "--valid-until", parser=instant, metavar="T", help=f"Readings from this device time on are refused {_TIME}"
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
    dialect: str | None,
    profile: str,
    depth_mm: float | None,
) -> Device | None:
    """The device that the options describe; None if none is given. Ends with a message if --role is missing."""
    if role is None:
        texts, numbers = (vehicle, site, name, fleet, district, dialect, profile), (valid_from, valid_until, depth_mm)
        if any(texts) or any(number is not None for number in numbers):
            fail("add --role truck, weighbridge, recycling_point or station_line")
        return None
    validity = Validity(valid_from, valid_until)
    return Device(
        device_id,
        role,
        name,
        vehicle,
        site,
        fleet,
        district,
        report_interval_s,
        validity,
        dialect=dialect or NATIVE_DIALECT,
        profile=profile,
        depth_mm=depth_mm,
    )


def ensure_registered(registry: Registry, city: City, device_id: str, device: Device | None) -> bool:
    """Register a device unless it is registered; True if it was new. Raises UnfitDevice, DatabaseError."""
    if device_id in city.devices:
        if device is not None:
            fail(f"{device_id!r} is registered already: omit the options that describe it (devices.yaml changes it)")
        return False
    if device is None:
        fail(f"{device_id!r} is not registered: describe it, such as --role truck --vehicle ID")
    check_device(device, city)
    return registry.add_device(device)
