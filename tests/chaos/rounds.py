"""Rounds: one fault after the other, each with its account."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.accounts import Account, Accounts
from tests.chaos.bystanders import Delays
from tests.chaos.faults import Fault, Size
from tests.chaos.kinds import (
    broker_faults,
    clock_faults,
    collector_faults,
    deployed_faults,
    disk_faults,
    flood_faults,
    kills,
    payload_faults,
    restored_faults,
    store_faults,
)
from tests.chaos.yard import Complaint, Yard, running_servers

FAULTS: Final[Sequence[Fault]] = (
    Fault("none", lambda yard, size: yard.rest(size.outage_s, size.outage_s)),
    *kills.FAULTS,
    *broker_faults.FAULTS,
    *store_faults.FAULTS,
    *disk_faults.FAULTS,
    *restored_faults.CACHES,
    *clock_faults.FAULTS,
    *payload_faults.FAULTS,
    *collector_faults.FAULTS,
    *flood_faults.FAULTS,
    *deployed_faults.FAULTS,
    *disk_faults.ON_A_SMALL_DISK,
    *clock_faults.ENDING,
    *restored_faults.ENDING,
)
"""Faults whose devices send once and then stay silent come last: many such devices, and an outage would never end."""
PROCESSING_LIMIT_S: Final = 300.0
"""Recorder and collector wait at most 30 s between two attempts; a busy machine takes longer to work off the rest."""


@dataclass(frozen=True)
class Round:
    """A fault and its result."""

    fault: str
    account: Account
    kills: int
    took_s: float
    bystanders: Delays
    by_hand: int
    """Commands that a person had to give before all was as it should be."""
    complaints: tuple[str, ...]
    """Answers that were not the designed ones, and the remarks of the account."""

    @property
    def good(self) -> bool:
        kept = self.account.lost == self.account.doubled == 0
        return kept and self.account.alerts_equal and self.account.ledger_balanced and not self.complaints


def run_rounds(faults: Iterable[Fault], size: Size, seed: int, folder: Path) -> Iterator[Round]:
    """Run each fault in turn. After a bad round the next one begins in a new yard.

    After the last round of a yard `haulwatch replay` and `haulwatch ledger` are run as well; a failure is a complaint
    of that round. Raises pytest's Skipped if a server is not installed.
    """
    dice, yards = random.Random(seed), count(1)
    waiting = list(faults)
    with running_servers(folder / "store") as servers:
        while waiting:
            with ExitStack() as resources:
                kind = waiting[0].yard
                yard = kind(folder / f"yard-{next(yards)}", servers, dice)
                resources.callback(yard.close)
                yard.open()
                accounts, good = Accounts(yard), True
                while waiting and good and waiting[0].yard is kind:
                    fault = waiting.pop(0)
                    done = _round(fault, yard, accounts, size)
                    good = done.good and not fault.last
                    if good and not (waiting and waiting[0].yard is kind):
                        done = _confirmed(done, yard)
                    yield done


def _round(fault: Fault, yard: Yard, accounts: Accounts, size: Size) -> Round:
    began, kills_before, complaints = time.monotonic(), yard.kills, []
    accounts.begin()
    yard.begin()
    try:
        fault.strike(yard, size)
    except (Complaint, TimeoutError, pytest.fail.Exception) as exc:
        complaints.append(str(exc))
    yard.stream.finish()
    complaints += yard.restart_ended()
    if not yard.stream.wait_acknowledged(PROCESSING_LIMIT_S):
        complaints.append("the broker has not acknowledged everything")
    if (missing := accounts.wait_processed(PROCESSING_LIMIT_S)) is not None:
        complaints.append(f"not processed: {missing}")
    account = accounts.account(yard.stream.sent, yard.stream.start_ms, yard.stream.end_ms)
    delays = yard.listener.delays(yard.stream, yard.apart)
    return Round(
        fault.name,
        account,
        yard.kills - kills_before,
        time.monotonic() - began,
        delays,
        yard.by_hand,
        (*complaints, *account.remarks),
    )


def _confirmed(done: Round, yard: Yard) -> Round:
    """Add a complaint for each command that finds an error."""
    yard.stop("collect")  # so that the log does not grow
    commands = (yard.run(command, "--json") for command in ("ledger", "replay"))
    failures = [f"{done.args[-2]}: {done.stdout}{done.stderr}" for done in commands if done.returncode != 0]
    return replace(done, complaints=(*done.complaints, *failures))
