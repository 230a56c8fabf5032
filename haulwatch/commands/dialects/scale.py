"""`haulwatch simulate --dialect scale`: the indicator of a weighbridge, which a gateway reads."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Final

import typer

from haulwatch.commands.dialects.options import DialectOptions
from haulwatch.commands.progress import ProgressLine
from haulwatch.commands.shared import err, fail, out, print_json
from haulwatch.process.lifetime import stop_event
from simulators.dialects.scale.bridge import FRAME_MS, Visit, display, trucks
from simulators.dialects.scale.frames import yaohua
from simulators.dialects.scale.line import Faults, PtyLine, TcpLine, spoiled, tcp_line

_PTY: Final = "pty"


@dataclass
class _Shown:
    """What was on the platform so far."""

    frames: int = 0
    visits: list[Visit] = field(default_factory=list)


def simulate_scale(options: DialectOptions) -> None:
    """One Yaohua indicator, which serves --to, or a pseudo terminal with `--to pty`. `--reports`: so many trucks.

    Exit code 0: somebody read it; 1: nobody did; 2: the port cannot be had.
    """
    shown = _Shown()
    try:
        with ProgressLine(err) as progress:
            readers = asyncio.run(_run(options, shown, progress))
    except OSError as exc:
        fail(f"cannot serve --to {options.to}: {exc}: name a free port, or `--to pty`")
    weights = [visit.kg for visit in shown.visits]
    if options.as_json:
        print_json({"frames": shown.frames, "trucks_kg": weights, "readers": readers})
    else:
        out.print(f"{shown.frames:,} frames; trucks: {', '.join(f'{kg:,} kg' for kg in weights)}", highlight=False)
    if readers == 0:
        err.print("haulwatch: nobody read the indicator", markup=False)
        raise typer.Exit(1)


async def _run(options: DialectOptions, shown: _Shown, progress: ProgressLine) -> int | None:
    """Run until all trucks have passed, or until Ctrl-C. Returns how often somebody connected; None with a terminal."""
    stop, rng = stop_event(), Random(options.seed)  # noqa: S311 - a simulation
    async with AsyncExitStack() as stack:
        line: PtyLine | TcpLine
        if options.to == _PTY:
            line = PtyLine()
            stack.callback(line.close)
            command = f"--port {line.path}"
        else:
            line = await stack.enter_async_context(tcp_line(*options.address()))
            command = f"--tcp {options.to}"
        err.print(f"read it with: haulwatch gateway scale {command} --device ID --profile yaohua-kg", markup=False)
        values = display(_noted(trucks(rng, options.reports), shown), rng, start_ms=0)
        share = options.faults
        for frame in spoiled(map(yaohua, values), Faults(share, share, share, share), rng):
            if stop.is_set():
                break
            await line.write(frame)
            shown.frames += 1
            if shown.frames % 10 == 0:
                progress.show(f"{shown.frames:,} frames, {len(shown.visits)} trucks")
            await asyncio.sleep(FRAME_MS / 1000 / options.speed)
        return None if isinstance(line, PtyLine) else line.connections


def _noted(visits: Iterator[Visit], shown: _Shown) -> Iterator[Visit]:
    for visit in visits:
        shown.visits.append(visit)
        yield visit
