"""`haulwatch demo`: the whole path on this machine, with nothing else installed."""

import os
import sys
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.live import Live

from haulwatch.commands.shared import JsonFlag, err, exits_on_error, local_time, out, print_json, print_table
from haulwatch.demo.run import Demo, DemoOptions, demo
from haulwatch.demo.view import AlertLine, Snapshot, alert_lines, render
from haulwatch.process.supervisor import until_stopped

_LINE_EVERY_S = 10.0


@exits_on_error
def run_demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for", metavar="SECONDS", min=10, help="End after this time. The whole script needs 100 or more."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal incidents.")] = 1,
    speed: Annotated[
        float | None,
        typer.Option(min=1, max=60, help="Device seconds per second while catching up. Default: what fits --for."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="New folder that keeps raw log, stores and logs; without it they are removed.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run the whole path with a simulated city: devices report over MQTT, readings are stored, alerts are raised.

    Everything runs on this machine: an embedded broker, the embedded stores, the four Haulwatch processes and the
    simulated devices of the demonstration city Jincheng. The scenario starts in the past, runs faster than the clock
    until it has caught up, and then goes on live.

    Exit code 0: every published reading is accounted for. 1: the counts do not add up.
    """
    with demo(DemoOptions(seconds, seed, speed, keep), os.environ) as running:
        err.print("starting broker, collector, recorder, judge and API …", style="dim")
        running.start()
        if as_json or not sys.stdout.isatty():
            _print_lines(running)
        else:
            _show_live(running)
        err.print("stopping the devices, waiting until every reading is recorded …", style="dim")
        summary = running.finish()
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary, running.zone)
    if not summary["balanced"]:
        raise typer.Exit(1)


def _show_live(running: Demo) -> None:
    with Live(console=out, refresh_per_second=4, screen=True) as live:
        for _ in until_stopped(0.5):
            running.tend()
            live.update(render(running.snapshot(), *out.size))
            if running.over:
                return


def _print_lines(running: Demo) -> None:
    """For a pipe or a log file: print a line every ten seconds on standard error."""
    err.print(f"API and console: {running.api_url}  (write token {running.token})", highlight=False)
    next_line_at = 0.0
    for _ in until_stopped(0.5):
        running.tend()
        if running.elapsed_s >= next_line_at:
            next_line_at = running.elapsed_s + _LINE_EVERY_S
            err.print(_line(running.snapshot()), highlight=False, markup=False)
        if running.over:
            return


def _line(now: Snapshot) -> str:
    totals = now.totals
    rules = ", ".join(sorted({alert.rule for alert in now.alerts})) or "none yet"
    return (
        f"{now.elapsed_s:4.0f} s  published {totals.published:,}  stored {totals.stored:,}"
        f"  duplicate {totals.duplicate:,}  quarantined {totals.quarantined:,}  queued {totals.queued:,}"
        f"  alerts: {rules}"
    )


def _print_summary(summary: dict[str, object], zone: ZoneInfo) -> None:
    names = ("published", "stored", "duplicate", "quarantined", "queued")
    balance = "balanced" if summary["balanced"] else "NOT balanced"
    print_table(
        f"readings: {balance}", ("", "readings"), [(name, summary[name]) for name in names], right=("readings",)
    )
    alerts = summary["alerts"]
    assert isinstance(alerts, list)  # noqa: S101 - made by Demo.finish
    out.print("alerts (simulated devices)", style="bold")
    for a in alerts:
        opened = local_time(a["opened_at"], zone) or ""
        line = AlertLine(
            a["rule"], a["subject"], a["phase"], a["severity"], a["opened_at"], a["title"]["en"], a["title"]["zh"]
        )
        for text in alert_lines(line, opened, 0):
            text.no_wrap = False
            out.print(text)
