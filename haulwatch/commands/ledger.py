"""`haulwatch ledger` and `haulwatch replay`: was anything lost, and would it be judged the same again?"""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from devices.readings.instants import parse_instant
from haulwatch import wiring
from haulwatch.commands.shared import JsonFlag, fail, out, plainly, print_json, print_table, when
from haulwatch.settings.load import load_settings
from ingest.judge.judge import rejudge
from ingest.judge.replay import alert_steps, every_record, shuffled
from ingest.ledger.report import DeviceLedgerLine, LedgerLine
from ingest.log.raw_log import RawLog
from rules.engine.reorder_buffer import WINDOW_MS


def _instant(text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


@plainly
def ledger(
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    since: Annotated[
        int | None,
        typer.Option(
            parser=_instant,
            metavar="T",
            help="Only devices heard at or after T (RFC 3339, or ms since 1970 UTC), or with readings still queued. "
            "Their counts, and the total of all devices, go back to the beginning all the same.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """What became of every reading received: stored, duplicate, quarantined or still queued, in total and per device.

    Gaps are sequence numbers that never arrived, resets how often a device began them anew; clock is how far its clock
    is behind our receive times (ahead: negative), a running median that buffered uploads do not move, and its drift.

    Exit code 0: balanced. 1: the counts do not add up.
    """
    book = wiring.read_ledger(load_settings())
    lines = [line for line in book.devices if device in (None, line.device) and _heard_since(line, since)]
    if device is not None and not lines:
        fail(f"nothing was {'ever' if since is None else 'since then'} received of {device!r}")
    if as_json:
        print_json(book.model_copy(update={"devices": tuple(lines)}).model_dump(mode="json"))
    else:
        rows = [_row(line.device, line) for line in lines]
        if device is None:
            rows.append(_row("total", book.total))
        columns = (
            *("device", "received", "stored", "duplicate", "quarantined", "queued", "gaps", "resets", "clock"),
            "reasons",
        )
        print_table("ledger", columns, rows, right=columns[1:-1])
        out.print("balanced" if book.balanced else "NOT balanced", style="green" if book.balanced else "bold red")
    if not book.balanced:
        raise typer.Exit(1)


def _row(name: str, line: LedgerLine) -> tuple[object, ...]:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in line.quarantined.items())
    counts = (line.received, line.stored, line.duplicate, sum(line.quarantined.values()), line.queued, line.gaps)
    if isinstance(line, DeviceLedgerLine):
        return name, *counts, line.resets, _clock(line), reasons
    return name, *counts, None, None, reasons


def _clock(line: DeviceLedgerLine) -> str | None:
    if line.clock_offset_ms is None:
        return None
    drift = line.clock_drift_ms_per_h
    return f"{line.clock_offset_ms / 1000:+.1f} s" + (f" {drift:+.0f} ms/h" if drift is not None else "")


def _heard_since(line: DeviceLedgerLine, since: int | None) -> bool:
    return since is None or line.queued > 0 or (line.last_seen is not None and line.last_seen >= since)


@plainly
def replay(
    log: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Folder of the raw log; that of the data directory by default."
        ),
    ] = None,
    shuffle: Annotated[
        int | None, typer.Option(metavar="SEED", help="Shuffle the messages inside the lateness bound first.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Judge the raw log again from its start and compare with the alert journal: the same alerts, phases and times?

    It judges by the city and the rules as they are now: what was registered or changed since may show as a difference.

    Exit code 0: identical. 1: not.
    """
    settings = load_settings()
    with wiring.registry(settings) as registry:
        city = registry.load_city()
    records = every_record(RawLog(log) if log else wiring.raw_log(settings))
    if shuffle is not None:
        records = shuffled(records, WINDOW_MS, shuffle)
    again = alert_steps(rejudge(records, city, wiring.rules(settings)))
    journal = wiring.journal(settings)
    told = alert_steps(entry.change for entry in journal.changes_after(0, journal.last_sequence() + 1))
    result = {"messages": len(records), "journal": len(told), "replay": len(again), "identical": told == again}
    if as_json:
        print_json(result | {"only_in_journal": sorted(told - again), "only_in_replay": sorted(again - told)})
    else:
        zone = ZoneInfo(settings.city.timezone)
        rows: list[tuple[str, object]] = [*result.items()]
        for where, steps_there in (("only in the journal", told - again), ("only in the replay", again - told)):
            rows += [(where, f"{step.alert_id}  {step.phase}  {when(step.at, zone)}") for step in sorted(steps_there)]
        print_table("replay", ("what", ""), rows)
    if told != again:
        raise typer.Exit(1)
