"""`haulwatch simulate --dialect chirpstack` and `ttn`: bins with LoRaWAN sensors, behind a simulated network server."""

import asyncio
from dataclasses import asdict

import typer

from haulwatch.commands.dialects.broker_address import broker_of
from haulwatch.commands.dialects.options import DialectOptions
from haulwatch.commands.progress import ProgressLine
from haulwatch.commands.shared import err, fail, out, print_json
from haulwatch.process.lifetime import stop_event
from simulators.dialects.broker import BrokerLost
from simulators.dialects.lorawan import DEPTH_MM, Bin, Faults, Server, Stay, Tally, run_bins


def simulate_chirpstack(options: DialectOptions) -> None:
    """Exit code 0: levels were published; 1: none was; 2: no broker answers."""
    _simulate("chirpstack", options)


def simulate_ttn(options: DialectOptions) -> None:
    """Exit code 0: levels were published; 1: none was; 2: no broker answers."""
    _simulate("ttn", options)


def _simulate(server: Server, options: DialectOptions) -> None:
    broker, tally = broker_of(options), Tally()
    bins = [Bin(number + 1, server, options.seed, tally) for number in range(options.devices)]
    share = options.faults
    stay = Stay(options.interval_s / options.speed, options.reports, Faults(share, share, share / 10, share))
    err.print(
        f"{options.devices:,} bins publish to {broker.host}:{broker.port}; the first is {bins[0].device_id} "
        f"(profile em400-tld, depth_mm {DEPTH_MM}); Ctrl-C ends",
        markup=False,
    )

    async def run(progress: ProgressLine) -> None:
        await run_bins(bins, broker, stay, tally, stop_event(), lambda: progress.show(_line(tally)))

    try:
        with ProgressLine(err) as progress:
            asyncio.run(run(progress))
    except BrokerLost as exc:
        fail(f"the broker was lost: {exc}")
    if options.as_json:
        print_json(asdict(tally))
    else:
        out.print(_line(tally), markup=False, highlight=False)
    if not tally.levels:
        err.print("haulwatch: no level was published: it ended too soon", markup=False)
        raise typer.Exit(1)


def _line(tally: Tally) -> str:
    return (
        f"levels {tally.levels:,}, messages {tally.messages:,}, lost on the air {tally.lost:,}, joined {tally.joins:,}"
    )
