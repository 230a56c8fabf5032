"""`haulwatch simulate --dialect jt808`: terminals of trucks against a gateway, this one or another."""

import asyncio
from dataclasses import asdict
from typing import Final

import typer

from haulwatch.commands.dialects.options import DialectOptions, require_listener
from haulwatch.commands.progress import ProgressLine
from haulwatch.commands.shared import err, out, print_json
from haulwatch.process import system_clock
from haulwatch.process.lifetime import stop_event
from simulators.dialects.jt808.fleet import run_terminals, terminals
from simulators.dialects.jt808.line import Faults
from simulators.dialects.jt808.terminal import Habits, Tally

_BLIND_SHARE: Final = 0.1
"""Of positions: a truck in the hills."""


def simulate_jt808(options: DialectOptions) -> None:
    """Exit code 0: positions were answered, and none is left; 1: else; 2: nobody listens."""
    to = options.address()
    require_listener(to, "start `haulwatch gateway jt808`, or correct --to")
    share = options.faults
    habits = Habits(
        interval_s=options.interval_s,
        pause_s=options.interval_s / options.speed,
        reports=options.reports,
        blind_share=_BLIND_SHARE,
        cut_share=share,
        faults=Faults(share, share, share, share, share),
    )
    fleet, tally = terminals(options.devices, habits, options.seed)
    err.print(
        f"{options.devices:,} terminals connect to {options.to}, the first is {fleet[0].phone}; Ctrl-C ends",
        markup=False,
    )

    async def run(progress: ProgressLine) -> None:
        await run_terminals(
            fleet,
            habits,
            to,
            options.start_ms(system_clock.now_ms()),
            stop_event(),
            lambda: progress.show(_line(tally)),
        )

    with ProgressLine(err) as progress:
        asyncio.run(run(progress))
    left = sum(terminal.waiting for terminal in fleet)
    if options.as_json:
        print_json(asdict(tally) | {"left": left})
    else:
        out.print(f"{_line(tally)}; without an answer: {left:,}", markup=False, highlight=False)
    if left or not tally.answered:
        err.print(f"haulwatch: positions got no answer: {tally.trouble or 'it ended too soon'}", markup=False)
        raise typer.Exit(1)


def _line(tally: Tally) -> str:
    return (
        f"positions made {tally.made:,}, answered {tally.answered:,} ({tally.from_blind_areas:,} uploaded afterwards), "
        f"connections {tally.connections:,}, refused {tally.refused:,}"
    )
