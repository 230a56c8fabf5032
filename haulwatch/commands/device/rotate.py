"""`haulwatch device rotate`: a new secret for a device."""

from haulwatch.commands.device.login import (
    DeviceArgument,
    SecretFileOption,
    give_secrets,
    print_secrets,
    require_registered,
)
from haulwatch.commands.shared import JsonFlag, exits_on_error
from haulwatch.settings.load import load_settings


@exits_on_error
def rotate(device_id: DeviceArgument, secret_file: SecretFileOption = None, as_json: JsonFlag = False) -> None:
    """Give a device a new secret, shown once.

    The broker accepts the old one until the next `haulwatch device export-acl`, which ends the device's connection: put
    the new secret into the device first. A disabled device stays disabled.
    """
    settings = load_settings()
    require_registered(settings, device_id)
    print_secrets(give_secrets(settings, [device_id], secret_file), as_json)
