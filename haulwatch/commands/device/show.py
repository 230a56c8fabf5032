"""`haulwatch device`: the group of commands, and what is known of each registered device."""

from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from devices.access.logins import Login
from devices.city.model import Device, DeviceRole
from haulwatch import wiring
from haulwatch.commands.device import adopt as device_adoption
from haulwatch.commands.device import certificate as device_certificates
from haulwatch.commands.device import command as device_commands
from haulwatch.commands.device import export_acl as device_export
from haulwatch.commands.device import login as device_logins
from haulwatch.commands.shared import JsonFlag, fail, plainly, print_json, print_table, when
from haulwatch.settings.load import load_settings
from ingest.ledger.report import DeviceLedgerLine

_SHORT: Final = {"enabled": "yes", "disabled": "off", "none": "no"}

app = typer.Typer(no_args_is_help=True, help="Devices: registering, logins at the broker, and what is known of each.")


@app.command("list")
@plainly
def list_devices(
    role: Annotated[DeviceRole | None, typer.Option(help="Only these.")] = None,
    silent: Annotated[bool, typer.Option("--silent", help="Only those never heard of.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List devices, whether each may connect to the broker, and when it was last heard. JSON has its ledger too."""
    settings = load_settings()
    with wiring.registry(settings) as registry, wiring.logins(settings) as logins:
        city, held = registry.load_city(), logins.all()
    known = {line.device: line for line in wiring.read_ledger(settings).devices}
    chosen = [
        device
        for device in sorted(city.devices.values(), key=lambda device: device.id)
        if (role is None or device.role is role) and not (silent and device.id in known)
    ]
    if as_json:
        print_json(
            [
                _facts(device) | {"login": _login(held.get(device.id))} | _ledger(known.get(device.id))
                for device in chosen
            ]
        )
        return
    zone = ZoneInfo(settings.city.timezone)
    rows = [
        (
            device.id,
            device.role,
            device.vehicle_id or device.site_id,
            device.district,
            _SHORT[_login(held.get(device.id))],
            when(line.last_seen, zone) if (line := known.get(device.id)) and line.last_seen else "never",
        )
        for device in chosen
    ]
    columns = ("device", "role", "vehicle or site", "district", "login", "last heard")
    print_table(f"{len(chosen)} devices of {city.name} {city.name_zh}", columns, rows)


@app.command()
@plainly
def show(
    device_id: Annotated[str, typer.Argument(metavar="DEVICE", help="Device id.")], as_json: JsonFlag = False
) -> None:
    """Show one device: where it belongs, its validity, and its line of the ledger."""
    settings = load_settings()
    with wiring.registry(settings) as registry, wiring.logins(settings) as logins:
        city, held = registry.load_city(), logins.all()
    device = city.devices.get(device_id)
    if device is None:
        fail(f"{device_id!r} is not registered; `haulwatch device list` shows those that are")
    line = next((line for line in wiring.read_ledger(settings).devices if line.device == device_id), None)
    if as_json:
        print_json(_facts(device) | {"login": _login(held.get(device_id))} | _ledger(line))
        return
    zone = ZoneInfo(settings.city.timezone)
    facts = _facts(device) | {
        "login": _login(held.get(device_id)),
        "valid_from": when(device.validity.start_ms, zone),
        "valid_until": when(device.validity.end_ms, zone),
        "last heard": (line and when(line.last_seen, zone)) or "never",
    }
    counts = line.model_dump(exclude={"device", "quarantined", "first_seen", "last_seen"}) if line else {}
    refused = {f"quarantined: {reason}": count for reason, count in line.quarantined.items()} if line else {}
    print_table(device_id, ("what", "value"), (facts | counts | refused).items())


app.command()(device_logins.add)
app.command()(device_logins.rotate)
app.command()(device_logins.disable)
app.command()(device_logins.enable)
app.command("export-acl")(device_export.export_acl)
app.command()(device_certificates.authority)
app.command()(device_certificates.certificate)
app.command()(device_adoption.unknown)
app.command()(device_adoption.adopt)
app.command()(device_commands.command)
app.command()(device_commands.commands)


def _login(login: Login | None) -> str:
    """Whether it may connect to the broker, by the next export at the latest."""
    if login is None:
        return "none"
    return "enabled" if login.enabled else "disabled"


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
        "valid_from": device.validity.start_ms,
        "valid_until": device.validity.end_ms,
    }
