"""`haulwatch audit`: who did what, and who looked at personal data; and the end of old entries."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from devices.people.audit import MAX_TARGET, ActorKind, AuditFilter, NewAuditEntry
from devices.readings.instants import DAY_MS
from haulwatch.commands.shared import (
    JsonFlag,
    exits_on_error,
    instant,
    local_time,
    machine_user,
    out,
    print_json,
    print_table,
)
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_audit_trail, people_zone

app = typer.Typer()


@app.callback(invoke_without_command=True)
@exits_on_error
def audit(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option(help="Only of this person or token.")] = None,
    target: Annotated[str | None, typer.Option(metavar="ID", help="Only about this truck, alert, …")] = None,
    since: Annotated[int | None, typer.Option(metavar="TIME", parser=instant, help="At this time or later.")] = None,
    until: Annotated[int | None, typer.Option(metavar="TIME", parser=instant, help="Before this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """Show the audit trail, newest first: every action, and every look at personal data (equal ones once an hour).

    `haulwatch audit prune` removes what is older than HAULWATCH_AUDIT_KEEP_DAYS.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_with_data()
    with closing(open_audit_trail(settings)) as trail:
        found = trail.entries(AuditFilter(actor=actor, target=target, start=since, end=until), limit=limit)
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in found])
        return
    zone = people_zone(settings)
    columns = ("time", "who", "by", "from", "status", "what", "about")
    rows = [
        (local_time(one.at, zone), one.actor, one.kind, one.address, str(one.status or ""), one.action, one.target)
        for one in found
    ]
    print_table("audit trail", columns, rows)


@app.command()
@exits_on_error
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
) -> None:
    """Remove entries older than HAULWATCH_AUDIT_KEEP_DAYS. This is itself an entry: by whom, how many, up to when.

    Nothing else removes entries. Call it as the owner of the tables.
    """
    settings, now = settings_with_data(), now_ms()
    days = settings.api.audit_keep_days
    before = now - days * DAY_MS
    until_time = local_time(before, people_zone(settings))
    if not yes and not typer.confirm(f"Remove all entries before {until_time} ({days} days)?"):
        raise typer.Exit(1)

    def noted(removed: int) -> NewAuditEntry:
        return _entry("audit prune", f"{removed} before {datetime.fromtimestamp(before / 1_000, UTC):%Y-%m-%dT%H:%MZ}")

    with closing(open_audit_trail(settings)) as trail:
        removed = trail.prune(before, noted)
    out.print(f"removed {removed:,} entries before {until_time}", markup=False)


def write_entry(settings: Settings, action: str, target: str) -> None:
    """Note what was done from the command line, by the user of this machine. Raises DatabaseError."""
    with closing(open_audit_trail(settings)) as trail:
        trail.add(_entry(action, target))


def _entry(action: str, target: str) -> NewAuditEntry:
    return NewAuditEntry(
        at=now_ms(),
        actor=machine_user(),
        kind=ActorKind.COMMAND_LINE,
        address="",
        action=f"haulwatch {action}",
        target=target[:MAX_TARGET],
        status=None,
    )
