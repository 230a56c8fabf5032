"""The API with fakes, a real journal and a real command store."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from httpx import ASGITransport, AsyncClient

from api.app import create_app
from api.people_ports import People
from api.ports import ApiOptions, ApiParts, Check, Disk, Lag, ReadinessResult, ReadinessState
from api.report_ports import PublicReports
from devices.city.model import DeviceRole
from devices.commands.store import CommandStore
from devices.db import tables
from devices.db.database import open_database
from devices.db.registry import Registry
from devices.people import tables as people_tables
from devices.people.accounts import Accounts
from devices.people.audit import AuditTrail
from devices.people.sessions import Sessions
from devices.people.tokens import Tokens
from ingest.log.raw_log import Removed
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import ShelfStore
from rules.alerts.tables import metadata
from rules.attachments import tables as attachment_tables
from rules.attachments.files import AttachmentFiles
from rules.attachments.inspection import inspect
from rules.attachments.model import Limits
from rules.attachments.store import AttachmentStore
from rules.cases import tables as case_tables
from rules.cases.deadlines import Terms
from rules.cases.model import CaseKind
from rules.cases.store import CaseStore
from rules.catalogue import build_rules, corridor_m, silent_after_s
from rules.public_reports import tables as report_tables
from rules.public_reports.informants import Informants
from rules.public_reports.store import ReportStore
from rules.rule_sets import tables as rule_set_tables
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import RuleSet
from rules.rule_sets.shipped import with_shipped
from rules.rule_sets.store import RuleSetStore
from rules.suspected_sites.store import ProposalStore
from tests.api.fakes import (
    BROKER,
    COLLECTOR,
    NOW,
    RECORDER,
    FakeAdoption,
    FakeDeadLetters,
    FakeHistory,
    FakeLedger,
    FakeWhatIfs,
    Ring,
    UnavailableJournal,
    small_city,
)

RULES = build_rules()
SESSION_MS = 12 * 3_600_000


@pytest.fixture
def history() -> FakeHistory:
    return FakeHistory()


TABLES = {
    "journal": (metadata, case_tables.metadata, report_tables.metadata),
    "rule_sets": (rule_set_tables.metadata,),
    "proposals": (tables.metadata,),
    "commands": (tables.metadata,),
    "people": (people_tables.metadata,),
    "attachments": (attachment_tables.metadata,),
}


@pytest.fixture(scope="session")
def empty_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with its tables for each of `TABLES`, which tests copy: to make them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("empty")
    for name, its_tables in TABLES.items():
        engine = open_database(f"sqlite:///{folder / name}.db")
        for some in its_tables:
            some.create_all(engine)
        engine.dispose()
    return folder


@pytest.fixture(scope="session")
def city_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that holds the city of the tests."""
    file = tmp_path_factory.mktemp("city") / "registry.db"
    url = f"sqlite:///{file}"
    engine = open_database(url)
    tables.metadata.create_all(engine)
    engine.dispose()
    with closing(Registry(url)) as registry:
        registry.import_city(small_city())
    return file


@pytest.fixture
def registry(tmp_path: Path, city_database: Path) -> Iterator[Registry]:
    with closing(Registry(f"sqlite:///{shutil.copy(city_database, tmp_path)}")) as registry:
        yield registry


def copied(empty_databases: Path, name: str, folder: Path) -> str:
    """URL of a database of the test's own."""
    return f"sqlite:///{shutil.copy(empty_databases / f'{name}.db', folder)}"


@pytest.fixture
def journal(tmp_path: Path, empty_databases: Path) -> Iterator[AlertJournal]:
    engine = open_database(copied(empty_databases, "journal", tmp_path))
    yield AlertJournal(engine)
    engine.dispose()


@pytest.fixture
def shelves(tmp_path: Path, journal: AlertJournal) -> Iterator[ShelfStore]:
    """In the database of the journal, which has the tables."""
    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    yield ShelfStore(engine)
    engine.dispose()


@pytest.fixture
def cases(tmp_path: Path, journal: AlertJournal) -> Iterator[CaseStore]:
    """In the database of the journal, whose alerts they hold."""
    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    yield CaseStore(engine, lambda: Terms(dict.fromkeys(CaseKind, 7), ZoneInfo("Asia/Shanghai")))
    engine.dispose()


@pytest.fixture
def ring() -> Ring:
    return Ring()


@pytest.fixture
def public_reports(tmp_path: Path, journal: AlertJournal, ring: Ring) -> Iterator[PublicReports]:
    """In the database of the journal, as their cases."""
    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    terms = Terms(dict.fromkeys(CaseKind, 15), ZoneInfo("Asia/Shanghai"))
    yield PublicReports(ReportStore(engine, lambda: terms), Informants(engine, ring))
    engine.dispose()


@pytest.fixture
def rule_sets(tmp_path: Path, empty_databases: Path) -> Iterator[RuleSetStore]:
    engine = open_database(copied(empty_databases, "rule_sets", tmp_path))
    yield RuleSetStore(engine)
    engine.dispose()


@pytest.fixture
def proposals(tmp_path: Path, empty_databases: Path) -> Iterator[ProposalStore]:
    engine = open_database(copied(empty_databases, "proposals", tmp_path))
    yield ProposalStore(engine)
    engine.dispose()


@pytest.fixture
def command_store(tmp_path: Path, empty_databases: Path) -> Iterator[CommandStore]:
    store = CommandStore(copied(empty_databases, "commands", tmp_path))
    yield store
    store.close()


@pytest.fixture
def people(tmp_path: Path, empty_databases: Path, cheap_passwords: None) -> Iterator[People]:
    """Nobody yet."""
    engine = open_database(copied(empty_databases, "people", tmp_path))
    yield People(Accounts(engine), Sessions(engine, lifetime_ms=SESSION_MS), Tokens(engine), AuditTrail(engine))
    engine.dispose()


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
def dead_letters() -> FakeDeadLetters:
    return FakeDeadLetters()


@pytest.fixture
def adoption() -> FakeAdoption:
    return FakeAdoption()


@pytest.fixture
def what_ifs() -> FakeWhatIfs:
    return FakeWhatIfs()


@pytest.fixture
def attachments(tmp_path: Path, empty_databases: Path) -> Iterator[AttachmentStore]:
    engine = open_database(copied(empty_databases, "attachments", tmp_path))
    yield AttachmentStore(engine, AttachmentFiles(tmp_path / "attachments"), Limits(), inspect=inspect)
    engine.dispose()


@pytest.fixture
def parts(
    history: FakeHistory,
    journal: AlertJournal,
    command_store: CommandStore,
    ledger: FakeLedger,
    dead_letters: FakeDeadLetters,
    adoption: FakeAdoption,
    what_ifs: FakeWhatIfs,
    rule_sets: RuleSetStore,
    proposals: ProposalStore,
    registry: Registry,
    shelves: ShelfStore,
    cases: CaseStore,
    people: People,
    public_reports: PublicReports,
    attachments: AttachmentStore,
) -> ApiParts:
    city = small_city()

    async def good() -> ReadinessResult:
        return ReadinessResult(ReadinessState.OK, "answers")

    return ApiParts(
        city=lambda: city,
        history=history,
        weighbridges=lambda: [device for device in city.devices.values() if device.role is DeviceRole.WEIGHBRIDGE],
        journal=journal,
        shelves=shelves,
        commands=command_store,
        ledger=ledger.read,
        dead_letters=dead_letters,
        redrive=dead_letters.redrive,
        redrive_all=dead_letters.redrive_all,
        unregistered=adoption.unregistered,
        adopt=adoption.adopt,
        lag=lambda: {"recorder": Lag(12, 4.5), "judge": Lag(3, None)},
        rules=lambda: RuleSetChoice(with_shipped(RuleSet())),
        rule_sets=rule_sets,
        what_if=what_ifs,
        suspected_sites=proposals,
        registry=registry,
        cases=cases,
        people=people,
        public_reports=public_reports,
        attachments=attachments,
        corridor_m=lambda: corridor_m(RULES),
        silent_after_s=silent_after_s(RULES),
        collector=lambda: COLLECTOR,
        recorder=lambda: RECORDER,
        alive=lambda: {"collector": True, "recorder": True, "judge": False},
        disk=lambda: Disk(5_000, 1_000, 700, Removed(9, {"recorder": 2, "judge": 7}, NOW)),
        broker=lambda: BROKER,
        checks=(Check("store", good),),
        now=lambda: NOW,
    )


@pytest.fixture
def parts_without_journal(parts: ApiParts) -> ApiParts:
    return ApiParts(**{**vars(parts), "journal": UnavailableJournal()})


@asynccontextmanager
async def client_of(parts: ApiParts, options: ApiOptions) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(create_app(parts, options), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
async def client(parts: ApiParts) -> AsyncIterator[AsyncClient]:
    async with client_of(parts, ApiOptions(version="1.2.3", token="write-token-for-tests")) as client:
        yield client
