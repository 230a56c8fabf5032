"""`haulwatch simulate --dialect sparkplug`: edge nodes with a sorting line each."""

import asyncio
from dataclasses import asdict

import typer

from haulwatch.commands.dialects.broker_address import broker_of
from haulwatch.commands.dialects.options import DialectOptions
from haulwatch.commands.shared import err, fail, out, print_json
from haulwatch.process.lifetime import stop_event
from simulators.dialects.broker import BrokerLost
from simulators.dialects.sparkplug import Faults, Stay, Tally, run_edge_nodes


def simulate_sparkplug(options: DialectOptions) -> None:
    """Exit code 0: data were published; 1: none were; 2: no broker answers."""
    broker, tally = broker_of(options), Tally()
    share = options.faults
    stay = Stay(options.interval_s / options.speed, options.reports, Faults(share, share, share))
    err.print(
        f"{options.devices:,} edge nodes publish to {broker.host}:{broker.port}; "
        "the first line is haulwatch-sim.node-1.line-1; Ctrl-C ends",
        markup=False,
    )

    async def run() -> None:
        await run_edge_nodes(options.devices, broker, stay, options.seed, stop_event(), tally)

    try:
        asyncio.run(run())
    except* BrokerLost as group:
        fail(f"the broker was lost: {group.exceptions[0]}")
    if options.as_json:
        print_json(asdict(tally))
    else:
        out.print(_line(tally), markup=False, highlight=False)
    if not tally.sent:
        err.print(f"haulwatch: nothing was published: {tally.trouble or 'it ended too soon'}", markup=False)
        raise typer.Exit(1)


def _line(tally: Tally) -> str:
    return (
        f"data {tally.sent:,}, sent twice {tally.repeated:,}, lost {tally.lost:,}, births {tally.births:,}, "
        f"rebirths answered {tally.rebirths_answered:,}, connections {tally.connections:,}"
    )
