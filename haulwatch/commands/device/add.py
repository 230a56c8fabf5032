"""`haulwatch device add`: a login at the broker for a device, and its registration."""

from typing import Annotated

import typer

from devices.access.new_device import check_device_id
from haulwatch.commands.device.login import SecretFileOption, give_secrets, print_secrets
from haulwatch.commands.device.registration import (
    DistrictOption,
    FleetOption,
    IntervalOption,
    NameOption,
    RoleOption,
    SiteOption,
    ValidFromOption,
    ValidUntilOption,
    VehicleOption,
    described,
    ensure_registered,
)
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail
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
    missing: Annotated[
        bool, typer.Option("--missing", help="Add every registered device without a secret, as after a city import.")
    ] = False,
    secret_file: SecretFileOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a device a login at the broker, and register it if it is not in the city yet.

    The secret is shown once: put it into the device now. Only its hash is kept. The user name is the device id. The
    broker accepts the login after `haulwatch device export-acl`, and messages of a new device after a restart.
    """
    if (device_id is None) is not missing:
        fail("give either a device id or --missing")
    settings = load_settings()
    with open_registry(settings) as registry, open_logins(settings) as logins:
        city = registry.load_city()
        with_secret = {device for device, login in logins.all().items() if login.secret is not None}
        if device_id is None:
            wanted = sorted(city.devices.keys() - with_secret)
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
            )
            ensure_registered(registry, city, device_id, device)
            wanted = [device_id]
    print_secrets(give_secrets(settings, wanted, secret_file), as_json)
