"""`haulwatch device command` and `commands`: sends a command to a device, and lists commands with their outcomes."""

import json
import secrets
import time
from contextlib import closing
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from devices.commands.model import (
    ABILITIES,
    DEFAULT_TTL_S,
    GRACE_MS,
    MAX_NOTE_CHARS,
    MAX_TTL_S,
    MIN_TTL_S,
    Command,
    CommandKind,
    CommandOutcome,
    Locate,
    LockLift,
    Order,
    Reboot,
    ReportInterval,
    ShowText,
    issue,
)
from devices.commands.store import CommandStore
from haulwatch.commands.device.login import DeviceArgument, fail_unregistered, require_registered
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, fail, local_time, print_json, print_table
from haulwatch.process import system_clock
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_command_store, open_registry, people_zone

_POLL_EVERY_S: Final = 0.3
_GIVEN_UP_MS: Final = 5_000
"""By this time after a command's end and grace, a running dispatcher has given it up."""


@exits_on_error
def command(
    device_id: DeviceArgument,
    kind: Annotated[CommandKind, typer.Argument(help="What to do; the last three are for trucks.")],
    actor: Annotated[str, typer.Option(metavar="NAME", help="Who issues it; kept with the command.")],
    interval_s: Annotated[
        int | None, typer.Option(min=1, max=3_600, help="For report_interval: seconds between reports.")
    ] = None,
    unlock: Annotated[bool, typer.Option("--unlock", help="For lock_lift: let the bed be raised again.")] = False,
    text: Annotated[str | None, typer.Option(help="For show_text: what the driver is to read.")] = None,
    note: Annotated[str | None, typer.Option(help=f"The reason; up to {MAX_NOTE_CHARS:,} characters.")] = None,
    ttl_s: Annotated[
        int, typer.Option(min=MIN_TTL_S, max=MAX_TTL_S, help="Seconds after which the device must not execute it.")
    ] = DEFAULT_TTL_S,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the device's answer; exit code 1 if it is not done.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Issue a command to a device. `haulwatch serve` sends it until the device answers.

    A device that is not connected receives it when it connects again before the time --ttl-s is over.
    """
    order = _order(kind, interval_s, text, unlock=unlock)
    settings = load_settings()
    with open_registry(settings) as registry:
        devices = registry.load_city().devices
    device = devices.get(device_id)
    if device is None:
        fail_unregistered(device_id, devices)
    if kind not in ABILITIES[device.role]:
        fail(f"a {device.role} cannot {kind}; it can do: {', '.join(sorted(ABILITIES[device.role]))}")
    try:
        issued = issue(
            secrets.token_hex(8), device_id, order, actor=actor, note=note, now_ms=system_clock.now_ms(), ttl_s=ttl_s
        )
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        fail(f"--{first['loc'][0]}: {first['msg']}")
    with closing(open_command_store(settings)) as store:
        store.issue(issued)
        if wait:
            issued = _outcome(store, issued)
    if as_json:
        print_json(issued.model_dump(mode="json"))
    else:
        detail = f": {issued.outcome_detail}" if issued.outcome_detail else ""
        err.print(f"command {issued.id} to {device_id}: {issued.state}{detail}", markup=False, highlight=False)
    if wait and issued.outcome is not CommandOutcome.DONE:
        raise typer.Exit(1)


@exits_on_error
def commands(
    device_id: Annotated[str | None, typer.Argument(metavar="DEVICE", help="List only those of this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List at most this many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List issued commands, the newest first: who issued each, when, and the device's answer. JSON has all fields."""
    settings = load_settings()
    if device_id is not None:
        require_registered(settings, device_id)
    with closing(open_command_store(settings)) as store:
        found = store.commands(device_id, limit=limit).items
    if as_json:
        print_json([command.model_dump(mode="json") for command in found])
        return
    zone = people_zone(settings)
    rows = [
        (
            local_time(command.issued_at, zone),
            command.device_id,
            " ".join((command.kind, *(json.dumps(value, ensure_ascii=False) for value in command.arguments.values()))),
            command.actor,
            f"{command.state}: {command.outcome_detail}" if command.outcome_detail else command.state,
        )
        for command in found
    ]
    print_table(f"{len(found)} commands", ("issued", "device", "command", "by", "state"), rows)


def _order(kind: CommandKind, interval_s: int | None, text: str | None, *, unlock: bool) -> Order:
    if (interval_s is not None) is not (kind is CommandKind.REPORT_INTERVAL):
        fail("--interval-s belongs to report_interval, and report_interval needs it")
    if unlock and kind is not CommandKind.LOCK_LIFT:
        fail("--unlock belongs to lock_lift")
    if (text is not None) is not (kind is CommandKind.SHOW_TEXT):
        fail("--text belongs to show_text, and show_text needs it")
    match kind:
        case CommandKind.REPORT_INTERVAL:
            return ReportInterval(interval_s=interval_s or 0)
        case CommandKind.REBOOT:
            return Reboot()
        case CommandKind.LOCATE:
            return Locate()
        case CommandKind.LOCK_LIFT:
            return LockLift(locked=not unlock)
        case CommandKind.SHOW_TEXT:
            return _show_text(text or "")


def _show_text(text: str) -> ShowText:
    try:
        return ShowText(text=text)
    except ValidationError as exc:
        fail(f"--text: {exc.errors(include_url=False)[0]['msg']}")


def _outcome(store: CommandStore, issued: Command) -> Command:
    """Wait until the command has an outcome, and return it. Without a running dispatcher it never gets one."""
    with err.status(f"waiting for {issued.device_id}: {issued.kind}"):
        while issued.outcome is None and system_clock.now_ms() < issued.expires_at + GRACE_MS + _GIVEN_UP_MS:
            time.sleep(_POLL_EVERY_S)
            issued = store.command(issued.id) or issued
    if issued.outcome is None:
        err.print("No process sends commands: is `haulwatch serve` running?", style="yellow")
    return issued
