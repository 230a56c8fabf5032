"""Ports: cases, as the API needs them; a part of `api.ports`."""

from typing import Protocol

from rules.cases.actions import CaseAction
from rules.cases.indicators import Indicators
from rules.cases.model import CaseDetail, CaseFilter, CasePage, CaseScope, NewCase


class Cases(Protocol):
    """`rules.cases.store.CaseStore`. Synchronous; every method may raise DatabaseError.

    `now`: wall clock, ms; by it cases are overdue. `scope`: only cases within it; None: all.
    """

    def open_case(self, new: NewCase, actor: str, at: int) -> CaseDetail:
        """Raises CaseRefused, UnknownAlert, AlertTaken."""

    def act(self, number: str, action: CaseAction) -> CaseDetail:
        """Raises UnknownCase, OutdatedCase, WrongState, CaseRefused, UnknownAlert, AlertTaken."""

    def case(self, number: str, now: int, scope: CaseScope | None = None) -> CaseDetail | None: ...

    def cases(self, where: CaseFilter, now: int, *, limit: int, before: str | None = None) -> CasePage:
        """A page of cases, newest first. Raises InvalidCursor."""

    def indicators(self, start: int, end: int, now: int, scope: CaseScope | None = None) -> Indicators:
        """Figures of the cases that were opened from `start` until before `end`."""
