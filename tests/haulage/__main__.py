"""`python -m tests.haulage`: a night of trucks with manifests and weighings through the real path.

Exit code 0: every manifest, session and sum is as the simulator's truth has it. 1: not so. 2: cannot run here.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import Console
from rich.table import Table

from simulators.haulage.night import stage
from tests.compiled import COMPILED
from tests.haulage.found import Comparison, is_anomaly
from tests.haulage.on_path import OnPath
from tests.servers.postgres import Postgres

_err = Console(stderr=True, soft_wrap=True)
_NIGHTS_AGO: Final = 2
_SHOWN: Final = 40


@dataclass(frozen=True)
class Result:
    """One night."""

    comparison: Comparison
    accounts: Sequence[str]
    published: int
    kills: int
    took_s: float

    @property
    def is_good(self) -> bool:
        return self.comparison.is_good and not self.accounts


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: every process that was started is ended
    folder = Path(tempfile.mkdtemp(prefix="haulwatch-night-"))
    try:
        with _database(postgres=options.postgres) as url:
            result = _run(options, folder, url)
    except pytest.skip.Exception as exc:
        _err.print(f"cannot run: {exc}", markup=False)
        return 2
    except pytest.fail.Exception as exc:
        _err.print(f"cannot go on: {exc}; all files are kept in {folder}", markup=False)
        return 1
    if result.is_good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _err.print(f"all files are kept in {folder}", markup=False)
    _print(result, Console(stderr=options.json, width=None if sys.stderr.isatty() else 140))
    if options.json:
        sys.stdout.write(json.dumps(_summary(result), ensure_ascii=False) + "\n")
    return 0 if result.is_good else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.haulage", description=__doc__)
    parser.add_argument("--trucks", type=int, default=200)
    parser.add_argument("--trips", type=int, default=1_000)
    parser.add_argument("--seed", default="1", help="chooses trips, labels, delays and kills")
    parser.add_argument("--late", type=float, default=0.0, help="share of tickets that come up to six hours late")
    parser.add_argument("--twice", type=float, default=0.0, help="share of tickets that come a second time")
    parser.add_argument("--kills", type=int, default=0, help="processes killed at random moments")
    parser.add_argument("--speed", type=float, default=100.0, help="device seconds in a second")
    parser.add_argument("--postgres", action="store_true", help="the registry in PostgreSQL; otherwise SQLite")
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line of standard output")
    return parser.parse_args(arguments)


@contextmanager
def _database(*, postgres: bool) -> Iterator[str | None]:
    if not postgres:
        yield None
        return
    with closing(Postgres()) as server:
        server.start()
        yield server.new_database()


def _run(options: argparse.Namespace, folder: Path, database_url: str | None) -> Result:
    began = time.monotonic()
    night = stage(options.seed, options.trucks, options.trips, _midnight_ms())
    judgement = "compiled" if COMPILED else "interpreted"
    _err.print(f"{options.trips} trips, {len(night.tickets)} tickets, judgement {judgement}", markup=False)
    with closing(OnPath(folder, night, database_url)) as path:
        path.open()
        dice = random.Random(f"{options.seed}|kills")
        path.play(night.arrivals(late=options.late, twice=options.twice), options.speed, options.kills, dice)
        _err.print(f"{path.published:,} messages published in {time.monotonic() - began:.0f} s", markup=False)
        compared = path.compared()
        return Result(compared, path.accounts(), path.published, path.kills, time.monotonic() - began)


def _midnight_ms() -> int:
    """A midnight of the city some nights ago: no device time may be ahead of the wall clock."""
    city = timezone(timedelta(hours=8))
    today = datetime.now(UTC).astimezone(city).replace(hour=0, minute=0, second=0, microsecond=0)
    return round((today - timedelta(days=_NIGHTS_AGO)).timestamp() * 1000)


def _print(result: Result, console: Console) -> None:
    done = result.comparison
    table = Table(title=f"a night of haulage: {result.kills} kills, {result.took_s / 60:.1f} minutes")
    table.add_column("label", no_wrap=True)
    for column in ("trips", "as they must be"):
        table.add_column(column, justify="right")
    for label, count in done.labels.items():
        right = f"{count.right}" if count.right == count.trips else f"[bold red]{count.right}"
        table.add_row(f"{label}{' (anomaly)' if is_anomaly(label) else ''}", f"{count.trips}", right)
    console.print(table)
    console.print(f"manifests by state: {dict(sorted(done.states.items()))}", markup=False)
    console.print(f"loads: {done.loads_right:,} of {done.loads:,} are one session each, with weight, time and truck")
    console.print(f"alerts: {done.alerts_right:,} of {done.alerts:,} trips that people must learn of", markup=False)
    console.print(f"ledger: {done.ledger_kg:,.0f} kg, {done.difference_kg:,.0f} kg off", markup=False)
    for line in [*done.wrong[:_SHOWN], *result.accounts]:
        console.print(line, markup=False)


def _summary(result: Result) -> dict[str, Any]:
    done = result.comparison
    return {
        "good": result.is_good,
        "labels": {str(label): asdict(count) for label, count in done.labels.items()},
        "states": dict(done.states),
        "alerts": done.alerts,
        "alerts_right": done.alerts_right,
        "loads": done.loads,
        "loads_right": done.loads_right,
        "ledger_kg": done.ledger_kg,
        "difference_kg": done.difference_kg,
        "wrong": [*done.wrong, *result.accounts],
        "published": result.published,
        "kills": result.kills,
        "took_s": round(result.took_s, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
