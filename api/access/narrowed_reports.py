"""Reports of the public as somebody sees them who may see some districts only."""

from collections.abc import Sequence
from dataclasses import replace

from api.http.problems import ProblemKind, RequestRefused
from api.report_ports import Reports
from devices.people.model import Visibility
from rules.public_reports.model import NewReport, Report, UnknownReport, no_of, number_of
from rules.public_reports.store import Receipt, ReportFilter, Sealer, Submission


class NarrowedReports:
    """Reports whose cases lie in these districts. Those without a district are for who sees the whole city.

    No haulier's people see or add any: a report may show who sent it, and is about nobody yet.
    """

    def __init__(self, reports: Reports, visibility: Visibility) -> None:
        self._reports = reports
        self._is_of_haulier = visibility.hauliers is not None
        self._districts = frozenset() if self._is_of_haulier else visibility.districts or frozenset()

    def add(self, new: NewReport, *, submission: Submission | None = None, seal: Sealer | None = None) -> Receipt:
        """Whoever answers the telephone takes what is said, wherever it was. Raises RequestRefused."""
        if self._is_of_haulier:
            raise RequestRefused(
                ProblemKind.FORBIDDEN, "Who sees some hauliers only takes no reports: give the call to the hotline."
            )
        return self._reports.add(new, submission=submission, seal=seal)

    def report(self, no: int) -> Report:
        report = self._reports.report(no)
        if report.district not in self._districts:
            raise UnknownReport(f"no report {number_of(no)}")
        return report

    def sees(self, number: str) -> bool:
        """Whether the report of this number may be seen."""
        try:
            return (no := no_of(number)) is not None and self.report(no) is not None
        except UnknownReport:
            return False

    def reports(self, where: ReportFilter, *, limit: int, before: int | None = None) -> Sequence[Report]:
        wanted = self._districts if where.districts is None else self._districts & where.districts
        return self._reports.reports(replace(where, districts=wanted), limit=limit, before=before)

    def by_code(self, no: int, code: str) -> Report | None:
        return self._reports.by_code(no, code)

    def join(self, no: int, to_case: str, *, actor: str, at: int, reason: str) -> Report:
        self.report(no)
        return self._reports.join(no, to_case, actor=actor, at=at, reason=reason)
