"""When the files of an alert or case may go: once a person closed it, and no open case holds the alert."""

from pathlib import Path

from haulwatch import migrations
from haulwatch.settings.data_files import retention_clock_path
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_attachments, open_journal
from haulwatch.wiring.desk.attachments import closed_at_of, look_at_attachments, upkeep_of
from haulwatch.wiring.desk.cases import open_cases
from haulwatch.wiring.desk.reports import open_public_reports
from rules.alerts.actions import Close, Outcome
from rules.attachments.model import Owner, OwnerKind
from rules.cases.actions import Close as CloseCase
from rules.cases.model import CaseKind, CaseOutcome, NewCase
from rules.public_reports.model import Category, Channel, NewReport
from tests.api.fakes import NOW, change
from tests.closing import closed_later
from tests.rules.attachments.pictures import document

DAY = 86_400_000
REPORT = NewReport(
    channel=Channel.WEB, category=Category.DUMPING, text="A truck tips", seen_at=NOW, address="East road",
    received_at=NOW,
)  # fmt: skip
ALERT = Owner(OwnerKind.ALERT, change().alert_id)


def test_files_go_by_the_clock_of_retention_once_alert_and_case_are_closed(tmp_path: Path) -> None:
    settings = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_ATTACHMENT_KEEP_DAYS": "30"})
    migrations.upgrade(settings.database_url.get_secret_value())
    journal, store = closed_later(open_journal(settings)), closed_later(open_attachments(settings))
    journal.record([change()], NOW)
    store.put(ALERT, "a.pdf", [document()], "li", NOW)
    zone = "Asia/Shanghai"
    with open_cases(settings, lambda: zone) as cases, open_public_reports(settings, lambda: zone) as public:
        closed_at = closed_at_of(journal, cases, public.reports)
        assert closed_at(ALERT) is None
        case = cases.open_case(NewCase(kind=CaseKind.ALERT, title="x", alerts=(ALERT.id,)), "li", NOW).case
        own = Owner(OwnerKind.CASE, case.number)
        journal.act(ALERT.id, Close(actor="li", at=NOW + 1, outcome=Outcome.NO_ACTION))
        assert (closed_at(ALERT), closed_at(own)) == (None, None), "its case is open"
        closing = CloseCase(actor="li", at=NOW + 2, version=case.version, outcome=CaseOutcome.NO_ACTION, reason="x")
        cases.act(case.number, closing)
        assert (closed_at(ALERT), closed_at(own)) == (NOW + 1, NOW + 2)
        told = public.reports.add(REPORT).report
        photos = Owner(OwnerKind.REPORT, told.number)
        assert closed_at(photos) is None
        its_case = cases.case(told.case_number, NOW)
        assert its_case is not None
        cases.act(told.case_number, closing.model_copy(update={"at": NOW + 3, "version": its_case.case.version}))
        assert (closed_at(photos), closed_at(Owner(OwnerKind.REPORT, "R-000999"))) == (NOW + 3, None)
        upkeep = upkeep_of(settings, store, journal, cases, public.reports)
        upkeep.step()
        assert look_at_attachments(settings).attachments == 1, "no recorder has run, so nothing grows old"
        retention_clock_path(settings).write_text(str(NOW + 1 + 30 * DAY))
        upkeep.step()
    assert look_at_attachments(settings).attachments == 0
    assert [one.is_removed for one in store.attachments(ALERT)] == [True]
