"""`haulwatch deadletter`: what was refused, why, and driving it again once the cause is mended."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import track

from devices.readings.refusals import Reason
from haulwatch import wiring
from haulwatch.commands.shared import JsonFlag, err, fail, out, plainly, print_json, print_table, when
from haulwatch.settings.load import Settings, load_settings
from ingest.ledger.dead_letters import DeadLetter, DeadLetters, NoSuchLetter

app = typer.Typer(no_args_is_help=True, help="Readings that were refused: kept with their bytes and the reason.")

_PAGE = 500
_LARGEST_ID = (1 << 63) - 1

DeviceOption = Annotated[str | None, typer.Option("--device", help="Only this device's.")]
ReasonOption = Annotated[Reason | None, typer.Option("--reason", help="Only those refused for this reason.")]


@app.command("list")
@plainly
def list_letters(
    device: DeviceOption = None,
    reason: ReasonOption = None,
    redriven: Annotated[
        bool, typer.Option("--redriven", help="Those driven again, instead of those that wait.")
    ] = False,
    after: Annotated[int, typer.Option(max=_LARGEST_ID, help="Go on after this id.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List dead letters, oldest first."""
    settings = load_settings()
    letters = _letters(settings).list(device=device, reason=reason, redriven=redriven, after_id=after, limit=limit)
    if as_json:
        print_json([letter.model_dump(mode="json") for letter in letters])
        return
    zone = ZoneInfo(settings.city.timezone)
    rows = [
        (str(letter.id), when(letter.received_at, zone), letter.device, letter.reason, letter.detail)
        for letter in letters
    ]
    print_table("dead letters", ("id", "received", "device", "reason", "why, and the mend"), rows, right=("id",))
    if len(letters) == limit:
        out.print(f"… more may follow: --after {letters[-1].id}", style="dim")


@app.command()
@plainly
def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", max=_LARGEST_ID, help="As `list` shows it.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one dead letter with its bytes."""
    settings = load_settings()
    try:
        letter = _letters(settings).show(letter_id)
    except NoSuchLetter as exc:
        fail(str(exc))
    if as_json:
        print_json(letter.model_dump(mode="json"))
        return
    print_table(f"dead letter {letter.id}", ("what", "value"), _facts(letter, ZoneInfo(settings.city.timezone)))


@app.command()
@plainly
def redrive(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="ID", max=_LARGEST_ID, help="Which; or choose by --device or --reason."),
    ] = None,
    device: DeviceOption = None,
    reason: ReasonOption = None,
) -> None:
    """Send dead letters through the path again, after their cause is mended (a device registered, a bound widened).

    Each leaves the quarantine and is counted again where it ends this time.

    Exit code 0: all were driven. 1: some could not be, as is said.
    """
    if not ids and device is None and reason is None:
        fail("say which: ids, or --device, or --reason")
    settings = load_settings()
    letters, log = _letters(settings), wiring.raw_log(settings)
    chosen = ids or list(_matching(letters, device, reason))
    driven = 0
    pages = [chosen[start : start + _PAGE] for start in range(0, len(chosen), _PAGE)]
    for page in track(pages, description="driving again", console=err, disable=len(pages) < 2):
        for outcome in letters.redrive_all(page, log, wiring.now_ms()).values():
            if isinstance(outcome, int):
                driven += 1
            else:
                err.print(f"haulwatch: {outcome}", style="yellow", markup=False)
    out.print(f"{driven} of {len(chosen)} dead letters driven again")
    if driven < len(chosen):
        raise typer.Exit(1)


def _matching(letters: DeadLetters, device: str | None, reason: Reason | None) -> list[int]:
    found: list[int] = []
    after = 0
    while page := letters.list(device=device, reason=reason, after_id=after, limit=_PAGE):
        found += [letter.id for letter in page]
        after = page[-1].id
    return found


def _letters(settings: Settings) -> DeadLetters:
    return DeadLetters(wiring.recorder_state_path(settings))


def _facts(letter: DeadLetter, zone: ZoneInfo) -> list[tuple[str, object]]:
    return [
        ("reason", letter.reason),
        ("why", letter.detail),
        ("field", letter.field),
        ("topic", letter.topic),
        ("received", when(letter.received_at, zone)),
        ("driven again", when(letter.redriven_at, zone) or "no"),
        ("stands for", f"{letter.stands_for:,} messages" if letter.stands_for > 1 else "itself"),
        ("size", f"{letter.size_bytes:,} bytes"),
        ("payload", letter.shown),
    ]
