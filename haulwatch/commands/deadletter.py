"""`haulwatch deadletter`: lists refused readings with their reasons, redrives them once the cause is fixed, purges."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import track

from devices.readings.refusals import Reason
from haulwatch.commands.shared import (
    JsonFlag,
    err,
    exits_on_error,
    fail,
    local_time,
    out,
    print_json,
    print_table,
)
from haulwatch.process import system_clock
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import people_zone
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.stores import open_dead_letters
from ingest.ledger.dead_letters import DeadLetter, DeadLetters, NoSuchLetter

app = typer.Typer(no_args_is_help=True, help="Refused readings (dead letters), kept with their bytes and the reason.")

_PAGE = 500
_LARGEST_ID = (1 << 63) - 1

DeviceOption = Annotated[str | None, typer.Option("--device", help="Only those of this device.")]
ReasonOption = Annotated[Reason | None, typer.Option("--reason", help="Only those refused for this reason.")]


@app.command("list")
@exits_on_error
def list_letters(
    device: DeviceOption = None,
    reason: ReasonOption = None,
    redriven: Annotated[bool, typer.Option("--redriven", help="List redriven ones instead of waiting ones.")] = False,
    after: Annotated[int, typer.Option(max=_LARGEST_ID, help="Start after this id.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List at most this many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List dead letters, oldest first."""
    settings = settings_with_data()
    letters = open_dead_letters(settings).list(
        device=device, reason=reason, redriven=redriven, after_id=after, limit=limit
    )
    if as_json:
        print_json([letter.model_dump(mode="json") for letter in letters])
        return
    zone = people_zone(settings)
    rows = [
        (str(letter.id), local_time(letter.received_at, zone), letter.device, letter.reason, letter.detail)
        for letter in letters
    ]
    print_table("dead letters", ("id", "received", "device", "reason", "cause, and what to do"), rows, right=("id",))
    if len(letters) == limit:
        out.print(f"… there may be more: --after {letters[-1].id}", style="dim")


@app.command()
@exits_on_error
def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", max=_LARGEST_ID, help="Id, as `list` shows it.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one dead letter with its bytes."""
    settings = settings_with_data()
    try:
        letter = open_dead_letters(settings).show(letter_id)
    except NoSuchLetter as exc:
        fail(str(exc))
    if as_json:
        print_json(letter.model_dump(mode="json"))
        return
    print_table(f"dead letter {letter.id}", ("what", "value"), _facts(letter, people_zone(settings)))


@app.command()
@exits_on_error
def redrive(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="ID", max=_LARGEST_ID, help="Ids; or choose by --device or --reason."),
    ] = None,
    device: DeviceOption = None,
    reason: ReasonOption = None,
) -> None:
    """Send dead letters through the path again, once their cause is fixed: a device registered, a bound widened.

    Each leaves the quarantine, and is counted again where it ends this time.

    Exit code 0: all were redriven. 1: some were not, and standard error names them; or none waits that was meant.
    """
    if not ids and device is None and reason is None:
        fail("choose dead letters: give ids, --device or --reason")
    settings = settings_with_data()
    letters, log = open_dead_letters(settings), open_raw_log(settings)
    chosen = ids or list(_matching(letters, device, reason))
    redriven = 0
    pages = [chosen[start : start + _PAGE] for start in range(0, len(chosen), _PAGE)]
    for page in track(pages, description="redriving", console=err, disable=len(pages) < 2):
        for outcome in letters.redrive_all(page, log, system_clock.now_ms()).values():
            if isinstance(outcome, int):
                redriven += 1
            else:
                err.print(f"haulwatch: {outcome}", style="yellow", markup=False)
    out.print(f"{redriven} of {len(chosen)} dead letters redriven")
    if redriven < len(chosen) or not chosen:
        raise typer.Exit(1)


@app.command()
@exits_on_error
def purge(
    device: DeviceOption = None,
    reason: ReasonOption = None,
    older_than_days: Annotated[
        float | None, typer.Option("--older-than-days", min=0, max=36_500, help="Only those received so long ago.")
    ] = None,
) -> None:
    """Delete dead letters for good, and give their space back. Their readings stay counted as quarantined."""
    if device is None and reason is None and older_than_days is None:
        fail("choose dead letters: give --device, --reason or --older-than-days (0 for all)")
    settings = settings_with_data()
    before = None if older_than_days is None else system_clock.now_ms() - int(older_than_days * 86_400_000)
    purged, freed = open_dead_letters(settings).purge(device=device, reason=reason, before=before)
    out.print(f"{purged:,} dead letters purged, {freed / (1 << 20):,.1f} MiB freed")


def _matching(letters: DeadLetters, device: str | None, reason: Reason | None) -> list[int]:
    found: list[int] = []
    after = 0
    while page := letters.list(device=device, reason=reason, after_id=after, limit=_PAGE):
        found += [letter.id for letter in page]
        after = page[-1].id
    return found


def _facts(letter: DeadLetter, zone: ZoneInfo) -> list[tuple[str, object]]:
    return [
        ("reason", letter.reason),
        ("cause", letter.detail),
        ("field", letter.field),
        ("topic", letter.topic),
        ("received", local_time(letter.received_at, zone)),
        ("redriven", local_time(letter.redriven_at, zone) or "no"),
        ("stands for", "itself" if letter.stands_for == 1 else f"{letter.stands_for:,} readings"),
        ("kept", "whole" if letter.kept else "the first of them: it cannot be redriven"),
        ("size", f"{letter.size_bytes:,} bytes"),
        ("payload", letter.shown),
    ]
