"""`haulwatch simulate --dialect osmand` and `traccar`: phones, or a Traccar server, against a gateway."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import httpx
import typer

from haulwatch.commands.dialects.options import DialectOptions
from haulwatch.commands.progress import ProgressLine
from haulwatch.commands.shared import err, fail, out, print_json
from haulwatch.process import system_clock
from haulwatch.process.lifetime import stop_event
from simulators.dialects.trackers import Faults, Form, Request, drive, requests

_ANSWER_S: Final = 20.0
_ENDLESS: Final = 1_000_000


@dataclass
class _Tally:
    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)


def simulate_osmand(options: DialectOptions) -> None:
    """Phones: one half sends URL queries, the other JSON."""
    _simulate(options, ("query", "json"))


def simulate_traccar(options: DialectOptions) -> None:
    """A Traccar server that forwards positions."""
    _simulate(options, ("traccar",))


def _simulate(options: DialectOptions, forms: Sequence[Form]) -> None:
    """`--to` is the URL of the gateway with a key that is good for every device.

    Exit code 0: every report was answered 200; 1: else; 2: nobody listens.
    """
    url = httpx.URL(options.to if "://" in options.to else f"http://{options.to}")
    if url.scheme not in {"http", "https"} or not url.host:
        fail(f"--to {options.to!r}: give the URL of the gateway, such as http://127.0.0.1:5055/?key=KEY")
    tally = _Tally()
    try:
        with ProgressLine(err) as progress:
            asyncio.run(_run(options, forms, url, tally, progress))
    except httpx.ConnectError as exc:
        fail(f"nobody listens at {url.host}:{url.port}: {exc}: start `haulwatch gateway trackers`, or correct --to")
    if options.as_json:
        print_json({"sent": tally.sent, "answers": tally.answers})
    else:
        out.print(_line(tally), highlight=False)
    if set(tally.answers) != {"200"}:
        raise typer.Exit(1)


async def _run(
    options: DialectOptions, forms: Sequence[Form], url: httpx.URL, tally: _Tally, progress: ProgressLine
) -> None:
    """Run until every report is sent, or until Ctrl-C. Raises httpx.ConnectError before the first one."""
    stop, start_ms = stop_event(), options.start_ms(system_clock.now_ms())
    async with httpx.AsyncClient(timeout=_ANSWER_S) as client:
        await client.get(url.copy_with(path="/healthz", query=None))

        async def report(number: int) -> None:
            rng = Random(options.seed * 1_000_003 + number)  # noqa: S311 - a simulation
            fixes = drive(start_ms, options.interval_s, options.reports or _ENDLESS, rng)
            faults = Faults(repeated=options.faults, stale=options.faults)
            for request in requests(f"phone-{number:03d}", forms[number % len(forms)], fixes, faults, rng):
                if stop.is_set():
                    return
                tally.answers[await _send(client, url, request)] += 1
                tally.sent += 1
                progress.show(_line(tally))
                await asyncio.sleep(options.interval_s / options.speed)

        await asyncio.gather(*(report(number) for number in range(1, options.devices + 1)))


async def _send(client: httpx.AsyncClient, url: httpx.URL, request: Request) -> str:
    """The status of the answer, or the kind of failure."""
    target = url.copy_with(path=request.path).copy_merge_params(httpx.QueryParams(request.query))
    try:
        answer = await (client.post(target, content=request.body) if request.body else client.get(target))
    except httpx.HTTPError as exc:
        return type(exc).__name__
    return str(answer.status_code)


def _line(tally: _Tally) -> str:
    answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(tally.answers.items()))
    return f"{tally.sent:,} reports; answers {answers or 'none'}"
