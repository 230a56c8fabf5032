"""The users of recorder, judge and API in a real PostgreSQL: what each may do, and that it may do no more."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.model import Device, DeviceRole
from devices.commands.model import Command, CommandKind
from devices.commands.store import CommandStore
from devices.db.database import DatabaseMisconfigured, open_database, transaction
from devices.db.registry import Registry
from devices.db.versions import StoredVersion
from devices.readings.models import Weighing
from haulwatch import migrations
from haulwatch.cli import command_line
from haulwatch.wiring.database_roles import NoRoles, grant
from haulwatch.wiring.desk.weighings import move_manifest
from ingest.notices.notice import Climb, Kind, NewNotice
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.retention import NoticeRetention
from ingest.notices.rule_store import NoticeRuleStore
from rules.alerts.actions import Acknowledge, AlertFilter, Close, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import NewShelf, ShelfStore
from rules.attachments.files import AttachmentFiles
from rules.attachments.inspection import inspect
from rules.attachments.model import Limits, Owner, OwnerKind, Removal
from rules.attachments.store import AttachmentStore
from rules.cases.actions import Close as CloseCase
from rules.cases.actions import RemoveAlert, Reopen
from rules.cases.model import CaseKind, CaseOutcome, NewCase
from rules.cases.store import CaseStore
from rules.public_reports.informants import Informants
from rules.public_reports.model import Informant
from rules.public_reports.sealing import NO_KEYS
from rules.public_reports.store import ReportStore
from rules.suspected_sites.model import ProposalState
from rules.suspected_sites.store import ProposalStore
from rules.weighing.model import Decision, SessionFilter
from rules.weighing.store import SessionStore
from tests.api.fakes import NOW, change
from tests.closing import closed_later
from tests.haulwatch.wiring.roles.as_process import PROCESSES, of_role, refused
from tests.rules.attachments.pictures import photo
from tests.rules.cases.conftest import TERMS
from tests.rules.public_reports.test_model import new as new_report
from tests.rules.suspected_sites.test_store import PIT, accepted

pytestmark = pytest.mark.real


@pytest.fixture
def journal_of(url: str) -> Iterator[Callable[[str], AlertJournal]]:
    engines = []

    def journal(process: str) -> AlertJournal:
        engines.append(open_database(of_role(url, process)))
        return AlertJournal(engines[-1])

    yield journal
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("process", PROCESSES)
def test_each_reads_the_city_and_its_schema_and_changes_neither(url: str, process: str) -> None:
    registry = Registry(of_role(url, process))
    assert len(registry.load_city().devices) > 50
    with pytest.raises(DatabaseMisconfigured, match=r"permission denied.*owner of the tables"):
        registry.import_city(replace(read_city(JINCHENG), name="Another"))
    registry.close()
    assert migrations.current(of_role(url, process)) == migrations.head()
    for statement in (
        "DELETE FROM device",
        "UPDATE device SET district = NULL",
        "CREATE TABLE mine (n int)",
        "DROP TABLE alert",
        "DELETE FROM alert_change",
        "UPDATE alert_change SET recorded_at = 0",
        "UPDATE alert_action SET at = 0",
        "SELECT secret_hash FROM login",
        "UPDATE login SET enabled = true",
        "CREATE ROLE another",
    ):
        assert refused(url, process, statement), statement


def test_the_judge_writes_alerts_and_the_api_acts_on_them(url: str, journal_of: Callable[[str], AlertJournal]) -> None:
    judge, api = journal_of("judge"), journal_of("serve")
    judge.record([change()], recorded_at=NOW)
    judge.record([change(revision=2)], recorded_at=NOW)
    alert_id = change().alert_id
    api.act(alert_id, Acknowledge(actor="li", at=NOW))
    api.act(alert_id, Close(actor="li", at=NOW, outcome=Outcome.CONFIRMED_VIOLATION))
    judge.record([change(600, revision=1)], recorded_at=NOW)
    assert len(api.alerts(AlertFilter(), limit=9).items) == 2
    assert api.changes_after(0, 9)
    assert refused(url, "serve", "INSERT INTO alert_change (alert_id) VALUES ('x')")
    assert refused(url, "judge", "SELECT * FROM device_command")


def test_the_recorder_removes_old_notices_and_reads_none(url: str) -> None:
    retention = NoticeRetention(open_database(of_role(url, "record")))
    assert retention.purge(NOW) == 0
    retention.close()
    for statement in ("SELECT body FROM notice", "UPDATE notice SET state = 'sent'", "SELECT evidence FROM alert"):
        assert refused(url, "record", statement), statement
    assert refused(url, "serve", "DELETE FROM notice")


def test_the_api_adds_and_removes_attachments_and_changes_none(url: str, tmp_path: Path) -> None:
    engine = open_database(of_role(url, "serve"))
    store = AttachmentStore(engine, AttachmentFiles(tmp_path), Limits(), inspect=inspect)
    owner = Owner(OwnerKind.ALERT, change().alert_id)
    one = store.put(owner, "a.jpg", [photo()], "li", NOW).attachment
    store.remove(owner, one.id, Removal(removed_by="li", removed_at=NOW, removed_reason="x"))
    store.close()
    for statement in ("DELETE FROM attachment", "UPDATE attachment SET sha256 = ''", "UPDATE attachment SET name = ''"):
        assert refused(url, "serve", statement), statement
    assert refused(url, "record", "SELECT name FROM attachment")


def test_the_api_adopts_devices_and_the_others_do_not(url: str) -> None:
    for process in PROCESSES:
        registry = Registry(of_role(url, process))
        city = registry.load_city()
        site_id = next(iter(city.sites))
        device = Device(f"adopted-by-{process}", DeviceRole.RECYCLING_POINT, site_id=site_id)
        if process == "serve":
            assert registry.add_device(device)
            assert device.id in registry.load_city().devices
        else:
            with pytest.raises(DatabaseMisconfigured, match="permission denied"):
                registry.add_device(device)
        registry.close()


def test_the_api_issues_commands(url: str) -> None:
    store = CommandStore(of_role(url, "serve"))
    command = Command(
        id="00000000000000c1",
        device_id="truck-001",
        kind=CommandKind.LOCATE,
        arguments={},
        actor="li",
        issued_at=NOW,
        expires_at=NOW + 60_000,
    )
    store.issue(command)
    assert store.command("00000000000000c1") is not None
    store.close()


def test_the_api_proposes_and_decides_on_suspected_sites_and_no_other_process_does(url: str) -> None:
    store = ProposalStore(open_database(of_role(url, "serve")))
    assert store.propose([PIT], NOW) == 1
    [proposal] = store.proposals()
    assert store.decide(proposal.id, accepted()).state is ProposalState.ACCEPTED
    store.close()
    for process in ("record", "judge"):
        assert refused(url, process, "UPDATE suspected_site SET state = 'dismissed'")
    assert refused(url, "serve", "DELETE FROM suspected_site")


def test_the_api_sends_notices_by_rules_that_it_cannot_change(url: str) -> None:
    owner, api = open_database(url), open_database(of_role(url, "serve"))
    NoticeRuleStore(owner).apply(StoredVersion(1, "rules: []", NOW, "li", "begin"))
    assert NoticeRuleStore(api).newest_version() == 1
    outbox = NoticeOutbox(api)
    new = NewNotice("a", "confirmed 1", "group", "", (), Kind.CALL, "illegal_dumping", "P1", "zh", "题", "文")
    assert outbox.plan("a", "confirmed 1", [new], [Climb("a", "all", 0, NOW)], NOW)
    [waiting] = outbox.waiting("group", 9)
    assert outbox.begin(waiting.no, NOW)
    assert outbox.sent(waiting.no, NOW)
    assert outbox.end_climb(Climb("a", "all", 0, NOW), "acknowledged", NOW)
    owner.dispose()
    api.dispose()
    assert refused(url, "serve", "UPDATE notice_rules SET content = ''")
    assert refused(url, "serve", "DELETE FROM notice")
    for process in ("record", "judge"):
        assert refused(url, process, "SELECT * FROM notice")
        assert refused(url, process, "SELECT * FROM notice_rules")


def test_the_api_works_on_cases_and_changes_none_of_their_events(
    url: str, journal_of: Callable[[str], AlertJournal]
) -> None:
    journal_of("judge").record([change(), change(60)], recorded_at=NOW)
    store = closed_later(CaseStore(open_database(of_role(url, "serve")), lambda: TERMS))
    alerts = (change().alert_id, change(60).alert_id)
    case = store.open_case(NewCase(kind=CaseKind.ALERT, title="x", alerts=alerts), "li", NOW).case
    by: dict[str, Any] = {"actor": "li", "at": NOW, "reason": "x"}
    store.act(case.number, RemoveAlert(alert_id=alerts[0], version=1, **by))
    store.act(case.number, CloseCase(outcome=CaseOutcome.UNFOUNDED, version=2, **by))
    assert store.act(case.number, Reopen(version=3, **by)).case.reopened == 1
    for statement in (
        "UPDATE case_event SET actor = 'x'",
        "DELETE FROM case_event",
        "DELETE FROM case_alert",
        "DELETE FROM case_file",
        "INSERT INTO case_event (no, number, at, actor, kind, detail) VALUES (1, '', 0, '', '', '{}')",
    ):
        assert refused(url, "serve", statement), statement
    for process in ("record", "judge"):
        for table in ("case_file", "case_alert", "case_event"):
            assert refused(url, process, f"SELECT * FROM {table}")


def test_the_api_keeps_reports_and_erases_names_and_no_other_process_sees_either(url: str) -> None:
    engine = open_database(of_role(url, "serve"))
    keys = NO_KEYS.with_new()
    reports, informants = ReportStore(engine, lambda: TERMS), Informants(engine, lambda: keys)
    for _ in range(2):
        reports.add(new_report(), seal=informants.sealer(Informant(name="王某")))
    assert informants.open(1).name == "王某"
    assert reports.join(2, reports.report(1).case_number, actor="li", at=NOW, reason="the same").no == 2
    assert informants.erase(1)
    engine.dispose()
    for statement in (
        "UPDATE public_report SET text = 'x'",
        "DELETE FROM public_report",
        "UPDATE public_report_informant SET sealed = ''",
    ):
        assert refused(url, "serve", statement), statement
    for process in ("record", "judge"):
        for table in ("public_report", "public_report_informant"):
            assert refused(url, process, f"SELECT * FROM {table}")


def test_the_api_keeps_weighing_sessions_and_no_decision_or_revision_ever_changes(url: str) -> None:
    city = read_city(JINCHENG)
    store = SessionStore(open_database(of_role(url, "serve")), lambda: city, move_manifest)
    ticket = Weighing(device_id="weighbridge-02", ts=NOW, gross_kg=27_000.0, tare_kg=12_000.0, ticket="A",
                      direction="out", plate="豫A99999")  # fmt: skip
    store.take("file", 1, [ticket], NOW)
    [one] = store.sessions(SessionFilter(unmatched=True), limit=9).items
    assert store.resolve(one.id, Decision("vehicle-001", "li", "seen", NOW)).session.vehicle == "truck-001"
    store.close()
    for statement in (
        "UPDATE weighing_decision SET vehicle_id = NULL", "DELETE FROM weighing_decision",
        "UPDATE weighing_session_change SET before = NULL", "DELETE FROM weighing_session",
        "UPDATE weighing SET body = NULL", "DELETE FROM weighing",
    ):  # fmt: skip
        assert refused(url, "serve", statement)
    for process in ("record", "judge"):
        assert refused(url, process, "SELECT * FROM weighing_session")


def test_the_recorder_reads_no_alert_and_no_command(url: str) -> None:
    for table in ("alert", "alert_change", "alert_action", "device_command", "login"):
        assert refused(url, "record", f"SELECT * FROM {table}"), table


def test_passwords_are_kept_hashed_and_change_with_the_url(url: str) -> None:
    def stored() -> str:
        engine = open_database(url)
        query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'haulwatch_record'"
        with transaction(engine) as connection:
            found = str(connection.execute(text(query)).scalar_one())
        engine.dispose()
        return found

    before = stored()
    assert before.startswith("SCRAM-SHA-256$")
    grant(url, {"record": of_role(url, "record").replace("secret-of-record", "another")})
    assert stored() != before


@pytest.mark.parametrize(
    ("owner", "role", "message"),
    [
        ("sqlite:///x.db", "postgresql://a:b@h/d", "SQLite has no roles"),
        ("postgresql://haulwatch:x@h/d", "postgresql://a@h/d", "names no user and password"),
        ("postgresql://haulwatch:x@h/d", "postgresql://haulwatch:x@h/d", "haulwatch owns the tables"),
    ],
)
def test_what_cannot_be_granted_is_said(owner: str, role: str, message: str) -> None:
    with pytest.raises(NoRoles, match=message):
        grant(owner, {"record": role})


def test_the_command_reads_the_urls_from_files(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAULWATCH_DATABASE_URL", url)
    arguments = ["db", "roles"]
    for process in PROCESSES:
        (tmp_path / process).write_text(of_role(url, process) + "\n")
        arguments += [f"--{process}", str(tmp_path / process)]
    done = CliRunner().invoke(command_line(), arguments)
    assert done.exit_code == 0, done.output
    assert done.output.split("\n")[:3] == [f"{process}: haulwatch_{process}" for process in PROCESSES]


def test_the_api_shelves_alerts_and_the_judge_reads_that(url: str) -> None:
    engines = {process: open_database(of_role(url, process)) for process in ("judge", "serve")}
    new = NewShelf(rule=None, subject="truck-001", reason="x", shelved_by="li", shelved_at=NOW, until=NOW + 60_000)
    api, judge = ShelfStore(engines["serve"]), ShelfStore(engines["judge"])
    api.end(api.add(new).no, "li", NOW + 1)
    assert [shelf.ended_by for shelf in judge.standing_after(NOW)] == ["li"]
    for engine in engines.values():
        engine.dispose()
    assert refused(url, "judge", "UPDATE shelf SET until = 0")
    assert refused(url, "record", "SELECT * FROM shelf")
