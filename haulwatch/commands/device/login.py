"""Shared parts of the commands that change logins: arguments, new secrets, and the reminder to export."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from devices.access.credentials import MIN_SECRET_CHARS, HashedSecret, new_secret
from devices.spelling import did_you_mean
from haulwatch.commands.shared import err, fail, print_json, print_table
from haulwatch.process import system_clock
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_logins, open_registry

SecretFileOption = Annotated[
    Path | None,
    typer.Option(
        "--secret-file",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help=f"Use the secret of this file (at least {MIN_SECRET_CHARS} characters) instead of a random one, for "
        "simulated devices that share it.",
    ),
]
DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="Device id.")]


def require_registered(settings: Settings, device_id: str) -> None:
    """End with a message if the device is not registered."""
    with open_registry(settings) as registry:
        devices = registry.load_city().devices
    if device_id not in devices:
        fail_unregistered(device_id, devices)


def fail_unregistered(device_id: str, devices: Iterable[str]) -> NoReturn:
    guess = did_you_mean(device_id, devices)
    fail(f"{device_id!r} is not registered: {guess} `haulwatch device list` shows the registered devices")


def give_secrets(settings: Settings, devices: list[str], secret_file: Path | None = None) -> dict[str, str]:
    """Store a new secret for each device as a hash, and return the secrets. Ends with a message if one is too short."""
    given = secret_file.read_text(encoding="utf-8").strip() if secret_file else None
    if given is not None and len(given) < MIN_SECRET_CHARS:
        fail(f"{secret_file}: the secret has fewer than {MIN_SECRET_CHARS} characters")
    secrets = {device: given or new_secret() for device in devices}
    with open_logins(settings) as logins:
        for device, secret in secrets.items():
            logins.set_secret(device, HashedSecret.of(secret), system_clock.now_ms())
    return secrets


def print_secrets(secrets: dict[str, str], as_json: bool) -> None:
    """Print secrets; they are shown this once."""
    if as_json:
        print_json([{"device": device, "secret": secret} for device, secret in secrets.items()])
    else:
        print_table("secrets, shown once", ("device = user name", "secret"), secrets.items())
    print_reminder()


def print_reminder() -> None:
    """Print what makes the change effective, on standard error, so that JSON stays JSON."""
    err.print(
        "Run `haulwatch device export-acl` to make this effective; it says whether the broker needs a restart.",
        style="dim",
    )
