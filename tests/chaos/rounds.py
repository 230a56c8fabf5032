"""One fault after the other, each with its account."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.chaos import broker_faults, clock_faults, collector_faults, disk_faults, kills, payload_faults, store_faults
from tests.chaos.accounts import Account, Accounts
from tests.chaos.faults import Fault, Size
from tests.chaos.yard import Complaint, Yard, running_servers

FAULTS: Final[Sequence[Fault]] = (
    *kills.FAULTS,
    *broker_faults.FAULTS,
    *store_faults.FAULTS,
    *disk_faults.FAULTS,
    *clock_faults.FAULTS,
    *payload_faults.FAULTS,
    *collector_faults.FAULTS,
)
"""Those last that make devices speak once which then stay silent: many of them, and an outage would never be over."""
SETTLE_S: Final = 60.0
"""The recorder waits at most 30 s between two attempts, the collector as long."""


@dataclass(frozen=True)
class Round:
    """A fault and what came of it."""

    fault: str
    account: Account
    kills: int
    took_s: float
    complaints: tuple[str, ...]
    """Where the answer was not the designed one, and what the account remarks."""

    @property
    def good(self) -> bool:
        kept = self.account.lost == self.account.doubled == 0
        return kept and self.account.alerts_equal and self.account.ledger_balanced and not self.complaints


def run_rounds(faults: Iterable[Fault], size: Size, seed: int, folder: Path) -> Iterator[Round]:
    """Strike with each fault in turn. After a bad round the next begins in a yard of its own.

    At the end of a yard `haulwatch replay` and `haulwatch ledger` are asked as well; what they say is a complaint of
    its last round. Raises pytest's Skipped if a server is not installed.
    """
    dice, yards = random.Random(seed), count(1)
    waiting = list(faults)
    with running_servers(folder / "store") as servers:
        while waiting:
            with ExitStack() as over:
                yard = Yard(folder / f"yard-{next(yards)}", servers, dice)
                over.callback(yard.close)
                yard.open()
                accounts, good = Accounts(yard), True
                while waiting and good:
                    done = _round(waiting.pop(0), yard, accounts, size)
                    good = done.good
                    if good and not waiting:
                        done = _confirmed(done, yard)
                    yield done


def _round(fault: Fault, yard: Yard, accounts: Accounts, size: Size) -> Round:
    began, kills_before, complaints = time.monotonic(), yard.kills, []
    accounts.begin()
    yard.unjudged = range(0)
    yard.stream.begin()
    try:
        fault.strike(yard, size)
    except (Complaint, TimeoutError, pytest.fail.Exception) as exc:
        complaints.append(str(exc))
    yard.stream.finish()
    complaints += yard.mend()
    if not yard.stream.wait_acknowledged(SETTLE_S):
        complaints.append("the broker has not acknowledged everything")
    if (missing := accounts.settled(SETTLE_S)) is not None:
        complaints.append(f"not settled: {missing}")
    account = accounts.account(yard.stream.sent, yard.stream.start_ms, yard.stream.end_ms)
    said = (*complaints, *account.remarks)
    return Round(fault.name, account, yard.kills - kills_before, time.monotonic() - began, said)


def _confirmed(done: Round, yard: Yard) -> Round:
    """The commands people would ask agree."""
    yard.stop("collect")  # so that the log stands still
    answers = (yard.run(command, "--json") for command in ("ledger", "replay"))
    said = [f"{answer.args[-2]}: {answer.stdout}{answer.stderr}" for answer in answers if answer.returncode != 0]
    return Round(done.fault, done.account, done.kills, done.took_s, (*done.complaints, *said))
