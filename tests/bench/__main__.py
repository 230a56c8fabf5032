"""`make bench`: the cost and speed of the path on this machine."""

from dataclasses import replace
from typing import Annotated

import typer

from haulwatch.commands.shared import JsonFlag, err, exits_on_error, fail, print_json
from tests.bench import BenchFailed
from tests.bench.environment import FULL, QUICK
from tests.bench.report import print_report
from tests.bench.run import CONSOLE, Stage, run


@exits_on_error
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Less of everything: under three minutes.")] = False,
    stage: Annotated[
        list[Stage] | None,
        typer.Option(
            help="Only this stage; may be repeated. Default: all but soak, neighbours and those of the console; with "
            "--quick also not fleets."
        ),
    ] = None,
    messages: Annotated[
        int | None, typer.Option(min=1_000, max=1_000_000, help="Number of messages of each throughput stage.")
    ] = None,
    soak: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=0.1, max=720, help="Also watch memory for so long.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure rates, CPU and memory per process, latencies and scaling of the path, on this machine's loopback.

    Starts Mosquitto, InfluxDB behind nginx (the embedded store where they are not installed) and the real processes in
    a temporary folder, with a synthetic city and a load generator of its own; ends by itself and leaves nothing.
    Other work on the machine changes the figures: see the load average beside them.

    Exit code 0: everything was measured. 1: a stage failed, the figures of the others are valid. 2: nothing could be
    measured.
    """
    sizes = QUICK if quick else FULL
    if messages is not None:
        sizes = replace(sizes, messages=messages)
    excluded = {Stage.SOAK, Stage.NEIGHBOURS, *CONSOLE} | ({Stage.FLEETS} if quick else set())
    wanted = set(stage or set(Stage) - excluded)
    if soak is not None:
        wanted.add(Stage.SOAK)
    elif Stage.SOAK in wanted:
        fail("the soak needs a duration: --soak MINUTES")
    try:
        report = run(sizes, wanted, (soak or 0.0) * 60, lambda text: err.print(text, style="dim", markup=False))
    except BenchFailed as exc:
        fail(str(exc))
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)
    if report.failures:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(bench)
