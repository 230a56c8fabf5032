"""`haulwatch ledger`: the disposition of every reading, in total and by device."""

from collections.abc import Iterator
from typing import Annotated

import typer

from devices.spelling import did_you_mean
from haulwatch.commands.programme.assessment import assessment
from haulwatch.commands.programme.indicators import indicators
from haulwatch.commands.programme.report import quarterly
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, instant, out, print_json, print_table
from haulwatch.commands.weighings.city_ledger import city_ledger
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.stores import current_ledger
from ingest.ledger.report import DeviceLedgerLine, LedgerLine

_COUNTS = ("received", "stored", "duplicate", "quarantined", "queued", "gaps", "resets", "clock")


app = typer.Typer()
app.command("city")(city_ledger)
app.command("indicators")(indicators)
app.command("assessment")(assessment)
app.command("report")(quarterly)


@app.callback(invoke_without_command=True)
@exits_on_error
def ledger(
    context: typer.Context,
    device: Annotated[str | None, typer.Option(help="Show this device only.")] = None,
    since: Annotated[
        int | None,
        typer.Option(
            parser=instant,
            metavar="T",
            help="Show only devices heard at or after T (RFC 3339, or ms since 1970 UTC), and devices with queued "
            "readings. Counts are always since the beginning.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Count every reading received: stored, duplicate, quarantined or still queued, in total and by device.

    not judged, where there are any: accepted readings that no rule has judged, as of the judge's last checkpoint; the
    reasons say why. gaps: sequence numbers that never arrived. resets: how often the device started its numbers again.
    clock: how far the device's clock is behind our receive times (negative: ahead) and its drift; a running median,
    which buffered uploads do not move. reasons: why readings were quarantined; then the values that accepted readings
    lost or had clamped, by field, and the positions outside the city's region.

    Exit code 0: the counts balance. 1: they do not.
    """
    if context.invoked_subcommand is not None:
        return
    report = current_ledger(settings_with_data())
    lines = [line for line in report.devices if device in (None, line.device) and _heard_since(line, since)]
    if device is not None and not lines:
        guess = did_you_mean(device, [line.device for line in report.devices]) if since is None else ""
        fail(
            f"no reading of {device!r} was received {'yet' if since is None else 'since then'}{guess and f': {guess}'}"
        )
    if as_json:
        print_json(report.model_copy(update={"devices": tuple(lines)}).model_dump(mode="json"))
    else:
        rows = [_row(line.device, line) for line in lines]
        if device is None:
            rows.append(_row("total", report.total))
        counts = (*_COUNTS, "not judged") if report.total.not_judged else _COUNTS
        rows = [_shown(row, len(counts)) for row in rows]
        print_table("ledger", ("device", *counts, "reasons"), rows, right=counts)
        out.print("balanced" if report.balanced else "NOT balanced", style="green" if report.balanced else "bold red")
    if not report.balanced:
        raise typer.Exit(1)


def _shown(row: tuple[object, ...], counts: int) -> tuple[object, ...]:
    """The row without the column `not judged` where nothing is in it: the table fits into 80 columns as it is."""
    return (*row[: 1 + counts], row[-1])


def _row(name: str, line: LedgerLine) -> tuple[object, ...]:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in _reasons(line))
    quarantined, not_judged = sum(line.quarantined.values()), sum(line.not_judged.values())
    counts = (line.received, line.stored, line.duplicate, quarantined, line.queued, line.gaps)
    if isinstance(line, DeviceLedgerLine):
        return name, *counts, line.resets, _clock(line), not_judged, reasons
    return name, *counts, None, None, not_judged, reasons


def _reasons(line: LedgerLine) -> Iterator[tuple[str, int]]:
    yield from line.quarantined.items()
    yield from ((f"dropped {field}", count) for field, count in line.dropped_fields.items())
    yield from ((f"clamped {field}", count) for field, count in line.clamped_fields.items())
    yield from ((f"not judged {reason}", count) for reason, count in line.not_judged.items())
    if line.outside_region:
        yield "outside region", line.outside_region
    if line.clock_corrected:
        yield "clock corrected", line.clock_corrected


def _clock(line: DeviceLedgerLine) -> str | None:
    if line.clock_offset_ms is None:
        return None
    drift = line.clock_drift_ms_per_h
    return f"{line.clock_offset_ms / 1000:+.1f} s" + (f" {drift:+.0f} ms/h" if drift is not None else "")


def _heard_since(line: DeviceLedgerLine, since: int | None) -> bool:
    return since is None or line.queued > 0 or (line.last_seen is not None and line.last_seen >= since)
