"""`haulwatch demo`: the main job, at once, with nothing else installed."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.panel import Panel

from haulwatch.commands.shared import JsonFlag, err, fail, out, plainly, print_json, print_table
from haulwatch.demo.run import Demo, DemoFailed, DemoOptions, demo
from haulwatch.demo.view import Snapshot, render
from haulwatch.process.supervisor import until_stopped

_TELL_EVERY_S = 10.0


@plainly
def run_demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for", metavar="SECONDS", min=10, help="End by itself after so long. 100 or more see the whole script."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds stage equal incidents.")] = 1,
    speed: Annotated[
        float | None,
        typer.Option(min=1, max=60, help="Device seconds per second while catching up. Default: what fits --for."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="New folder for raw log, stores and logs; without it they are removed.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Watch a city report over MQTT: trucks, weighbridges, recycling points; readings stored, alerts raised.

    Everything runs on this machine: an embedded broker, the embedded stores, the four Haulwatch processes and simulated
    devices of the demonstration city Jincheng. The scenario starts in the past, runs faster than life until it
    has caught up with the clock, and then goes on live.

    Exit code 0: every published reading is accounted for. 1: the counts do not add up.
    """
    try:
        with demo(DemoOptions(seconds, seed, speed, keep), os.environ) as running:
            err.print("starting broker, collector, recorder, judge and API …", style="dim")
            running.start()
            if as_json or not sys.stdout.isatty():
                _tell(running)
            else:
                _show(running)
            err.print("stopping the devices, letting the path drain …", style="dim")
            summary = running.finish()
    except DemoFailed as exc:
        fail(str(exc))
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)
    if not summary["balanced"]:
        raise typer.Exit(1)


def _show(running: Demo) -> None:
    write_token = f"To write to the API:  Authorization: Bearer {running.token}"
    err.print(Panel(write_token, border_style="dim"))
    with Live(console=out, refresh_per_second=4, screen=False, transient=True) as live:
        for _ in until_stopped(0.5):
            running.supervisor.tend()
            live.update(render(running.look()))
            if running.over:
                return


def _tell(running: Demo) -> None:
    """For a pipe or a log file: a line now and then on standard error."""
    err.print(f"API and console: {running.api_url}  (write token {running.token})", highlight=False)
    tell_at = 0.0
    for _ in until_stopped(0.5):
        running.supervisor.tend()
        if running.elapsed_s >= tell_at:
            tell_at = running.elapsed_s + _TELL_EVERY_S
            err.print(_line(running.look()), highlight=False, markup=False)
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


def _print_summary(summary: dict[str, object]) -> None:
    names = ("published", "stored", "duplicate", "quarantined", "queued")
    adds_up = "adds up" if summary["balanced"] else "does NOT add up"
    print_table(
        f"readings: the sum {adds_up}", ("", "readings"), [(name, summary[name]) for name in names], right=("readings",)
    )
    alerts = summary["alerts"]
    assert isinstance(alerts, list)  # noqa: S101 - made by Demo.finish
    rows = [(a["severity"], a["rule"], a["subject"], a["phase"], a["title"]["en"], a["title"]["zh"]) for a in alerts]
    print_table("alerts (simulated devices)", ("", "rule", "device", "phase", "what", "何事"), rows)
