"""Reports in the registry's database: each becomes a case in the transaction in which it is kept.

Synchronous. Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, RowMapping, Select, func, insert, select, update

from devices.db.database import transaction
from devices.readings.instants import DAY_MS
from rules.cases import writing as cases
from rules.cases.deadlines import Terms
from rules.cases.model import CaseOutcome, CaseState
from rules.cases.tables import case_file
from rules.public_reports import codes
from rules.public_reports.joining import Joining, leave_case, open_case_of
from rules.public_reports.model import (
    Category,
    Channel,
    NewReport,
    Report,
    ReportLanguage,
    ReportRefused,
    TooManyReports,
    UnknownReport,
    number_of,
)
from rules.public_reports.progress import progress_of
from rules.public_reports.tables import public_report as table
from rules.public_reports.tables import public_report_informant as informant_table

_HAS_INFORMANT: Final = (
    select(informant_table.c.report_no).where(informant_table.c.report_no == table.c.no).exists().label("has_informant")
)
_HIDDEN: Final = frozenset({"code_hash", "submission"})


class Sealer(Protocol):
    """Seals an informant for a report, in its transaction (`rules.public_reports.informants`)."""

    def __call__(self, connection: Connection, report_no: int, at: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Submission:
    """A form that was sent: what is sent twice is kept once."""

    id: str
    """Of the form and what was filled in: any text that nothing else that was sent has."""
    code: str
    """Follows from the same, so that the second answer says the same as the first."""
    max_per_day: int
    """Reports by the form in all within 24 h. Beyond it TooManyReports is raised."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the informant gets."""

    report: Report
    code: str
    """Secret; only its hash is kept."""


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Selects reports; an empty field selects all. `start` inclusive and `end` exclusive, of `received_at`."""

    case_number: str | None = None
    category: Category | None = None
    site_id: str | None = None
    start: int | None = None
    end: int | None = None
    districts: frozenset[str] | None = None
    """Only those whose case lies in one of these districts: what somebody may see."""


class ReportStore:
    """Reports without their informants."""

    def __init__(self, engine: Engine, terms: Callable[[], Terms]) -> None:
        """`terms`: of cases. Asked for each report."""
        self._engine, self._terms = engine, terms

    def close(self) -> None:
        self._engine.dispose()

    def add(self, new: NewReport, *, submission: Submission | None = None, seal: Sealer | None = None) -> Receipt:
        """Keep a report, open its case and seal its informant: all of it or nothing.

        Raises ReportRefused, TooManyReports, and what `seal` raises.
        """
        new.check_time()
        code, terms = codes.new_code() if submission is None else submission.code, self._terms()
        with transaction(self._engine) as connection:
            cases.wait_for_turn(connection)  # reports are numbered and counted one after the other too
            if submission is not None:
                if (earlier := _sent_before(connection, submission)) is not None:
                    return Receipt(earlier, code)
                _check_day(connection, submission, new.received_at)
            no = _next_no(connection)
            values = new.model_dump(mode="json", exclude={"district"}) | {
                "no": no,
                "case_number": open_case_of(connection, no, new, terms),
                "code_hash": codes.hash_of(no, code),
                "submission": None if submission is None else _hash(submission.id),
            }
            connection.execute(insert(table).values(values))
            if seal is not None:
                seal(connection, no, new.received_at)
            return Receipt(_one(connection, no), code)

    def report(self, no: int) -> Report:
        """Raises UnknownReport."""
        with transaction(self._engine) as connection:
            return _one(connection, no)

    def reports(self, where: ReportFilter, *, limit: int, before: int | None = None) -> Sequence[Report]:
        """The newest first; those with a number below `before`."""
        query = _query().order_by(table.c.no.desc()).limit(limit)
        for condition in _conditions(where):
            query = query.where(condition)
        if before is not None:
            query = query.where(table.c.no < before)
        with transaction(self._engine) as connection:
            return [_report(row) for row in connection.execute(query).mappings()]

    def by_code(self, no: int, code: str) -> Report | None:
        """The report, for who has its secret code; None for a wrong code and for a number that no report has."""
        with transaction(self._engine) as connection:
            found = connection.execute(select(table.c.code_hash).where(table.c.no == no)).scalar_one_or_none()
            is_right = codes.is_code(no, code, found or "")
            return _one(connection, no) if is_right else None

    def join(self, no: int, to_case: str, *, actor: str, at: int, reason: str) -> Report:
        """Let a report belong to another case, which is about the same.

        The case that it leaves is closed as a duplicate, unless another report is left in it. Raises UnknownReport,
        UnknownCase, CaseRefused (the case that it leaves holds alerts), ReportRefused.
        """
        terms = self._terms()
        with transaction(self._engine) as connection:
            cases.wait_for_turn(connection)
            report = _one(connection, no)
            if report.case_number == to_case:
                raise ReportRefused("case", f"report {report.number} belongs to case {to_case} already")
            connection.execute(update(table).where(table.c.no == no).values(case_number=to_case))
            others = select(func.count()).where(table.c.case_number == report.case_number)
            left_alone = connection.execute(others).scalar_one() == 0
            leave_case(connection, report, to_case, Joining(actor, at, reason), terms, close=left_alone)
            return _one(connection, no)


def _next_no(connection: Connection) -> int:
    """Reports are never removed, so the highest number is the newest."""
    return int(connection.execute(select(func.coalesce(func.max(table.c.no), 0))).scalar_one()) + 1


def _sent_before(connection: Connection, submission: Submission) -> Report | None:
    row = connection.execute(_query().where(table.c.submission == _hash(submission.id))).mappings().first()
    return None if row is None else _report(row)


def _check_day(connection: Connection, submission: Submission, now: int) -> None:
    by_form = select(func.count()).where(table.c.received_at > now - DAY_MS, table.c.channel != Channel.HOTLINE)
    if connection.execute(by_form).scalar_one() >= submission.max_per_day:
        raise TooManyReports(
            f"the form took {submission.max_per_day} reports within a day: look whether they are earnest; "
            "HAULWATCH_REPORT_MAX_PER_DAY is the limit"
        )


def _query() -> Select[Any]:
    shown = [column for column in table.c if column.name not in _HIDDEN]
    of_case = (case_file.c.district, case_file.c.state, case_file.c.outcome)
    return select(*shown, *of_case, _HAS_INFORMANT).join(case_file, case_file.c.number == table.c.case_number)


def _one(connection: Connection, no: int) -> Report:
    row = connection.execute(_query().where(table.c.no == no)).mappings().first()
    if row is None:
        raise _unknown(no)
    return _report(row)


def _unknown(no: int) -> UnknownReport:
    return UnknownReport(f"no report {number_of(no)}: GET /api/v1/reports lists them")


def _report(row: RowMapping) -> Report:
    values = dict(row)
    state, outcome = values.pop("state"), values.pop("outcome")
    values |= {
        "progress": progress_of(CaseState(state), None if outcome is None else CaseOutcome(outcome)),
        "channel": Channel(row["channel"]),
        "category": Category(row["category"]),
        "language": ReportLanguage(row["language"]),
        "has_informant": bool(row["has_informant"]),
    }
    return Report(**values)


def _conditions(where: ReportFilter) -> list[Any]:
    conditions: list[Any] = []
    if where.case_number is not None:
        conditions.append(table.c.case_number == where.case_number)
    if where.category is not None:
        conditions.append(table.c.category == where.category)
    if where.site_id is not None:
        conditions.append(table.c.site_id == where.site_id)
    if where.start is not None:
        conditions.append(table.c.received_at >= where.start)
    if where.end is not None:
        conditions.append(table.c.received_at < where.end)
    if where.districts is not None:
        conditions.append(case_file.c.district.in_(where.districts))
    return conditions


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
