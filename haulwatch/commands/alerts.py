"""`haulwatch alerts`: shelves, which keep alerts from calling people for a while."""

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import typer

from devices.readings.instants import parse_span
from devices.spelling import did_you_mean
from haulwatch import migrations
from haulwatch.commands.shared import (
    By,
    JsonFlag,
    acting_name,
    exits_on_error,
    fail,
    local_time,
    print_json,
    print_table,
)
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_journal, open_registry, open_shelves, people_zone
from rules.alerts.actions import AlertFilter
from rules.alerts.shelves import MAX_REASON, NewShelf, Shelf
from rules.catalogue import rule_names

app = typer.Typer(
    no_args_is_help=True,
    help="""Alerts: keep those of a rule or a device from calling people for a while.

    What is shelved is judged, journaled and listed as ever, and not published over MQTT. When the shelf is over, alerts
    that are still open are published. At most 7 days; `docs/operation.md` says more.
    """,
)


def _span(text: str) -> int:
    try:
        return parse_span(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


@app.command()
@exits_on_error
def shelve(
    reason: Annotated[str, typer.Option(prompt=True, help="Why; it stands beside the shelf.")],
    span_ms: Annotated[
        int, typer.Option("--for", metavar="SPAN", parser=_span, help="How long: 30m, 8h or 2d; at most 7d.")
    ],
    rule: Annotated[str | None, typer.Option(help="Alerts of this rule; default: of every rule.")] = None,
    device: Annotated[
        str | None, typer.Option(metavar="ID", help="Alerts about this device; default: about every one, without P1.")
    ] = None,
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """Shelve the alerts of a rule, of a device, or of a rule on a device."""
    settings = settings_with_data()
    if rule is not None and rule not in rule_names():
        fail(f"--rule: no rule {rule!r}: {did_you_mean(rule, rule_names()) or '`haulwatch rules list` lists them'}")
    if not reason.strip() or len(reason) > MAX_REASON:
        fail(f"--reason: write 1 to {MAX_REASON} characters")
    if rule is None and device is None:
        fail("give --rule, --device, or both: a shelf for everything would hide every fault")
    migrations.upgrade(settings.database_url.get_secret_value())
    if device is not None:
        _check_device(settings, device)
    now = now_ms()
    new = NewShelf(
        rule=rule,
        subject=device,
        reason=reason.strip(),
        shelved_by=acting_name(by),
        shelved_at=now,
        until=now + span_ms,
    )
    with closing(open_shelves(settings)) as store:
        shelf = store.add(new)
    if as_json:
        print_json(shelf.model_dump(mode="json"))
    else:
        _print(settings, [shelf])


@app.command()
@exits_on_error
def unshelve(
    number: Annotated[int, typer.Argument(min=1, help="Number of the shelf, as `shelves` lists it.")],
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """End a shelf before its time; alerts that it held and that are still open are published."""
    settings = settings_with_data()
    with closing(open_shelves(settings)) as store:
        shelf = store.end(number, acting_name(by), now_ms())
    if as_json:
        print_json(shelf.model_dump(mode="json"))
    else:
        _print(settings, [shelf])


@app.command()
@exits_on_error
def shelves(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over, the newest 1,000.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List what is shelved: until when, by whom and why."""
    settings = settings_with_data()
    with closing(open_shelves(settings)) as store:
        found = store.newest(1_000) if every else store.standing_after(now_ms())[::-1]
    if as_json:
        print_json([shelf.model_dump(mode="json") for shelf in found])
    else:
        _print(settings, found)


def _check_device(settings: Settings, device: str) -> None:
    with open_registry(settings) as registry:
        devices = registry.load_city().devices
    if device in devices:
        return
    with closing(open_journal(settings)) as journal:
        if not journal.alerts(AlertFilter(subject=device), limit=1).items:
            hint = did_you_mean(device, devices) or "`haulwatch device list` shows the registered devices"
            fail(f"--device: {device!r} is not registered: {hint}")


def _print(settings: Settings, found: Sequence[Shelf]) -> None:
    zone = people_zone(settings)
    rows = [
        (
            str(shelf.no),
            shelf.rule or "every rule",
            shelf.subject or "every device, without P1",
            local_time(shelf.until if shelf.ended_at is None else shelf.ended_at, zone),
            shelf.shelved_by if shelf.ended_by is None else f"{shelf.shelved_by}, ended by {shelf.ended_by}",
            shelf.reason,
        )
        for shelf in found
    ]
    print_table("shelves", ("no", "rule", "device", "until", "by", "reason"), rows)
