"""`haulwatch device command` and `commands`: tell a device to do something, and read what became of it."""

import json
import secrets
import time
from contextlib import closing
from typing import Annotated, Final
from zoneinfo import ZoneInfo

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
    issue,
)
from devices.commands.store import CommandStore
from haulwatch import wiring
from haulwatch.commands.device.login import DeviceArgument
from haulwatch.commands.shared import JsonFlag, err, fail, plainly, print_json, print_table, when
from haulwatch.settings.load import load_settings

_LOOK_EVERY_S: Final = 0.3
_BURIED_MS: Final = 5_000
"""How long after a command's end and grace its commander has written it off, if there is one."""


@plainly
def command(
    device_id: DeviceArgument,
    kind: Annotated[CommandKind, typer.Argument(help="What it is to do; the last two are for trucks.")],
    actor: Annotated[str, typer.Option(metavar="NAME", help="Who says so; kept with the command.")],
    interval_s: Annotated[
        int | None, typer.Option(min=1, max=3_600, help="Of report_interval: seconds between reports.")
    ] = None,
    unlock: Annotated[bool, typer.Option("--unlock", help="Of lock_lift: let the bed be raised again.")] = False,
    note: Annotated[str | None, typer.Option(help=f"Why; up to {MAX_NOTE_CHARS:,} characters.")] = None,
    ttl_s: Annotated[
        int, typer.Option(min=MIN_TTL_S, max=MAX_TTL_S, help="Seconds after which it is no longer to be obeyed.")
    ] = DEFAULT_TTL_S,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until the device has answered; exit code 1 if not done.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Tell a device to do something. `haulwatch serve` sends it, and again until the device answers.

    A device that is away gets it when it comes back, if that is in time.
    """
    order = _order(kind, interval_s, unlock=unlock)
    settings = load_settings()
    with wiring.registry(settings) as registry:
        device = registry.load_city().devices.get(device_id)
    if device is None:
        fail(f"{device_id!r} is not registered; `haulwatch device list` shows those that are")
    if kind not in ABILITIES[device.role]:
        fail(f"a {device.role} cannot {kind}; it can do: {', '.join(sorted(ABILITIES[device.role]))}")
    try:
        given = issue(
            secrets.token_hex(8), device_id, order, actor=actor, note=note, now_ms=wiring.now_ms(), ttl_s=ttl_s
        )
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        fail(f"--{first['loc'][0]}: {first['msg']}")
    with closing(wiring.command_book(settings)) as book:
        book.issue(given)
        if wait:
            given = _outcome(book, given)
    if as_json:
        print_json(given.model_dump(mode="json"))
    else:
        detail = f": {given.outcome_detail}" if given.outcome_detail else ""
        err.print(f"command {given.id} to {device_id}: {given.state}{detail}", markup=False, highlight=False)
    if wait and given.outcome is not CommandOutcome.DONE:
        raise typer.Exit(1)


@plainly
def commands(
    device_id: Annotated[str | None, typer.Argument(metavar="DEVICE", help="Only of this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List commands that were issued, the newest first: by whom, when, and what the device answered. JSON has all."""
    settings = load_settings()
    with closing(wiring.command_book(settings)) as book:
        found = book.commands(device_id, limit=limit).items
    if as_json:
        print_json([given.model_dump(mode="json") for given in found])
        return
    zone = ZoneInfo(settings.city.timezone)
    rows = [
        (
            when(given.issued_at, zone),
            given.device_id,
            " ".join((given.kind, *map(json.dumps, given.arguments.values()))),
            given.actor,
            f"{given.state}: {given.outcome_detail}" if given.outcome_detail else given.state,
        )
        for given in found
    ]
    print_table(f"{len(found)} commands", ("issued", "device", "command", "by", "state"), rows)


def _order(kind: CommandKind, interval_s: int | None, *, unlock: bool) -> Order:
    if (interval_s is not None) is not (kind is CommandKind.REPORT_INTERVAL):
        fail("--interval-s belongs to report_interval, which needs it")
    if unlock and kind is not CommandKind.LOCK_LIFT:
        fail("--unlock belongs to lock_lift")
    match kind:
        case CommandKind.REPORT_INTERVAL:
            return ReportInterval(interval_s=interval_s or 0)
        case CommandKind.REBOOT:
            return Reboot()
        case CommandKind.LOCATE:
            return Locate()
        case CommandKind.LOCK_LIFT:
            return LockLift(locked=not unlock)


def _outcome(book: CommandStore, given: Command) -> Command:
    """The command when it is over. Where nobody sends commands nobody writes one off either: then it stays as it is."""
    with err.status(f"waiting for {given.device_id}: {given.kind}"):
        while given.outcome is None and wiring.now_ms() < given.expires_at + GRACE_MS + _BURIED_MS:
            time.sleep(_LOOK_EVERY_S)
            given = book.command(given.id) or given
    if given.outcome is None:
        err.print("Nobody sends commands: is `haulwatch serve` running?", style="yellow")
    return given
