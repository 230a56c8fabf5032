"""The closing rate, counted against a count by hand of every case."""

from itertools import product
from typing import Any

import pytest

from rules.cases.actions import Close, Reopen
from rules.cases.indicators import _percent
from rules.cases.model import CaseKind, CaseOutcome, NewCase
from rules.cases.store import CaseStore

NOW = 1_790_000_000_000
DAY = 86_400_000
DUE = NOW + 10 * DAY
ASKED_AT = NOW + 20 * DAY


def opened(store: CaseStore, at: int = NOW, kind: CaseKind = CaseKind.REPORT, deadline: int = DUE) -> str:
    return store.open_case(NewCase(kind=kind, title="x", deadline=deadline), "li", at).case.number


def closed(store: CaseStore, number: str, at: int, version: int, outcome: str = "no_action") -> None:
    store.act(number, Close(actor="li", at=at, version=version, outcome=CaseOutcome(outcome), reason="x"))


def figures(found: Any) -> tuple[Any, ...]:
    names = ("opened", "closed", "closed_in_time", "overdue", "duplicates", "closing_rate_pct", "in_time_rate_pct")
    return tuple(getattr(found, name) for name in names)


def test_the_figures_are_those_of_a_count_by_hand(store: CaseStore) -> None:
    closed(store, opened(store), DUE, 1)  # in time, to the last instant
    closed(store, opened(store), DUE + 1, 1)  # late
    opened(store)  # overdue
    opened(store, deadline=ASKED_AT)  # not due yet
    closed(store, opened(store), NOW + 1, 1, "duplicate")  # counts nowhere else
    again = opened(store, kind=CaseKind.MANUAL)
    closed(store, again, NOW + 1, 1)
    store.act(again, Reopen(actor="li", at=NOW + 2, version=2, reason="x", deadline=ASKED_AT + DAY))  # open again
    twice = opened(store, kind=CaseKind.MANUAL)
    closed(store, twice, NOW + 1, 1)
    store.act(twice, Reopen(actor="li", at=NOW + 2, version=2, reason="x", deadline=DUE + DAY))
    closed(store, twice, DUE + DAY, 3)  # in time by its last deadline
    opened(store, at=NOW - 1)  # before the span
    opened(store, at=NOW + DAY)  # after it
    found = store.indicators(NOW, NOW + DAY, ASKED_AT)
    assert figures(found) == (6, 3, 2, 1, 1, 50.0, 50.0)
    assert figures(found.by_kind[CaseKind.REPORT]) == (4, 2, 1, 1, 1, 50.0, 33.3)
    assert figures(found.by_kind[CaseKind.MANUAL]) == (2, 1, 1, 0, 0, 50.0, 100.0)
    assert figures(found.by_kind[CaseKind.ALERT]) == (0, 0, 0, 0, 0, None, None)
    assert (found.start, found.end, found.at) == (NOW, NOW + DAY, ASKED_AT)


def test_the_closing_rate_of_nothing_is_none(store: CaseStore) -> None:
    assert figures(store.indicators(NOW, NOW + DAY, ASKED_AT)) == (0, 0, 0, 0, 0, None, None)


@pytest.mark.parametrize(("part", "whole"), [*product(range(4), range(3, 5)), (1_999, 2_000), (99_999, 100_000)])
def test_a_hundred_percent_is_all_of_them(part: int, whole: int) -> None:
    """1,999 of 2,000 are 99.95 %, which must not read as the target reached."""
    found = _percent(part, whole)
    assert found is not None
    assert (found == 100.0) == (part == whole)
    assert abs(found - 100 * part / whole) <= 0.1
