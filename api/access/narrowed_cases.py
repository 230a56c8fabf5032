"""Cases as somebody sees them who may not see all of them (`rules.cases.model.CaseScope`)."""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from api.case_ports import Cases
from api.ports import Journal
from rules.alerts.actions import UnknownAlert
from rules.cases.actions import AddAlerts, CaseAction, Change
from rules.cases.indicators import Indicators
from rules.cases.model import (
    AlertTaken,
    CaseDetail,
    CaseFilter,
    CaseKind,
    CasePage,
    CaseRefused,
    CaseScope,
    NewCase,
    UnknownCase,
)

_ONE_OF_YOURS = (
    "name one of your districts: without one a case that holds no alert, or is of a report, is seen by those of the "
    "whole city only"
)


class NarrowedCases:
    """Stands for the port of cases. A case outside the scope is unknown, as one that never was."""

    def __init__(self, cases: Cases, journal: Journal, scope: Callable[[], CaseScope]) -> None:
        """`journal`: narrowed likewise."""
        self._cases, self._journal, self._scope = cases, journal, scope

    def open_case(self, new: NewCase, actor: str, at: int) -> CaseDetail:
        scope = self._scope()
        if scope.is_of_haulier and (new.kind is CaseKind.REPORT or not new.alerts):
            raise CaseRefused("alerts", "name alerts of your trucks: a case without any concerns more than you may see")
        self._check_district(scope, new.district, needs_one=not new.alerts or new.kind is CaseKind.REPORT)
        self._check_alerts(new.alerts)
        try:
            return self._cases.open_case(new, actor, at)
        except AlertTaken as exc:
            self._taken(exc, at)

    def act(self, number: str, action: CaseAction) -> CaseDetail:
        scope = self._scope()
        before = self._cases.case(number, action.at, scope)
        if before is None:
            raise UnknownCase(f"no case {number!r}")
        if isinstance(action, AddAlerts):
            self._check_alerts(action.alerts)
        if isinstance(action, Change) and "district" in action.change.model_fields_set:
            needs_one = not before.case.alerts or before.case.kind is CaseKind.REPORT
            self._check_district(scope, action.change.district, needs_one=needs_one)
        try:
            self._cases.act(number, action)
        except AlertTaken as exc:
            self._taken(exc, action.at)
        after = self._cases.case(number, action.at, scope)
        if after is None:  # somebody who sees more made it a case of others meanwhile
            raise UnknownCase(f"no case {number!r}")
        return after

    def case(self, number: str, now: int, scope: CaseScope | None = None) -> CaseDetail | None:
        del scope
        return self._cases.case(number, now, self._scope())

    def cases(self, where: CaseFilter, now: int, *, limit: int, before: str | None = None) -> CasePage:
        return self._cases.cases(replace(where, scope=self._scope()), now, limit=limit, before=before)

    def indicators(self, start: int, end: int, now: int, scope: CaseScope | None = None) -> Indicators:
        del scope
        return self._cases.indicators(start, end, now, self._scope())

    def _check_alerts(self, alert_ids: tuple[str, ...]) -> None:
        for alert_id in alert_ids:
            if self._journal.alert(alert_id) is None:
                raise UnknownAlert(f"no alert {alert_id!r}")

    @staticmethod
    def _check_district(scope: CaseScope, district: str | None, *, needs_one: bool) -> None:
        if district is None and not needs_one:
            return
        if scope.districts is not None and district not in scope.districts:
            raise CaseRefused("district", _ONE_OF_YOURS)

    def _taken(self, taken: AlertTaken, now: int) -> NoReturn:
        """Raise it again, without the number of a case that may not be seen."""
        is_seen = taken.number is not None and self._cases.case(taken.number, now, self._scope()) is not None
        raise AlertTaken(taken.alert_id, taken.number if is_seen else None) from None
