"""`haulwatch device add`, `rotate`, `disable`, `enable`: who may connect to the broker."""

from pathlib import Path
from typing import Annotated

import typer

from devices.access.credentials import MIN_SECRET_CHARS, HashedSecret, new_secret
from devices.access.new_device import check_device_id
from devices.city.model import City
from haulwatch import wiring
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
from haulwatch.commands.shared import JsonFlag, err, fail, plainly, print_json, print_table
from haulwatch.settings.load import Settings, load_settings

SecretFileOption = Annotated[
    Path | None,
    typer.Option(
        "--secret-file",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help=f"Take this secret (at least {MIN_SECRET_CHARS} characters) instead of a random one, for a fleet of "
        "simulated devices that share it.",
    ),
]
DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="Device id.")]


@plainly
def add(
    device_id: Annotated[str | None, typer.Argument(metavar="DEVICE", help="Device id; or choose --missing.")] = None,
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
        bool, typer.Option("--missing", help="Every registered device that has no secret yet, as after a city import.")
    ] = False,
    secret_file: SecretFileOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a device a login at the broker, and register it if it is not in the city yet.

    The secret is shown once: put it into the device now. Only its hash is kept. The device's user name is its id. The
    broker knows of it after `haulwatch device export-acl`.
    """
    if (device_id is None) is not missing:
        fail("say which: a device id, or --missing")
    settings = load_settings()
    with wiring.registry(settings) as registry, wiring.logins(settings) as logins:
        city, held = registry.load_city(), logins.all()
        have = {known for known, login in held.items() if login.secret is not None}
        if device_id is None:
            wanted = sorted(city.devices.keys() - have)
        else:
            check_device_id(device_id)
            if device_id in have:
                fail(
                    f"{device_id!r} has a login already: `haulwatch device rotate {device_id}` gives it another secret"
                )
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
    show_secrets(give_secrets(settings, wanted, secret_file), as_json)


@plainly
def rotate(device_id: DeviceArgument, secret_file: SecretFileOption = None, as_json: JsonFlag = False) -> None:
    """Give a device another secret, shown once.

    The broker takes the old one until the next `haulwatch device export-acl`, which ends the device's connection: put
    the new secret into the device first. A disabled device stays disabled.
    """
    settings = load_settings()
    _known(settings, device_id)
    show_secrets(give_secrets(settings, [device_id], secret_file), as_json)


@plainly
def disable(device_id: DeviceArgument, as_json: JsonFlag = False) -> None:
    """Lock a device out, whatever its secret or certificate; with the next `export-acl` that the broker reads.

    An open connection ends then too. What it has sent stays, and it stays registered: readings that come to us on
    another way are still taken. To refuse those, end its validity in devices.yaml.
    """
    _set_enabled(device_id, enabled=False, as_json=as_json)


@plainly
def enable(device_id: DeviceArgument, as_json: JsonFlag = False) -> None:
    """Let a disabled device in again, with the secret it had; with the next `export-acl` that the broker reads."""
    _set_enabled(device_id, enabled=True, as_json=as_json)


def give_secrets(settings: Settings, devices: list[str], secret_file: Path | None = None) -> dict[str, str]:
    """A secret for each device, kept as a hash. Ends with a message when the secret of the file is too short."""
    given = secret_file.read_text(encoding="utf-8").strip() if secret_file else None
    if given is not None and len(given) < MIN_SECRET_CHARS:
        fail(f"{secret_file}: the secret has fewer than {MIN_SECRET_CHARS} characters")
    secrets = {device: given or new_secret() for device in devices}
    with wiring.logins(settings) as logins:
        for device, secret in secrets.items():
            logins.set_secret(device, HashedSecret.of(secret), wiring.now_ms())
    return secrets


def show_secrets(secrets: dict[str, str], as_json: bool) -> None:
    """The only time they are seen."""
    if as_json:
        print_json([{"device": device, "secret": secret} for device, secret in secrets.items()])
    else:
        print_table("secrets, shown this once", ("device, which is the user name", "secret"), secrets.items())
    remind()


def remind() -> None:
    """On standard error, so that JSON stays JSON."""
    err.print("The broker knows of it after `haulwatch device export-acl` and a reload.", style="dim")


def _set_enabled(device_id: str, *, enabled: bool, as_json: bool) -> None:
    settings = load_settings()
    _known(settings, device_id)
    with wiring.logins(settings) as logins:
        logins.set_enabled(device_id, enabled, wiring.now_ms())
    if as_json:
        print_json({"device": device_id, "enabled": enabled})
    else:
        err.print(f"{device_id} is {'enabled' if enabled else 'disabled'}.", markup=False, highlight=False)
    remind()


def _known(settings: Settings, device_id: str) -> City:
    with wiring.registry(settings) as registry:
        city = registry.load_city()
    if device_id not in city.devices:
        fail(f"{device_id!r} is not registered; `haulwatch device list` shows those that are")
    return city
