"""Ports: what the API needs for reports of the public; a part of `api.ports`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rules.public_reports.model import Informant, NewReport, Report
from rules.public_reports.store import Receipt, ReportFilter, Sealer, Submission


class Reports(Protocol):
    """`rules.public_reports.store.ReportStore`. Synchronous; every method may raise DatabaseError."""

    def add(self, new: NewReport, *, submission: Submission | None = None, seal: Sealer | None = None) -> Receipt:
        """Raises ReportRefused, TooManyReports, NoInformantKey."""

    def report(self, no: int) -> Report:
        """Raises UnknownReport."""

    def reports(self, where: ReportFilter, *, limit: int, before: int | None = None) -> Sequence[Report]:
        """The newest first; those with a number below `before`."""

    def by_code(self, no: int, code: str) -> Report | None: ...

    def join(self, no: int, to_case: str, *, actor: str, at: int, reason: str) -> Report:
        """Let a report be about the same as a case. Raises UnknownReport, UnknownCase, CaseRefused, ReportRefused."""


class Informants(Protocol):
    """`rules.public_reports.informants.Informants`. Synchronous; every method may raise DatabaseError."""

    @property
    def may_be_kept(self) -> bool:
        """Whether there is a key to seal with. Raises BadInformantKey."""

    def sealer(self, informant: Informant) -> Sealer: ...

    def open(self, report_no: int) -> Informant:
        """Raises NoInformant, NoInformantKey, BadInformantKey, Unsealable."""

    def erase(self, report_no: int) -> bool:
        """Return whether there was anything to erase."""

    def erase_before(self, received_before: int) -> int:
        """Erase those of reports that came before this time, ms; return how many."""


@dataclass(frozen=True)
class PublicReports:
    """Reports of the public and who sent them."""

    reports: Reports
    informants: Informants


@dataclass(frozen=True)
class ReportOptions:
    """How the public may report."""

    form: bool = False
    """True: everybody may use the form at /report."""
    public_url: str | None = None
    """Where the public reaches the form, without a slash at the end. None: there are no QR codes."""
    office: str = ""
    """Who receives the reports; empty: the city."""
    hotline: str = ""
    max_per_day: int = 500
    per_address: int = 10
    """Reports by the form from one address within an hour."""
    informant_keep_days: int = 180
