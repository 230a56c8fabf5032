"""`python -m tests.chaos`: every fault under load, a table, and an exit code.

Exit code 0: nothing lost, nothing stored twice, alerts and ledger correct, every designed answer seen. 1: not so.
2: cannot run here.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from tests.chaos.accounts import Account
from tests.chaos.bystanders import Delays
from tests.chaos.faults import FULL, QUICK, Fault
from tests.chaos.rounds import FAULTS, Round, run_rounds
from tests.compiled import COMPILED

_err = Console(stderr=True, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: every process that was started is ended
    chosen = [fault for fault in FAULTS if options.only in fault.name]
    absent = {fault.name: why for fault in chosen if (why := fault.absent()) is not None}
    faults = [fault for fault in chosen if fault.name not in absent]
    folder = Path(tempfile.mkdtemp(prefix="haulwatch-chaos-"))
    rounds: list[Round] = []
    try:
        _run(faults, options, folder, rounds)
    except pytest.skip.Exception as exc:
        _err.print(f"cannot run: {exc}", markup=False)
        return 2
    except pytest.fail.Exception as exc:
        _err.print(f"cannot go on: {exc}", markup=False)
    good = bool(rounds) and len(rounds) == len(faults) and all(done.good for done in rounds)
    if good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _err.print(f"all files are kept in {folder}", markup=False)
    _print_table(rounds, absent, Console(stderr=options.json, width=None if sys.stderr.isatty() else 140))
    if options.json:
        sys.stdout.write(json.dumps(_summary(rounds, absent), ensure_ascii=False) + "\n")
    return 0 if good else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description="Real processes, real servers, real faults.")
    parser.add_argument("--quick", action="store_true", help="under three minutes; otherwise at least 100 kills")
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line of standard output")
    parser.add_argument("--seed", type=int, default=1, help="chooses moments, processes and mutations")
    parser.add_argument("--only", default="", metavar="WORDS", help="only rounds whose name contains these words")
    return parser.parse_args(arguments)


def _run(faults: Sequence[Fault], options: argparse.Namespace, folder: Path, rounds: list[Round]) -> None:
    """Run the faults and add each result to `rounds`, with progress on standard error."""
    judgement = "compiled" if COMPILED else "interpreted"
    _err.print(f"{len(faults)} rounds, seed {options.seed}, judgement {judgement}", markup=False)
    for done in run_rounds(faults, QUICK if options.quick else FULL, options.seed, folder):
        rounds.append(done)
        line = f"{len(rounds)}/{len(faults)} {done.fault}: {'as designed' if done.good else 'NOT as designed'}"
        _err.print(f"{line}, {done.account.acknowledged:,} messages, {done.took_s:.0f} s", markup=False)
        for complaint in done.complaints:
            _err.print(f"    {complaint}", markup=False)


def _print_table(rounds: Sequence[Round], absent: dict[str, str], console: Console) -> None:
    kills, minutes = sum(done.kills for done in rounds), sum(done.took_s for done in rounds) / 60
    table = Table(title=f"chaos: {len(rounds)} rounds, {kills} kills, {minutes:.0f} minutes")
    table.add_column("fault", no_wrap=True)
    for column in ("kills", "acknowledged", "lost", "doubled"):
        table.add_column(column, justify="right")
    for column in ("alerts", "ledger"):
        table.add_column(column)
    table.add_column("bystanders, s", justify="right")
    for column in ("by itself", "answer"):
        table.add_column(column)
    table.add_column("s", justify="right")
    for done in rounds:
        account = done.account
        lost = f"{account.lost:,} and {account.given_up:,} named" if account.given_up else f"{account.lost:,}"
        table.add_row(
            done.fault,
            f"{done.kills:,}",
            f"{account.acknowledged:,}",
            lost,
            f"{account.doubled:,}",
            _alerts(account),
            "balanced" if account.ledger_balanced else "[bold red]WRONG",
            _delays(done.bystanders),
            f"no, {done.by_hand} commands" if done.by_hand else "yes",
            "as designed" if not done.complaints else "[bold red]SEE ABOVE",
            f"{done.took_s:.0f}",
        )
    console.print(table)
    console.print(
        "bystanders: published → alert over MQTT, median / longest, of devices that the fault does not concern; an"
        " outage and a pause of the devices are in it. by itself: without a person, once the cause is gone"
    )
    if any(done.account.unjudged_s for done in rounds):
        console.print(
            "except: minutes of device time in which the fault, by design, keeps readings from being judged in time"
        )
    for name, why in absent.items():
        console.print(f"not run: {name}: {why}", markup=False)


def _delays(delays: Delays) -> str:
    return f"{delays.median_s:.1f} / {delays.longest_s:.1f}" if delays.alerts else "none"


def _alerts(account: Account) -> str:
    if not account.alerts_equal:
        return "[bold red]CHANGED"
    return f"equal except {account.unjudged_s // 60} min" if account.unjudged_s else "equal"


def _summary(rounds: Sequence[Round], absent: dict[str, str]) -> dict[str, Any]:
    return {
        "kills": sum(done.kills for done in rounds),
        "rounds": [
            {
                "fault": done.fault,
                "acknowledged": done.account.acknowledged,
                "lost": done.account.lost,
                "given_up": done.account.given_up,
                "doubled": done.account.doubled,
                "alerts_equal": done.account.alerts_equal,
                "ledger_balanced": done.account.ledger_balanced,
                "kills": done.kills,
                "unjudged_s": done.account.unjudged_s,
                "bystander_alerts": done.bystanders.alerts,
                "bystander_median_s": round(done.bystanders.median_s, 2),
                "bystander_longest_s": round(done.bystanders.longest_s, 2),
                "by_hand": done.by_hand,
                "took_s": round(done.took_s, 1),
                "complaints": list(done.complaints),
            }
            for done in rounds
        ],
        "not_run": [{"fault": name, "reason": why} for name, why in absent.items()],
    }


if __name__ == "__main__":
    sys.exit(main())
