"""Since when the ledger is balanced: the clock of its reader, at the reading that saw it change."""

from collections.abc import Iterator

import pytest

from haulwatch.process.balance import WatchedBalance
from ingest.ledger.report import DeviceLedgerLine, Ledger, LedgerLine
from ingest.ledger.state_file import StateUnavailable


def ledger(received: int) -> Ledger:
    line = DeviceLedgerLine(device="truck-1", received=received, stored=5)
    return Ledger(total=LedgerLine(received=received, stored=5), devices=(line,), exact=True)


def test_the_instant_stays_until_the_equation_ceases_to_hold() -> None:
    received, clock = iter([5, 5, 6, 6, 5]), iter([100, 200, 300])
    watched = WatchedBalance(lambda: ledger(next(received)), lambda: next(clock))
    found = [watched() for _ in range(5)]
    assert [(one.balanced, one.since) for one in found] == [
        (True, 100), (True, 100), (False, 200), (False, 200), (True, 300),
    ]  # fmt: skip


def test_a_part_of_the_ledger_has_no_instant_and_the_file_format_none_either() -> None:
    whole = WatchedBalance(lambda: ledger(5), lambda: 100)()
    assert whole.of_devices(["truck-1"]).since is None
    assert "since" not in whole.model_dump()


def test_a_ledger_that_cannot_be_read_changes_nothing() -> None:
    answers: Iterator[Ledger | Exception] = iter([ledger(5), StateUnavailable("away"), ledger(5)])

    def read() -> Ledger:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    clock = iter([100])
    watched = WatchedBalance(read, lambda: next(clock))
    assert watched().since == 100
    with pytest.raises(StateUnavailable):
        watched()
    assert watched().since == 100
