"""Reports: each is a case, once; the informant apart; duplicates in one case. The same stories on both databases."""

import threading
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from devices.db.database import open_database, transaction
from rules.alerts import tables as alert_tables
from rules.cases import tables as case_tables
from rules.cases.actions import Begin, Close
from rules.cases.deadlines import Terms
from rules.cases.model import CaseFilter, CaseKind, CaseOutcome, CaseState, CaseView, EventKind, UnknownCase
from rules.cases.store import CaseStore
from rules.public_reports import tables
from rules.public_reports.informants import Informants
from rules.public_reports.model import Category, Informant, NoInformant, ReportRefused, TooManyReports, UnknownReport
from rules.public_reports.progress import WORDS, Progress
from rules.public_reports.sealing import NO_KEYS, InformantKeys, NoInformantKey
from rules.public_reports.store import ReportFilter, ReportStore, Submission
from rules.public_reports.tables import public_report, public_report_informant
from tests.rules.public_reports.test_model import DAY, NOW, new

TERMS = Terms(dict.fromkeys(CaseKind, 15), ZoneInfo("Asia/Shanghai"))
WANG = Informant(name="王某", contact="138 0000 0000")


class Keys:
    """A ring that may change while it is used."""

    def __init__(self) -> None:
        self.ring = NO_KEYS.with_new()

    def __call__(self) -> InformantKeys:
        return self.ring


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    is_file = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'db'}" if is_file else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    for found in (alert_tables, case_tables, tables):
        found.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> ReportStore:
    return ReportStore(engine, lambda: TERMS)


@pytest.fixture
def cases(engine: Engine) -> CaseStore:
    return CaseStore(engine, lambda: TERMS)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def informants(engine: Engine, keys: Keys) -> Informants:
    return Informants(engine, keys)


def case_of(cases: CaseStore, number: str) -> CaseView:
    detail = cases.case(number, NOW)
    assert detail is not None
    return detail.case


def test_a_report_opens_a_case_with_a_deadline_at_its_place_and_time(store: ReportStore, cases: CaseStore) -> None:
    report = store.add(new(district="zezhou", seen_at=NOW - DAY)).report
    case = case_of(cases, report.case_number)
    assert (case.kind, case.state, case.opened_by) == (CaseKind.REPORT, CaseState.OPEN, "public report")
    assert (case.lat, case.lon, case.district) == (35.5, 112.8, "zezhou")
    assert case.happened_from == case.happened_until == NOW - DAY
    assert 15 * DAY < case.deadline - NOW < 17 * DAY
    assert "非法倾倒" in case.title
    assert (report.number, report.progress, report.district) == ("R-000001", Progress.RECEIVED, "zezhou")


def test_a_report_by_telephone_bears_the_name_of_the_operator(store: ReportStore, cases: CaseStore) -> None:
    report = store.add(new(channel="hotline", received_by="li.wei")).report
    assert case_of(cases, report.case_number).opened_by == "li.wei"


def test_the_code_opens_its_report_and_no_other(store: ReportStore, engine: Engine) -> None:
    first, second = store.add(new()), store.add(new())
    found = store.by_code(first.report.no, first.code.lower())
    assert found == first.report
    assert store.by_code(second.report.no, first.code) is None
    assert store.by_code(999, first.code) is None
    with transaction(engine) as connection:
        rows = str(connection.execute(select(public_report)).all())
    assert first.code not in rows
    assert first.code.replace("-", "") not in rows


def test_a_form_that_is_sent_twice_at_once_is_one_report_with_one_answer(store: ReportStore, cases: CaseStore) -> None:
    sent = Submission("form-1", "AAAA-BBBB-CCCC", 500)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(store.add(new(), submission=sent))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(answer.report.no, answer.code) for answer in answers} == {(1, "AAAA-BBBB-CCCC")}
    assert len(cases.cases(CaseFilter(), NOW, limit=9).items) == 1
    assert store.add(new(), submission=Submission("form-2", "DDDD-BBBB-CCCC", 500)).report.no == 2


def test_the_form_takes_so_many_in_a_day_and_no_more_and_operators_go_on(store: ReportStore) -> None:
    for number in range(3):
        store.add(new(), submission=Submission(f"form-{number}", f"A{number}", 3))
    late = Submission("late", "B", 3)
    with pytest.raises(TooManyReports, match="HAULWATCH_REPORT_MAX_PER_DAY"):
        store.add(new(received_at=NOW + DAY - 1), submission=late)
    assert store.add(new(channel="hotline", received_by="li.wei")).report.no == 4
    assert store.add(new(received_at=NOW + DAY), submission=late).report.no == 5


def test_a_report_whose_name_cannot_be_sealed_leaves_nothing_behind(
    store: ReportStore, cases: CaseStore, informants: Informants, keys: Keys
) -> None:
    keys.ring = NO_KEYS
    with pytest.raises(NoInformantKey):
        store.add(new(), seal=informants.sealer(WANG))
    assert store.reports(ReportFilter(), limit=9) == []
    assert cases.cases(CaseFilter(), NOW, limit=9).items == ()


def test_a_name_is_nowhere_but_sealed(
    store: ReportStore, informants: Informants, engine: Engine, tmp_path: Path
) -> None:
    receipt = store.add(new(), seal=informants.sealer(WANG))
    assert receipt.report.has_informant
    assert "王某" not in f"{receipt} {store.reports(ReportFilter(), limit=9)}"
    assert informants.open(receipt.report.no) == WANG
    with transaction(engine) as connection:
        connection.exec_driver_sql("SELECT 1")
    for file in tmp_path.glob("db*"):
        assert "王某".encode() not in file.read_bytes()
        assert b"138 0000" not in file.read_bytes()


def test_names_are_erased_by_age_and_on_request_and_reports_stay(store: ReportStore, informants: Informants) -> None:
    old = store.add(new(), seal=informants.sealer(WANG)).report
    young = store.add(new(received_at=NOW + DAY), seal=informants.sealer(WANG)).report
    assert informants.erase_before(NOW) == 0
    assert informants.erase_before(NOW + DAY) == 1
    with pytest.raises(NoInformant):
        informants.open(old.no)
    assert informants.open(young.no) == WANG
    assert informants.erase(young.no)
    assert not informants.erase(young.no)
    assert [one.has_informant for one in store.reports(ReportFilter(), limit=9)] == [False, False]


def test_an_erased_name_is_not_left_in_the_file(store: ReportStore, informants: Informants, engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL leaves it to VACUUM")
    store.add(new(), seal=informants.sealer(WANG))
    with transaction(engine) as connection:
        sealed = bytes(connection.execute(select(public_report_informant.c.sealed)).scalar_one())
    informants.erase_before(NOW + 1)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
    assert engine.url.database is not None
    assert sealed not in Path(engine.url.database).read_bytes()


def test_after_a_rotation_all_names_are_resealed_by_the_new_key(
    store: ReportStore, informants: Informants, keys: Keys
) -> None:
    for _ in range(3):
        store.add(new(), seal=informants.sealer(WANG))
    keys.ring = keys.ring.with_new()
    store.add(new(), seal=informants.sealer(WANG))
    assert informants.reseal() == 3
    assert informants.reseal() == 0
    keys.ring = keys.ring.only_newest()
    assert [informants.open(no) for no in (1, 2, 3, 4)] == [WANG] * 4


def test_the_informant_follows_the_case_in_plain_words(store: ReportStore, cases: CaseStore) -> None:
    report = store.add(new()).report
    number = report.case_number
    cases.act(number, Begin(actor="li.wei", at=NOW, version=1))
    assert store.report(report.no).progress is Progress.IN_WORK
    closing = Close(actor="li.wei", at=NOW, version=2, outcome=CaseOutcome.CONFIRMED_VIOLATION, reason="heap found")
    cases.act(number, closing)
    assert store.report(report.no).progress is Progress.VIOLATION
    assert not any("heap" in word or "li.wei" in word for text in WORDS.values() for word in (text.en, text.zh))


def test_every_end_of_a_case_has_words_in_both_languages(store: ReportStore, cases: CaseStore) -> None:
    found = set()
    for outcome in CaseOutcome:
        report = store.add(new()).report
        cases.act(report.case_number, Close(actor="a", at=NOW, version=1, outcome=outcome, reason="x"))
        progress = store.report(report.no).progress
        assert progress.is_closed
        found.add(progress)
    assert found | {Progress.RECEIVED, Progress.IN_WORK} == set(WORDS) == set(Progress)


def test_a_second_report_of_one_thing_joins_its_case_and_its_own_case_ends_as_a_duplicate(
    store: ReportStore, cases: CaseStore
) -> None:
    first, second = store.add(new()).report, store.add(new(text="a heap of spoil")).report
    joined = store.join(second.no, first.case_number, actor="li.wei", at=NOW + 1, reason="same heap")
    assert joined.case_number == first.case_number
    left = case_of(cases, second.case_number)
    assert (left.state, left.outcome, left.closed_by) == (CaseState.CLOSED, CaseOutcome.DUPLICATE, "li.wei")
    assert left.closing_reason == "并入其他案件 joined to another case"
    assert case_of(cases, first.case_number).state is CaseState.OPEN
    detail = cases.case(first.case_number, NOW)
    assert detail is not None
    came = detail.events[-1]
    assert (came.kind, came.actor, came.reason) == (EventKind.REPORT_JOINED, "li.wei", None)
    assert came.detail == {"report": "R-000002", "case": second.case_number, "because": "same heap"}
    assert [one.no for one in store.reports(ReportFilter(case_number=first.case_number), limit=9)] == [2, 1]


def test_a_case_that_keeps_another_report_goes_on_when_one_leaves_it(store: ReportStore, cases: CaseStore) -> None:
    reports = [store.add(new()).report for _ in range(3)]
    main = reports[0].case_number
    store.join(2, main, actor="a", at=NOW, reason="same")
    store.join(2, reports[2].case_number, actor="a", at=NOW, reason="not the same after all")
    assert case_of(cases, main).state is CaseState.OPEN
    detail = cases.case(main, NOW)
    assert detail is not None
    went = detail.events[-1]
    assert (went.kind, went.reason) == (EventKind.REPORT_LEFT, None)
    assert went.detail == {"report": "R-000002", "case": reports[2].case_number, "because": "not the same after all"}


def test_a_report_joins_no_case_that_is_not_there_nor_its_own(store: ReportStore, cases: CaseStore) -> None:
    report = store.add(new()).report
    with pytest.raises(UnknownCase):
        store.join(report.no, "2026-999999", actor="a", at=NOW, reason="x")
    with pytest.raises(ReportRefused):
        store.join(report.no, report.case_number, actor="a", at=NOW, reason="x")
    with pytest.raises(UnknownReport):
        store.join(99, report.case_number, actor="a", at=NOW, reason="x")
    assert store.report(report.no) == report
    assert case_of(cases, report.case_number).state is CaseState.OPEN


def test_reports_are_found_by_case_category_site_time_and_district_in_pages(store: ReportStore) -> None:
    store.add(new(district="zezhou", site_id="site-1"))
    store.add(new(district="gaoping", category=Category.SMELL, received_at=NOW + 5))
    store.add(new(received_at=NOW + 9))

    def found(where: ReportFilter, before: int | None = None) -> list[int]:
        return [one.no for one in store.reports(where, limit=2, before=before)]

    assert found(ReportFilter()) == [3, 2]
    assert found(ReportFilter(), before=2) == [1]
    assert found(ReportFilter(category=Category.SMELL)) == [2]
    assert found(ReportFilter(site_id="site-1")) == [1]
    assert found(ReportFilter(start=NOW + 5, end=NOW + 9)) == [2]
    assert found(ReportFilter(districts=frozenset({"zezhou"}))) == [1]
    assert found(ReportFilter(districts=frozenset())) == []
