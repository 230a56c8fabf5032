"""`haulwatch device add`: a login at the broker for a device, and its registration."""

from typing import Annotated

import typer

from devices.access.broker_access import connects_itself
from devices.access.new_device import check_device_id
from devices.city.model import Device
from haulwatch.commands.device.login import SecretFileOption, give_secrets, print_secrets
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
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_logins, open_registry


@exits_on_error
def add(
    device_id: Annotated[str | None, typer.Argument(metavar="DEVICE", help="Device id; or give --missing.")] = None,
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
    missing: Annotated[
        bool, typer.Option("--missing", help="Add every registered device without a secret, as after a city import.")
    ] = False,
    secret_file: SecretFileOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a device a login at the broker, and register it if it is not in the city yet.

    The secret is shown once: put it into the device now. Only its hash is kept. The user name is the device id. The
    broker accepts the login after `haulwatch device export-acl`, and messages of a new device after a restart. A device
    for which a gateway or a network server publishes gets no login.
    """
    if (device_id is None) is not missing:
        fail("give either a device id or --missing")
    settings = load_settings()
    with open_registry(settings) as registry, open_logins(settings) as logins:
        city = registry.load_city()
        with_secret = {device for device, login in logins.all().items() if login.secret is not None}
        if device_id is None:
            connecting = {id_ for id_, registered in city.devices.items() if connects_itself(registered)}
            wanted = sorted(connecting - with_secret)
        else:
            check_device_id(device_id)
            if device_id in with_secret:
                fail(f"{device_id!r} has a login already: `haulwatch device rotate {device_id}` gives it a new secret")
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
                dialect=dialect,
                profile=profile,
                depth_mm=depth_mm,
            )
            ensure_registered(registry, city, device_id, device)
            found = device or city.devices[device_id]
            if not connects_itself(found):
                _print_without_login(found, as_json=as_json)
                return
            wanted = [device_id]
    print_secrets(give_secrets(settings, wanted, secret_file), as_json)


def _print_without_login(device: Device, *, as_json: bool) -> None:
    if as_json:
        print_json([])
        return
    text = f"{device.id}: registered with the dialect {device.dialect}; it needs no login, since others publish for it"
    out.print(text, markup=False, highlight=False)
