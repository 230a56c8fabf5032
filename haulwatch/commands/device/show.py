"""`haulwatch device list` and `show`: registered devices, their logins and their ledger lines."""

from collections.abc import Callable
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from devices.access.logins import Login
from devices.city.model import Device, DeviceRole
from haulwatch.commands.device.login import DeviceArgument, fail_unregistered
from haulwatch.commands.shared import JsonFlag, exits_on_error, local_minute, local_time, print_json, print_table
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_logins, open_registry, people_zone
from haulwatch.wiring.stores import current_ledger
from ingest.ledger.report import DeviceLedgerLine

_SHORT: Final = {"enabled": "yes", "disabled": "off", "none": "no"}


@exits_on_error
def list_devices(
    role: Annotated[DeviceRole | None, typer.Option(help="List only devices with this role.")] = None,
    silent: Annotated[bool, typer.Option("--silent", help="List only devices that were never heard.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List devices, whether each may connect to the broker, and when it was last heard. JSON has the ledger too."""
    settings = settings_with_data()
    with open_registry(settings) as registry, open_logins(settings) as logins:
        city, login_of = registry.load_city(), logins.all()
    line_of = {line.device: line for line in current_ledger(settings).devices}
    devices = [
        device
        for device in sorted(city.devices.values(), key=lambda device: device.id)
        if (role is None or device.role is role) and not (silent and device.id in line_of)
    ]
    if as_json:
        print_json(
            [
                _facts(device) | {"login": _login(login_of.get(device.id))} | _ledger(line_of.get(device.id))
                for device in devices
            ]
        )
        return
    zone = people_zone(settings)
    rows = [
        (
            device.id,
            device.role,
            device.vehicle_id or device.site_id,
            device.district,
            _SHORT[_login(login_of.get(device.id))],
            _last_heard(line_of.get(device.id), zone, local_minute),
        )
        for device in devices
    ]
    columns = ("device", "role", "vehicle or site", "district", "login", "last heard")
    print_table(f"{len(devices)} devices of {city.title}", columns, rows)


@exits_on_error
def show(device_id: DeviceArgument, as_json: JsonFlag = False) -> None:
    """Show one device: where it belongs, its validity, its login, and its line of the ledger."""
    settings = settings_with_data()
    with open_registry(settings) as registry, open_logins(settings) as logins:
        city, login = registry.load_city(), logins.all().get(device_id)
    device = city.devices.get(device_id)
    if device is None:
        fail_unregistered(device_id, city.devices)
    line = next((line for line in current_ledger(settings).devices if line.device == device_id), None)
    if as_json:
        print_json(_facts(device) | {"login": _login(login)} | _ledger(line))
        return
    zone = people_zone(settings)
    facts = _facts(device) | {
        "login": _login(login),
        "valid_from": local_time(device.validity.start_ms, zone),
        "valid_until": local_time(device.validity.end_ms, zone),
        "last heard": _last_heard(line, zone, local_time),
    }
    counts = line.model_dump(exclude={"device", "quarantined", "first_seen", "last_seen", "heard_at"}) if line else {}
    refused = {f"quarantined: {reason}": count for reason, count in line.quarantined.items()} if line else {}
    if line:
        refused |= {f"dropped: {field}": count for field, count in line.dropped_fields.items()}
        refused |= {f"clamped: {field}": count for field, count in line.clamped_fields.items()}
        refused |= {"outside region": line.outside_region} if line.outside_region else {}
        refused |= {"clock corrected": line.clock_corrected} if line.clock_corrected else {}
    print_table(device_id, ("what", "value"), (facts | counts | refused).items())


def _login(login: Login | None) -> str:
    """The state of the login: the device may connect with it once the logins are exported."""
    if login is None:
        return "none"
    return "enabled" if login.enabled else "disabled"


def _last_heard(
    line: DeviceLedgerLine | None, zone: ZoneInfo, written: Callable[[int | None, ZoneInfo], str | None]
) -> str:
    return (line and written(line.heard_at, zone)) or "never"


def _ledger(line: DeviceLedgerLine | None) -> dict[str, object]:
    return {"ledger": line.model_dump(exclude={"device"}) if line else None}


def _facts(device: Device) -> dict[str, object]:
    return {
        "device": device.id,
        "role": str(device.role),
        "name": device.name,
        "vehicle": device.vehicle_id,
        "site": device.site_id,
        "fleet": device.fleet,
        "district": device.district,
        "report_interval_s": device.report_interval_s,
        "datum": str(device.datum),
        "clock_correction_s": device.clock_correction_s,
        "overflow_at_pct": device.overflow_at_pct,
        "model": device.model,
        "verification": device.verification,
        "verified_until": device.verified_until_ms,
        "dialect": device.dialect,
        "profile": device.profile,
        "depth_mm": device.depth_mm,
        "valid_from": device.validity.start_ms,
        "valid_until": device.validity.end_ms,
    }
