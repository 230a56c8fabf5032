"""Reports and their cases: the case that a report opens, and the one that it leaves for another.

Both in the transaction of the report, which has waited for its turn (`rules.cases.writing.wait_for_turn`).
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from rules.alerts.model import Text
from rules.cases import writing as cases
from rules.cases.actions import Close
from rules.cases.deadlines import Terms
from rules.cases.model import CaseKind, CaseOutcome, CaseState, EventKind, NewCase, UnknownCase
from rules.cases.tables import case_file
from rules.public_reports.model import Category, Channel, NewReport, Report, number_of

BY_THE_FORM: Final = "public report"
"""Stands as the person who opened the case of a form. No account can have this name, since it has a space."""
CATEGORIES: Final[dict[Category, Text]] = {
    Category.DUMPING: Text(en="illegal dumping", zh="非法倾倒"),
    Category.OVERFLOW: Text(en="overflowing bins", zh="垃圾满溢"),
    Category.SMELL: Text(en="smell", zh="异味"),
    Category.NOISE: Text(en="noise", zh="噪声"),
    Category.UNCOVERED_LOAD: Text(en="uncovered load", zh="未密闭"),
    Category.OTHER: Text(en="other", zh="其他"),
}
_CHANNELS: Final[dict[Channel, Text]] = {
    Channel.HOTLINE: Text(en="hotline", zh="热线"),
    Channel.WEB: Text(en="web form", zh="网页"),
    Channel.QR: Text(en="QR code", zh="二维码"),
}
_WENT: Final = "并入其他案件 joined to another case"
"""Why the case that is left is closed, for everybody who sees it: no number, and nothing that somebody wrote."""


@dataclass(frozen=True, slots=True)
class Joining:
    """Who said that a report is about the same as a case, and why."""

    actor: str
    at: int
    reason: str


def open_case_of(connection: Connection, report_no: int, new: NewReport, terms: Terms) -> str:
    """Open the case of a new report; return its number."""
    category, channel = CATEGORIES[new.category], _CHANNELS[new.channel]
    case = NewCase(
        kind=CaseKind.REPORT,
        title=f"公众举报：{category.zh} Public report: {category.en}",
        lat=new.lat,
        lon=new.lon,
        address=new.address or None,
        district=new.district,
        happened_from=new.seen_at,
        happened_until=new.seen_at,
        reason=f"{number_of(report_no)} {channel.zh} {channel.en}",
    )
    return cases.open_case(connection, case, new.received_by or BY_THE_FORM, new.received_at, terms)


def leave_case(
    connection: Connection, report: Report, to_case: str, joining: Joining, terms: Terms, *, close: bool
) -> None:
    """Note in both cases that a report went from the one to the other, and close the one that it left if `close`.

    Each case names the other in details that are shown to who may see it. Raises UnknownCase, CaseRefused.
    """
    if _state(connection, to_case) is None:
        raise UnknownCase(f"no case {to_case!r}")
    for number, kind, other in (
        (to_case, EventKind.REPORT_JOINED, report.case_number),
        (report.case_number, EventKind.REPORT_LEFT, to_case),
    ):
        detail = {"report": report.number, "case": other, "because": joining.reason}
        cases.add_event(connection, number, kind, joining.actor, joining.at, detail=detail)
    found = _state(connection, report.case_number)
    if close and found is not None and found[0] is not CaseState.CLOSED:
        closing = Close(
            actor=joining.actor, at=joining.at, version=found[1], outcome=CaseOutcome.DUPLICATE, reason=_WENT
        )
        cases.act(connection, report.case_number, closing, terms)


def _state(connection: Connection, number: str) -> tuple[CaseState, int] | None:
    """State and version of a case; None where there is none."""
    row = connection.execute(select(case_file.c.state, case_file.c.version).where(case_file.c.number == number)).first()
    return None if row is None else (CaseState(row.state), row.version)
