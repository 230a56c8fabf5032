"""`haulwatch device unknown` and `adopt`: registers unregistered devices and redrives their quarantined readings."""

from typing import Annotated

import typer

from devices.access.broker_access import connects_itself
from haulwatch.commands.device.login import DeviceArgument, give_secrets, print_reminder
from haulwatch.commands.device.registration import (
    DepthOption,
    DialectOption,
    DistrictOption,
    FleetOption,
    IntervalOption,
    NameOption,
    ProfileOption,
    RoleOption,
    SiteOption,
    ValidFromOption,
    ValidUntilOption,
    VehicleOption,
    described,
    ensure_registered,
)
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, local_minute, out, print_json, print_table
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_registry, people_zone
from haulwatch.wiring.desk.adoption import redrive_waiting, register
from haulwatch.wiring.stores import open_dead_letters
from ingest.ledger.unregistered import unregistered_devices, waiting_dialect


@exits_on_error
def unknown(as_json: JsonFlag = False) -> None:
    """List devices that were heard and are not registered. Their readings wait in quarantine; nothing is lost.

    `haulwatch device adopt ID` registers a device and stores its readings.
    """
    settings = settings_with_data()
    with open_registry(settings) as registry:
        city = registry.load_city()
    found = unregistered_devices(open_dead_letters(settings), city.devices)
    if as_json:
        print_json([device.model_dump(mode="json") for device in found])
        return
    zone = people_zone(settings)
    rows = [
        (
            device.device,
            device.waiting,
            local_minute(device.first_seen, zone),
            local_minute(device.last_seen, zone),
            "" if device.lat is None else f"{device.lat:.4f} {device.lon:.4f}",
            ", ".join(device.kinds),
            device.dialect,
        )
        for device in found
    ]
    columns = ("device", "waiting", "first heard", "last heard", "at (lat lon)", "kinds", "dialect")
    print_table(f"{len(found)} unknown devices", columns, rows, right=("waiting",))


@exits_on_error
def adopt(
    device_id: DeviceArgument,
    role: RoleOption = None,
    vehicle: VehicleOption = None,
    site: SiteOption = None,
    name: NameOption = "",
    fleet: FleetOption = None,
    district: DistrictOption = None,
    report_interval_s: IntervalOption = 60,
    valid_from: ValidFromOption = None,
    valid_until: ValidUntilOption = None,
    dialect: DialectOption = None,
    profile: ProfileOption = "",
    depth_mm: DepthOption = None,
    secret: Annotated[
        bool, typer.Option("--secret", help="Give it a login at the broker too; the secret is shown once.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Register an unknown device and redrive its quarantined readings, so that they are stored and judged.

    It gets the dialect in which it was heard. If the device was registered meanwhile, give no options: only its
    readings are redriven. Readings outside its validity return to the quarantine.
    """
    settings = settings_with_data()
    device = described(
        device_id,
        role,
        vehicle=vehicle,
        site=site,
        name=name,
        fleet=fleet,
        district=district,
        report_interval_s=report_interval_s,
        valid_from=valid_from,
        valid_until=valid_until,
        dialect=dialect or (waiting_dialect(open_dead_letters(settings), device_id) if role is not None else None),
        profile=profile,
        depth_mm=depth_mm,
    )
    if secret and device is not None and not connects_itself(device):
        fail(f"a device of the dialect {device.dialect} needs no login, since others publish for it: omit --secret")
    registered = register(
        settings, lambda registry: ensure_registered(registry, registry.load_city(), device_id, device)
    )
    redriven = redrive_waiting(settings, device_id)
    # Last, because a failure after it would hide the secret for ever.
    new_secret = give_secrets(settings, [device_id])[device_id] if secret else None
    if as_json:
        print_json({"device": device_id, "registered": registered, "redriven": redriven, "secret": new_secret})
    else:
        state = "registered" if registered else "was registered already"
        out.print(f"{device_id}: {state}; {redriven:,} readings redriven", markup=False, highlight=False)
        if new_secret:
            print_table("secret, shown once", ("user name", "secret"), [(device_id, new_secret)])
    if new_secret:
        print_reminder()
