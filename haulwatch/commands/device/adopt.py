"""`haulwatch device unknown` and `adopt`: from a stranger in quarantine to a registered device, in one command."""

import time
from contextlib import closing
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from haulwatch import wiring
from haulwatch.commands.device.login import DeviceArgument, give_secrets, remind
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
from haulwatch.commands.shared import JsonFlag, out, plainly, print_json, print_table, when
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring import current_city
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.unregistered import unregistered_devices, waiting_letters

_TOGETHER: Final = 500


@plainly
def unknown(as_json: JsonFlag = False) -> None:
    """List devices that were heard and are not registered: their readings wait in quarantine, nothing is lost.

    `haulwatch device adopt ID` registers one and takes its readings in.
    """
    settings = load_settings()
    with wiring.registry(settings) as registry:
        city = registry.load_city()
    found = unregistered_devices(_letters(settings), city.devices)
    if as_json:
        print_json([stranger.model_dump(mode="json") for stranger in found])
        return
    zone = ZoneInfo(settings.city.timezone)
    rows = [
        (
            stranger.device,
            stranger.waiting,
            _minute(stranger.first_seen, zone),
            _minute(stranger.last_seen, zone),
            "" if stranger.lat is None else f"{stranger.lat:.4f} {stranger.lon:.4f}",
            ", ".join(stranger.kinds),
        )
        for stranger in found
    ]
    columns = ("device", "waiting", "first heard", "last heard", "at (lat lon)", "kinds")
    print_table(f"{len(found)} unknown devices", columns, rows, right=("waiting",))


@plainly
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
    secret: Annotated[bool, typer.Option("--secret", help="Give it a login at the broker too; shown once.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Register an unknown device and drive its quarantined readings again, so that they are stored and judged.

    A device that was registered meanwhile is not described again: its readings are driven. Those outside its validity
    come back to the quarantine.
    """
    settings = load_settings()
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
    with wiring.registry(settings) as registry:
        registered = ensure_registered(registry, registry.load_city(), device_id, device)
    driven = _redrive(settings, device_id)
    shown = (
        give_secrets(settings, [device_id])[device_id] if secret else None
    )  # last: what fails would hide it for good
    if as_json:
        print_json({"device": device_id, "registered": registered, "redriven": driven, "secret": shown})
    else:
        state = "registered" if registered else "was registered already"
        out.print(f"{device_id}: {state}; {driven:,} readings driven again", markup=False, highlight=False)
        if shown:
            print_table("secret, shown this once", ("user name", "secret"), [(device_id, shown)])
    if shown:
        remind()


def _redrive(settings: Settings, device_id: str) -> int:
    letters = _letters(settings)
    waiting = [letter.id for letter in waiting_letters(letters, device_id)]
    if waiting:
        # A running recorder or judge looks at the registry so often; sooner, it would not know the device either.
        time.sleep(current_city.LOOK_EVERY_S)
    driven = 0
    with closing(wiring.raw_log(settings)) as log:
        for start in range(0, len(waiting), _TOGETHER):
            outcomes = letters.redrive_all(waiting[start : start + _TOGETHER], log, wiring.now_ms())
            driven += sum(isinstance(outcome, int) for outcome in outcomes.values())  # else by another hand, meanwhile
    return driven


def _minute(ts: int, zone: ZoneInfo) -> str:
    return (when(ts, zone) or "")[:16]  # without the seconds, so that a row fits 80 columns


def _letters(settings: Settings) -> DeadLetters:
    return DeadLetters(wiring.recorder_state_path(settings))
