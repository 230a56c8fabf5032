"""`haulwatch device disable` and `enable`: whether a device may connect to the broker."""

from haulwatch.commands.device.login import DeviceArgument, print_reminder, require_registered
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, print_json
from haulwatch.process import system_clock
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_logins


@exits_on_error
def disable(device_id: DeviceArgument, as_json: JsonFlag = False) -> None:
    """Lock a device out of the broker, whatever its secret or certificate; effective with the next `export-acl`.

    An open connection ends then too; one with a certificate has no rights once the broker was restarted. The device
    stays registered and its readings are kept; readings that arrive by another way are still accepted. To refuse those,
    end the device's validity in devices.yaml.
    """
    _set_enabled(device_id, enabled=False, as_json=as_json)


@exits_on_error
def enable(device_id: DeviceArgument, as_json: JsonFlag = False) -> None:
    """Let a disabled device connect again, with its old secret; effective with the next `export-acl` and a restart."""
    _set_enabled(device_id, enabled=True, as_json=as_json)


def _set_enabled(device_id: str, *, enabled: bool, as_json: bool) -> None:
    settings = load_settings()
    require_registered(settings, device_id)
    with open_logins(settings) as logins:
        logins.set_enabled(device_id, enabled, system_clock.now_ms())
    if as_json:
        print_json({"device": device_id, "enabled": enabled})
    else:
        err.print(f"{device_id} is {'enabled' if enabled else 'disabled'}.", markup=False, highlight=False)
    print_reminder()
